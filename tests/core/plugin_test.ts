/**
 * Tests of the plugin loader and of what plugins register with a VM.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Device } from "../../core/device.ts";
import { readFdt } from "../../core/fdt.ts";
import type { FdtBody } from "../../core/fdt_types.ts";
import { Hypervisor } from "../../core/hypervisor.ts";
import { loadPlugin } from "../../core/plugin.ts";
import type { Plugin, PluginContext } from "../../core/plugin_types.ts";
import { rootProperties } from "../../core/vm_build.ts";
import { scriptedArch } from "./scripted_arch.ts";
import { config, devicePlugin, plugin, registerDevice, scriptedVm, shutdown } from "./vm_fixture.ts";

const here = new URL(import.meta.url);

/** A module that exports `source`, as a URL. */
function moduleUrl(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** The message with which a VM with these plugins is refused, and what is left of it. */
async function refusal(
  plugins: readonly (Plugin | string | { use: Plugin; [key: string]: unknown })[],
): Promise<string> {
  const hypervisor = new Hypervisor({ architectures: [scriptedArch([])] });
  try {
    await hypervisor.createVm({ ...config(), plugins } as Record<string, unknown>, { base: here });
  } catch (error) {
    assert.deepEqual(hypervisor.list(), []);
    return (error as Error).message;
  }
  assert.fail("the plugins were accepted");
}

Deno.test("loadPlugin takes a module object, its default export, a URL and a relative path", async () => {
  const own = plugin(() => {});
  assert.equal(await loadPlugin(own, undefined), own);
  assert.equal(await loadPlugin({ default: own }, undefined), own);
  const url = moduleUrl("export default { name: 'by-url', apiVersion: 1, setup() {} }");
  assert.equal((await loadPlugin(url, undefined)).name, "by-url");
  const relative = "../../plugins/uart.ts";
  assert.equal((await loadPlugin(relative, here)).name, "uart");
  await assert.rejects(
    loadPlugin(relative, undefined),
    /Cannot resolve plugin "\.\.\/\.\.\/plugins\/uart\.ts": it is relative/,
  );
});

Deno.test("loadPlugin says in one sentence what is wrong with a module", async () => {
  const message = async (use: string): Promise<string> => {
    try {
      await loadPlugin(use, here);
    } catch (error) {
      return (error as Error).message;
    }
    assert.fail("it was loaded");
  };
  const missing = await message("./no_such_plugin.ts");
  assert.match(
    missing,
    /^\[plugin \.\/no_such_plugin\.ts\] Cannot load file:.*no_such_plugin\.ts: there is no such module; check the path$/,
  );
  assert.ok(!missing.includes("\n"));
  assert.match(await message(moduleUrl("export const x = 1")), /has no default export/);
  assert.match(await message(moduleUrl("export default 3")), /must be a plugin object, not 3/);
  assert.match(await message(moduleUrl("export default { apiVersion: 1 }")), /has no name/);
  assert.match(
    await message(moduleUrl("export default { name: 'old', apiVersion: 0, setup() {} }")),
    /\[plugin old\] The plugin is written for version 0 of the plugin interface, but this is version 1/,
  );
  assert.match(
    await message(moduleUrl("export default { name: 'n', apiVersion: 1 }")),
    /\[plugin n\] .* no setup function/,
  );
});

Deno.test("A VM refuses unknown options, and names the known ones", async () => {
  const knows: Plugin = { ...plugin(() => {}), options: { path: "Path of the image" } };
  assert.equal(
    await refusal([{ use: knows, options: { pth: "x" } }]),
    '[plugin test] Unknown option "pth" (did you mean "path"?); it knows "path"',
  );
  assert.match(await refusal([{ use: plugin(() => {}), options: { a: 1 } }]), /Unknown option "a"; it knows none/);
});

Deno.test("A VM names the plugin that fails in its setup, once, and keeps nothing of the others", async () => {
  const device = registerDevice();
  const failing = plugin(() => {
    throw new Error("the disk is full");
  }, "broken");
  assert.equal(await refusal([devicePlugin(device), failing]), "[plugin broken] the disk is full");
  assert.equal(device.state.disposals, 0, "it was never made");
  const late = devicePlugin(registerDevice(), {
    name: "late",
    base: 0x2000_0000,
    create: () => {
      throw new Error("no memory");
    },
  }, "late");
  assert.equal(await refusal([devicePlugin(device), late]), '[plugin late] Cannot create device "late": no memory');
  assert.equal(device.state.disposals, 1);
});

Deno.test("A VM names both parties of a conflict", async () => {
  const one = devicePlugin(registerDevice(), {}, "one");
  const two = devicePlugin(registerDevice(), { name: "device1", base: 0x1000_0080 }, "two");
  const overlap = await refusal([one, two]);
  assert.match(overlap, /^\[plugin two\] Cannot add device "device1"/);
  assert.match(overlap, /overlaps "device0" at 0x10000000\.\.0x10000100 of plugin "one"/);
  const wires = await refusal([
    devicePlugin(registerDevice(), { irq: 5 }, "one"),
    devicePlugin(registerDevice(), { name: "device1", base: 0x2000_0000, irq: 5 }, "two"),
  ]);
  assert.match(wires, /interrupt 5 belongs to "device0"/);
  assert.match(await refusal([devicePlugin(registerDevice(), { base: 0x8000_0000 })]), /RAM/);
});

Deno.test("PluginContext refuses extension points that nobody owns, and registration after setup", async () => {
  const unknown = plugin((context) => context.extend({ name: "no-such-point" }, 1));
  assert.match(
    await refusal([unknown]),
    /\[plugin test\] Cannot extend "no-such-point": this VM has no extension point "no-such-point"; it has "root-properties", "scripted"/,
  );
  let late: (() => void) | undefined;
  const { arch } = await scriptedVm([[]], {
    plugins: [plugin((context) => {
      context.extend({ name: "scripted" }, 42);
      late = () => context.device({ name: "x", base: 0, size: 4, create: registerDevice });
    })],
  });
  assert.deepEqual(arch.extensions, [42]);
  assert.throws(late!, /\[plugin test\] Adding device "x" is possible during setup only/);
});

Deno.test("The configuration's base and irq win over the plugin's own, for its one device", async () => {
  const use = devicePlugin(registerDevice(), { irq: 3 });
  const { vm } = await scriptedVm([[]], { plugins: [{ use, base: 0x3000_0000, irq: 9 }] });
  assert.deepEqual(vm.devices.map(({ name, base, irq }) => ({ name, base, irq })), [{
    name: "device0",
    base: 0x3000_0000,
    irq: 9,
  }]);
  assert.match(await refusal([{ use: plugin(() => {}), base: 4096 }]), /but the plugin has no device/);
  const two = plugin((context) => {
    for (const base of [0, 4096]) context.device({ name: `d${base}`, base, size: 4, create: registerDevice });
  });
  assert.match(await refusal([{ use: two, irq: 4 }]), /one base or irq, but the plugin has more devices \("d4096"\)/);
});

Deno.test("Devices reach an interrupt controller that is registered after them; no_irq takes the wires away", async () => {
  const seen: string[] = [];
  const plugins = [
    plugin((context) => {
      context.device({
        name: "early",
        base: 0x1000_0000,
        size: 4,
        irq: 7,
        create: ({ irq }) => {
          irq.set(true);
          return registerDevice();
        },
      });
    }, "early"),
    devicePlugin(
      {
        ...registerDevice(),
        irqController: { setIrq: (irq, asserted) => void seen.push(`${irq} ${asserted}`) },
      },
      { name: "controller", base: 0x2000_0000 },
      "controller",
    ),
  ];
  await scriptedVm([[]], { plugins });
  assert.deepEqual(seen, ["7 true"]);
  await scriptedVm([[]], { plugins, devices: { interrupt_mode: "no_irq" } });
  assert.deepEqual(seen, ["7 true"]);
  const twice = devicePlugin(
    { ...registerDevice(), irqController: { setIrq() {} } },
    { name: "other", base: 0 },
    "other",
  );
  assert.match(
    await refusal([...plugins, twice]),
    /"controller" of plugin "controller" and "other" of plugin "other" are both/,
  );
});

Deno.test("Plugins contribute to the device tree, and excluded nodes are gone", async () => {
  let dtb = 0;
  const arch = scriptedArch([shutdown()]);
  const hypervisor = new Hypervisor({ architectures: [arch] });
  const vm = await hypervisor.createVm({
    ...config(),
    kernel: { ...config().kernel, cmdline: "quiet", ramdisk: new Uint8Array(100) },
    devices: { excluded_devices: [["/soc/gone@20000000"]] },
    plugins: [
      plugin((context) => context.extend(rootProperties, { compatible: "test-board", model: "Test" })),
      devicePlugin(registerDevice(), {
        irq: 3,
        fdt: { node: "serial", properties: { compatible: "x" }, chosen: { "stdout-path": "$path" } },
      }),
      devicePlugin(registerDevice(), { name: "gone", base: 0x2000_0000, fdt: { node: "gone", properties: {} } }),
    ],
  });
  await vm.run();
  dtb = Number(arch.calls.find((call) => call.startsWith("boot"))!.split(" ")[2]);
  const { root } = readFdt(vm.memory.read(dtb, 0x4000)!);
  const text = (value: unknown): string => new TextDecoder().decode(value as Uint8Array);
  assert.deepEqual(Object.keys(root.children.soc.children), ["serial@10000000"]);
  assert.equal(text(root.properties.model), "Test\0");
  assert.equal(text(root.children.chosen.properties.bootargs), "quiet\0");
  assert.equal(text(root.children.chosen.properties["stdout-path"]), "/soc/serial@10000000\0");
  assert.equal((root.children.chosen.properties["rng-seed"] as Uint8Array).length, 32);
  assert.ok(root.children["memory@80000000"] && root.children.cpus);
  const initrd = root.children.chosen.properties["linux,initrd-end"] as Uint8Array;
  assert.equal(new DataView(initrd.buffer, initrd.byteOffset).getUint32(4), dtb - 4096 + 100);
});

Deno.test("VmControl.later applies results after a fixed virtual latency, in the order of requests", async () => {
  const log: string[] = [];
  const { vm } = await scriptedVm([[{
    kind: "MmioRead",
    addr: 0x1000_0000,
    width: 4,
    reg: 1,
    regWidth: 8,
    signedExt: false,
  }]], {
    plugins: [plugin((context) => {
      const device = {
        state: {},
        write(): void {},
        read(): number {
          const slow = new Promise<string>((resolve) => setTimeout(() => resolve("slow"), 20));
          const note = (result: string): void =>
            void log.push(`${result} at step ${vm.steps}, tick ${context.clock.now()}`);
          context.vm.later(slow, note);
          context.vm.later(Promise.resolve("quick"), note);
          context.vm.later(Promise.reject(new Error("lost")), note);
          return 0;
        },
      };
      context.device({ name: "d", base: 0x1000_0000, size: 4, create: () => device });
    })],
  });
  await vm.run({ maxSteps: 50_000 });
  assert.deepEqual(log, ["slow at step 10000, tick 1000", "quick at step 10000, tick 1000"]);
});

Deno.test("A VM ends with a sentence that names the plugin whose timer, observer or completion throws", async () => {
  const fail = (): never => {
    throw new Error("no such luck");
  };
  const causes: Record<string, (context: PluginContext) => void> = {
    'Timer "x/y"': ({ clock, onReset }) => {
      const timer = clock.timer("x/y", fail);
      onReset(() => timer.set(10));
    },
    "The observer of exits": ({ onExit }) => onExit(fail),
    "Completing background work": ({ vm, onReset }) => onReset(() => vm.later(Promise.resolve(1), fail)),
  };
  for (const [what, setup] of Object.entries(causes)) {
    const { vm } = await scriptedVm([[]], { plugins: [plugin(setup)] });
    assert.deepEqual(await vm.run(), {
      reason: "failed",
      code: 1,
      message: `[plugin test] ${what} failed: no such luck`,
    });
  }
});

Deno.test("A VM refuses what create() returns if it is no device, and an interrupt that the controller does not have", async () => {
  const nothing = devicePlugin(undefined as unknown as Device);
  await assert.rejects(
    scriptedVm([[]], { plugins: [nothing] }),
    /\[plugin test\] .*"device0".* returned nothing; return/,
  );
  const lame = devicePlugin({ state: {} } as unknown as Device);
  await assert.rejects(scriptedVm([[]], { plugins: [lame] }), /lacks state, read or write/);
  const controller = devicePlugin(
    { ...registerDevice(), irqController: { inputs: { first: 1, last: 96 }, setIrq: () => {} } },
    { name: "pic", base: 0x2000_0000 },
    "pic",
  );
  await assert.rejects(
    scriptedVm([[]], { plugins: [controller, devicePlugin(registerDevice(), { irq: 97 })] }),
    /\[plugin test\] Cannot wire device "device0" to interrupt 97: "pic" of plugin "pic" has inputs 1 to 96; give/,
  );
});

Deno.test("A VM refuses a device-tree node that is none, naming plugin, device and property", async () => {
  const refusal = async (fdt: unknown): Promise<void> => {
    await scriptedVm([[]], { plugins: [devicePlugin(registerDevice(), { fdt: fdt as FdtBody })] });
  };
  await assert.rejects(
    refusal({ compatible: "x" }),
    /\[plugin test\] Cannot add device "device0": its fdt must have a "node"/,
  );
  await assert.rejects(
    refusal({ node: "n", properties: { rate: 5 } }),
    /property "rate" of its fdt must be true, a string, a list or bytes, not 5; write \[5\]/,
  );
});
