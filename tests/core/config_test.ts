/**
 * Tests of `validateConfig` and its table of keys.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CONFIG_KEYS, validateConfig } from "../../core/config.ts";
import { ConfigError } from "../../core/errors.ts";

const image = new Uint8Array([1]);

function problems(config: unknown): readonly string[] {
  try {
    validateConfig(config);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

Deno.test("validateConfig fills in every default of a small configuration", () => {
  const config = validateConfig({ kernel: { image } });
  assert.deepEqual(config.base, { vm_type: 2, cpu_num: 1, mode: "guest" });
  assert.deepEqual(config.kernel.memory_regions, [{ gpa: 0x8000_0000, size: 0x1000_0000, flags: 7, map_type: 0 }]);
  assert.deepEqual(config.devices, { emu_devices: [], interrupt_mode: "emu", excluded_devices: [] });
  assert.deepEqual([config.plugins, config.arch, config.clock.steps_per_tick], [[], {}, 10]);
});

Deno.test("validateConfig takes a VM TOML of AxVisor, in positional and in table form", () => {
  const positional = {
    base: { id: 0, name: "linux", vm_type: 1, cpu_num: 2, phys_cpu_ids: [0, 1], phys_cpu_sets: [1, 3] },
    kernel: {
      entry_point: 0x8020_0000,
      image_location: "fs",
      kernel_path: "linux.bin",
      kernel_load_addr: 0x8020_0000,
      dtb_path: "linux.dtb",
      dtb_load_addr: 0x8200_0000,
      cmdline: "console=ttyS0",
      memory_regions: [[0x8000_0000, 0x400_0000, 0x7, 0]],
    },
    devices: {
      emu_devices: [["ivc", 0x4000_0000, 0x10_0000, 0, 0xA, []]],
      passthrough_devices: [],
      excluded_devices: [["/soc/rtc@101000"]],
      interrupt_mode: "emulated",
    },
  };
  const table = structuredClone(positional) as Record<string, Record<string, unknown>>;
  table.kernel.memory_regions = [{ gpa: 0x8000_0000, size: 0x400_0000n, flags: 7, map_type: 0 }];
  table.devices.emu_devices = [{
    name: "ivc",
    base_gpa: 0x4000_0000,
    length: 0x10_0000,
    irq_id: 0,
    emu_type: 10,
    cfg_list: [],
  }];
  const config = validateConfig(positional);
  assert.deepEqual(config, validateConfig(table));
  assert.equal(config.base.id, 0);
  assert.deepEqual(config.devices.excluded_devices, ["/soc/rtc@101000"]);
  assert.deepEqual(validateConfig(config), config, "a validated configuration is valid");
});

Deno.test("validateConfig reports every problem at once, each with the path of its key", () => {
  assert.deepEqual(
    problems({
      base: { cpu_num: 0, nmae: "x", mode: "host", vm_type: 0, kernel_path: "x" },
      kernel: {
        kernel_path: 3,
        memory_regions: [[0x8000_0001, 0x1000], [1, 2, 3, 4, 5], { gpa: 0, sise: 4096 }],
        disk_path: "d",
      },
      devices: {
        emu_devices: [["plic", 0xc00_0000, 0x60_0000, 0, 0x30, [2]]],
        passthrough_devices: [["uart"]],
        interrupt_mode: "passthrough",
      },
      plugins: [{ use: 3, bases: 4 }, 7],
      clock: "imaginary",
      kernal: {},
    }),
    [
      'base.nmae: is not a known key (did you mean "name"?)',
      "base.kernel_path: is not a known key (it belongs to [kernel])",
      'kernal: is not a known section (did you mean "kernel"?)',
      "base.vm_type: 0 (HostVM) is refused: there is no physical machine for it to take over; use 1 or 2",
      "base.cpu_num: must be 1 or more, not 0",
      'base.mode: must be "guest" or "machine", not "host"',
      "kernel.kernel_path: must be a string, not 3",
      "kernel.disk_path: is refused: a disk is a device; write a [[plugins]] entry for a block device with this path in its options",
      "kernel.memory_regions[0].gpa: must be a multiple of 0x1000, not 0x80000001",
      "kernel.memory_regions[1]: has 5 values, but 4 are known: gpa, size, flags, map_type",
      'kernel.memory_regions[2].sise: is not a known key (did you mean "size"?)',
      "kernel.memory_regions[2].size: is missing",
      "devices.emu_devices[0].emu_type: 48 is refused: devices come from plugins; write a [[plugins]] entry with use, " +
      "base = 201326592 and irq (only 10, the channel window, and 0, which does nothing, are emulated by the hypervisor itself)",
      "devices.passthrough_devices: is refused: there are no physical devices behind a software machine; add a plugin that models the device",
      'devices.interrupt_mode: "passthrough" is refused: there are no physical devices behind a software machine; add a plugin that models the device',
      'plugins[0].bases: is not a known key (did you mean "base"?)',
      "plugins[0].use: must be the path or URL of a module, or a plugin module, not 3",
      "plugins[1]: must be a table, a path or a plugin module, not 7",
      'clock.kind: must be "real" or "virtual", not "imaginary"',
    ],
  );
});

Deno.test("validateConfig checks what single values cannot tell", () => {
  assert.deepEqual(
    problems({
      base: { cpu_num: 2, phys_cpu_ids: [1, 0], phys_cpu_sets: [1] },
      kernel: {
        image,
        kernel_path: "k",
        image_location: "memory",
        dtb_load_addr: 0x8000_0000,
        entry_point: 0x100,
        memory_regions: [[0x8000_0000, 0x1000_0000], [0x8800_0000, 0xb000_0000]],
      },
    }),
    [
      "base.phys_cpu_ids: must be [0, 1], not [1, 0]: the guest's CPUs are numbered from 0",
      "base.phys_cpu_sets: must have 2 masks, one for each CPU, not 1",
      "kernel.memory_regions[1]: 0x88000000-0x137ffffff overlaps kernel.memory_regions[0], 0x80000000-0x8fffffff",
      "kernel.image: is given together with kernel.kernel_path; give one of them",
      'kernel.kernel_path: does not agree with image_location "memory": give kernel.image, or "fs"',
      "kernel.dtb_load_addr: there is no dtb to load; give kernel.dtb_path, or leave it out",
      "kernel.entry_point: 0x100 is not in RAM (0x80000000-0x8fffffff, 0x88000000-0x137ffffff)",
    ],
  );
  assert.deepEqual(problems({ kernel: {} }), [
    "kernel.kernel_path: is missing: name the kernel's file, or give its bytes as kernel.image",
  ]);
  assert.deepEqual(problems({ base: { mode: "machine" }, kernel: { bios: image } }), []);
  assert.deepEqual(problems({ kernel: { image, memory_regions: [[0x8000_0000, 0xc000_1000]] } }), [
    "kernel.memory_regions: are 3221229568 bytes in all, but a VM can have 3221225472 (3 GiB) at most",
  ]);
  assert.deepEqual(problems({ kernel: { image, memory_regions: [] } }), [
    "kernel.memory_regions: must have a region: a VM without memory cannot run",
  ]);
  assert.deepEqual(problems(3), ["The configuration must be a table, not 3"]);
});

Deno.test("CONFIG_KEYS documents every key once", () => {
  const keys = CONFIG_KEYS.map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
  for (const { key, meaning, type } of CONFIG_KEYS) assert.ok(meaning.length > 3 && type.length > 2, key);
  for (const wanted of ["base.phys_cpu_sets", "kernel.disk_path", "devices.passthrough_addresses", "plugins"]) {
    assert.ok(keys.includes(wanted), wanted);
  }
});

Deno.test("validateConfig refuses what a channel window does not have, and a second one", () => {
  const problems = (emu_devices: unknown): string => {
    try {
      validateConfig({ kernel: { kernel_path: "k" }, devices: { emu_devices } });
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  const text = problems([["ivc", 0x4000_0000, 0x1000, 5, 10, [2]]]);
  assert.match(text, /emu_devices\[0\]\.irq_id: 5 is refused: a channel window has no interrupt; write 0/);
  assert.match(text, /emu_devices\[0\]\.cfg_list: is refused/);
  const two = problems([["a", 0x4000_0000, 0x1000, 0, 10, []], ["b", 0x5000_0000, 0x1000, 0, 10, []]]);
  assert.match(two, /"a" and "b" are both channel windows, but a VM can have one/);
});
