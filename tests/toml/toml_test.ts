/**
 * VMs in TOML as processes. They need the TOML parser from the npm registry once, so they are no part of `deno task test`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assertSentences, cli, ROOT, twoAtATime, withGuests } from "../cli/cli_process.ts";

const BOARD = new URL("plugins/virt_board.ts", ROOT).pathname;

/** A whole VM in AxVisor's schema. */
const VM = `
[base]
id = 1
name = "hello"
vm_type = 1
cpu_num = 1
phys_cpu_ids = [0]

[kernel]
entry_point = 0x8020_0000
kernel_path = "../hello.elf"
memory_regions = [[0x8000_0000, 0x400_0000, 7, 0]]

[devices]
emu_devices = []
passthrough_devices = []

[[plugins]]
use = "${BOARD}"
`;

/** Writes files into a folder beside the guests and runs `test`. */
function withFiles(files: Record<string, string | Uint8Array>, test: (folder: string) => Promise<void>): Promise<void> {
  return withGuests(async (guests) => {
    const folder = `${guests}/vms`;
    await Deno.mkdir(folder);
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await test(folder);
  });
}

Deno.test("denovisor runs and checks a VM's TOML; its paths start from its folder", () =>
  withFiles({ "vm.toml": VM }, async (folder) => {
    const run = await cli(["run", "vms/vm.toml"], { cwd: `${folder}/..` });
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^Hello from a guest/);
    const check = await cli(["check", `${folder}/vm.toml`]);
    assert.equal(check.code, 0, check.stderr);
    assert.match(check.stdout, /vm\.toml is right: VM "hello", 1 CPU, 64 MiB of RAM, 1 plugin, 12 devices\n$/);
  }));

Deno.test("denovisor run changes a TOML's VM by options, whose paths are the caller's", () =>
  withFiles({ "vm.toml": VM, "d.img": "x".repeat(32768) }, async (folder) => {
    const small = await cli(["run", `${folder}/vm.toml`, "--memory", "1M"]);
    assert.match(small.stderr, /0x80200000 is not in RAM/);
    const demo = new URL("examples/guests/demo/demo.elf", ROOT).pathname;
    const greeter = new URL("examples/plugins/greet_sbi.ts", ROOT).pathname;
    const args = ["run", "vm.toml", "--kernel", demo, "--memory", "128M", "--virtual-time", "--stats"];
    const changed = await cli([...args, "--disk", "d.img,ro", "--plugin", greeter], { cwd: folder });
    assert.equal(changed.code, 0, changed.stderr);
    assert.match(changed.stdout, /64 sectors, read-only/);
    assert.match(changed.stdout, /brought by a plugin: it counts 1, 2/);
    assert.match(changed.stderr, /RAM SHA-256/);
  }));

const TWINS = `
${VM}
[[plugins]]
use = "${new URL("plugins/uart.ts", ROOT).pathname}"
base = 0x1000_0000
`;

Deno.test("denovisor check says in one sentence each what is wrong with a TOML, and where", () => {
  const files: Record<string, [content: string | Uint8Array, ...says: RegExp[]]> = {
    "syntax.toml": ["[base]\ncpu_num = \n", /^denovisor: syntax\.toml:2:\d+: .*; correct the TOML there$/m],
    "binary.toml": [Uint8Array.of(0xff, 0xfe, 0), /"binary\.toml": it is not text in UTF-8/],
    "unknown.toml": [
      VM.replace("cpu_num", "cpu_nun").replace("entry_point", "entry_pint"),
      /^denovisor: base\.cpu_nun: is not a known key \(did you mean "cpu_num"\?\)$/m,
      /^denovisor: kernel\.entry_pint: is not a known key \(did you mean "entry_point"\?\)$/m,
    ],
    "physical.toml": [
      VM.replace("passthrough_devices = []", 'passthrough_devices = [["serial", 0x1000_0000]]'),
      /devices\.passthrough_devices: is refused: there are no physical devices/,
    ],
    "image.toml": [
      VM.replace("hello.elf", "none.elf"),
      /kernel_path "\.\.\/none\.elf".*there is no such file; check the path/,
    ],
    "plugin.toml": [
      VM.replace("virt_board.ts", "vird_board.ts"),
      /\[plugin .*vird_board\.ts\] Cannot load .*check the path/,
    ],
    "twins.toml": [TWINS, /\[plugin uart\] Cannot add device "uart0": .*"uart0"/],
    "option.toml": [
      `${VM}[plugins.options]\ndisk = 1\n`,
      /\[plugin virt_board\] Unknown option "disk" \(did you mean "disks"\?\)/,
    ],
  };
  return withFiles(
    Object.fromEntries(Object.entries(files).map(([name, [content]]) => [name, content])),
    async (folder) => {
      await twoAtATime(Object.entries(files), async ([name, [, ...says]]) => {
        const result = await cli(["check", name], { cwd: folder });
        for (const wanted of says) assert.match(result.stderr, wanted);
        assert.equal(result.code, 1);
        assert.equal(result.stderr.trimEnd().split("\n").length, says.length, result.stderr);
        assertSentences(result, name);
      });
      const missing = await cli(["check", "none.toml"], { cwd: folder });
      assert.match(missing.stderr, /Cannot read "none\.toml": there is no such file; check the path/);
    },
  );
});

Deno.test("denovisor says which package is missing when a TOML cannot be parsed for want of it", () =>
  withFiles({ "vm.toml": VM }, async (folder) => {
    const result = await cli(["check", "vm.toml"], {
      cwd: folder,
      env: { DENO_DIR: `${folder}/cache` },
      deno: ["--cached-only", "--allow-read"],
    });
    assert.equal(result.code, 1);
    assert.match(
      result.stderr,
      /the TOML parser \(npm:smol-toml@.*\) is not in Deno's cache .*run "deno cache npm:smol-toml@/,
    );
  }));
