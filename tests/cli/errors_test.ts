/** What a user does wrong, each as a process: one sentence, the right exit code, never a stack trace. @module */
import assert from "node:assert/strict";
import { assertSentences, cli, twoAtATime, withGuests } from "./cli_process.ts";

interface Case {
  readonly args: string[];
  readonly code: number;
  readonly says: RegExp;
}

Deno.test("denovisor refuses a wrong command line with exit code 2", async () => {
  const cases: Case[] = [
    { args: [], code: 2, says: /No command is given; write denovisor run IMAGE/ },
    { args: ["run", "--memroy", "1G", "x"], code: 2, says: /no option "--memroy" \(did you mean "--memory"\?\)/ },
    { args: ["run", "x", "--memory", "12Q"], code: 2, says: /"--memory" must be a size such as 256M or 1G, not "12Q"/ },
    { args: ["run", "x.elf", "--bios", "y"], code: 2, says: /"--bios" needs a machine of its own; add --mode machine/ },
  ];
  await twoAtATime(cases, async ({ args, code, says }) => {
    const result = await cli(args);
    assert.equal(result.code, code, args.join(" "));
    assert.match(result.stderr, says);
    assertSentences(result, args.join(" "));
    assert.equal(result.stdout, "");
  });
});

const PLUGINS: Readonly<Record<string, string>> = {
  "syntax.ts": "export default {",
  "nothing.ts": "export const plugin = 1;",
  "old.ts": 'export default { name: "old", apiVersion: 0, setup() {} };',
  "overlap.ts": `export default { name: "twin", apiVersion: 1, setup(context) {
    context.device({ name: "twin", base: 0x10000080, size: 0x100, create: () => ({ state: {}, read: () => 0, write() {} }) });
  } };`,
  "stuck.ts": 'export default { name: "stuck", apiVersion: 1, setup: () => new Promise(() => {}) };',
  "node.ts": `export default { name: "node", apiVersion: 1, setup(context) {
    context.device({ name: "node", base: 0x20000000, size: 0x100, fdt: {}, create: () => ({}) });
  } };`,
  "line.ts": `export default { name: "line", apiVersion: 1, setup(context) {
    context.device({ name: "line", base: 0x20000000, size: 0x100, irq: 10, create: () => ({ state: {}, read: () => 0, write() {} }) });
  } };`,
};

Deno.test("denovisor says in one sentence which file, plugin or disk it cannot use", () =>
  withGuests(async (folder) => {
    for (const [name, source] of Object.entries(PLUGINS)) await Deno.writeTextFile(`${folder}/${name}`, source);
    const elf = await Deno.readFile(`${folder}/hello.elf`);
    await Deno.writeFile(`${folder}/cut.elf`, elf.subarray(0, 4200));
    await Deno.writeFile(`${folder}/x86.elf`, elf.with(18, 62));
    await Deno.writeFile(`${folder}/cut.gz`, Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2));
    await Deno.writeFile(`${folder}/empty.img`, new Uint8Array(0));
    const image = "shutdown.bin";
    const cases: Case[] = [
      { args: ["missing.elf"], code: 1, says: /the image "missing\.elf": there is no such file; check the path/ },
      { args: ["."], code: 1, says: /Cannot read the image "\.": it is a folder; name a file in it/ },
      { args: [image, "--initrd", "none"], code: 1, says: /--initrd "none": there is no such file/ },
      { args: ["cut.elf"], code: 1, says: /"cut\.elf": .* it is truncated or damaged; give another file/ },
      { args: ["x86.elf"], code: 1, says: /"x86\.elf": .*machine/i },
      { args: ["cut.gz"], code: 1, says: /Cannot unpack "cut\.gz": its gzip data is damaged, truncated/ },
      { args: [image, "--dtb", "hello.elf"], code: 1, says: /not a device-tree blob; give another file/ },
      { args: [image, "--load-address", "0x10000000"], code: 1, says: /0x10000000 is not in RAM/ },
      { args: [image, "--memory", "1M"], code: 1, says: /RAM is .*; give the VM more memory/ },
      { args: ["/dev/zero"], code: 1, says: /"\/dev\/zero" .* it is a device; name a file/ },
      { args: [image, "--plugin", "stuck.ts"], code: 1, says: /perhaps a plugin's setup\(\) that never ends/ },
      { args: [image, "--plugin", "node.ts"], code: 1, says: /\[plugin node\] .*its fdt must have a "node"/ },
      { args: [image, "--plugin", "none.ts"], code: 1, says: /\[plugin none\.ts\] Cannot load .*none\.ts/ },
      { args: [image, "--plugin", "./syntax.ts"], code: 1, says: /\[plugin \.\/syntax\.ts\] Cannot load/ },
      { args: [image, "--plugin", "nothing.ts"], code: 1, says: /has no default export; write "export default/ },
      {
        args: [image, "--plugin", "old.ts"],
        code: 1,
        says: /\[plugin old\] .*version 0 .*use a plugin of that version/,
      },
      { args: [image, "--plugin", "overlap.ts"], code: 1, says: /\[plugin twin\] .*"twin".*overlap.*"uart0"/i },
      { args: [image, "--plugin", "line.ts"], code: 1, says: /\[plugin line\] .*interrupt.*10.*"uart0"/i },
      { args: [image, "--disk", "none.img"], code: 1, says: /none\.img": there is no such file; check the path/ },
      { args: [image, "--disk", "."], code: 1, says: /it is a folder; name a file in it/ },
      { args: [image, "--disk", "empty.img"], code: 1, says: /it is empty; make an image/ },
      { args: ["hello.elf", "--signature", "no/s"], code: 1, says: /there is no folder ".*no"; make it first/ },
      { args: ["hello.elf", "--signature", "s"], code: 1, says: /no symbols begin_signature and end_signature/ },
    ];
    await twoAtATime(cases, async ({ args, code, says }) => {
      const result = await cli(["run", ...args], { cwd: folder });
      assert.match(result.stderr, says, `${args.join(" ")}: ${result.stderr}`);
      assert.equal(result.code, code, result.stderr);
      assertSentences(result, args.join(" "));
    });
  }));

Deno.test("denovisor names the permission that Deno was not given", () =>
  withGuests(async (folder) => {
    const result = await cli(["run", "hello.elf"], {
      cwd: folder,
      deno: ["--allow-read", `--deny-read=${folder}/hello.elf`],
    });
    assert.equal(result.code, 1);
    assert.match(
      result.stderr,
      /the image "hello\.elf": Deno was started without the permission; requires read access/,
    );
    assertSentences(result, "no permission");
  }));

Deno.test("denovisor calls an unexpected error a bug and shows its stack when asked", () =>
  withGuests(async (folder) => {
    const late = "setTimeout(() => { throw new RangeError('late') }, 50)";
    await Deno.writeTextFile(
      `${folder}/late.ts`,
      `export default { name: "late", apiVersion: 1, setup() { ${late} } };`,
    );
    for (const debug of ["0", "1"]) {
      const result = await cli(["run", "hang.bin", "--plugin", "late.ts"], {
        cwd: folder,
        env: { DENOVISOR_DEBUG: debug },
      });
      assert.equal(result.code, 1);
      assert.match(result.stderr, /^denovisor: Unexpected RangeError: late: this is a bug .*; please report it/);
      assert.equal(/late\.ts:1:\d+/.test(result.stderr), debug === "1", result.stderr);
    }
  }));
