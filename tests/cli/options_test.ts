/** The command line as data. @module */
import assert from "node:assert/strict";
import { helpText, parseCommand, type RunCommand } from "../../cli/options.ts";
import {
  parseAddress,
  parseCount,
  parseOptions,
  parseSeconds,
  parseSize,
  UsageError,
} from "../../cli/parse_options.ts";

function run(...args: string[]): RunCommand {
  const command = parseCommand(["run", ...args]);
  assert.equal(command.command, "run");
  return command as RunCommand;
}

function refuses(says: RegExp, ...args: string[]): void {
  assert.throws(() => parseCommand(args), (error: unknown) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, says);
    return true;
  });
}

Deno.test("parseCommand reads every option of run", () => {
  const { command: _, ...options } = run(
    ...["kernel.elf", "--memory", "1G", "--cpus=4", "--initrd", "i", "--append", "a=b c", "--dtb", "d"],
    ...["--disk", "a.img", "--disk", "b,c.img,ro", "--disk=o.img,overlay", "--disk", "w.img,rw"],
    ...["--load-address", "0x80400000", "--plugin", "p.ts", "--plugin", "https://example.com/q.ts", "--virtual-time"],
    ...[
      "--timeout",
      "1.5",
      "--stats",
      "--engine",
      "jit",
      "--code-cache",
      "64M",
      "--signature",
      "s",
      "--signature-granularity",
      "16",
      "--mode",
      "guest",
    ],
  );
  assert.deepEqual(options, {
    target: "kernel.elf",
    memory: 2 ** 30,
    cpus: 4,
    initrd: "i",
    append: "a=b c",
    dtb: "d",
    disks: [
      { path: "a.img", mode: "rw" },
      { path: "b,c.img", mode: "ro" },
      { path: "o.img", mode: "overlay" },
      { path: "w.img", mode: "rw" },
    ],
    loadAddress: 0x8040_0000,
    plugins: ["p.ts", "https://example.com/q.ts"],
    engine: "jit",
    codeCache: 64 * 2 ** 20,
    virtualTime: true,
    timeout: 1.5,
    stats: true,
    signature: "s",
    granularity: 16,
    mode: "guest",
    bios: undefined,
    kernel: undefined,
  });
});

Deno.test("parseCommand leaves to the VM what is not said", () => {
  const { memory, cpus, mode, timeout, stats, virtualTime, disks, granularity } = run("x.elf");
  assert.deepEqual([memory, cpus, mode, timeout, stats, virtualTime, disks, granularity], [
    undefined,
    undefined,
    undefined,
    undefined,
    false,
    false,
    [],
    8,
  ]);
});

Deno.test("parseCommand knows commands, help and version", () => {
  assert.deepEqual(parseCommand(["check", "a.TOML"]), { command: "check", path: "a.TOML" });
  for (const help of [["--help"], ["-h"], ["run", "x", "--help"]]) {
    assert.deepEqual(parseCommand(help), { command: "help" });
  }
  assert.deepEqual(parseCommand(["--version"]), { command: "version" });
});

Deno.test("parseCommand refuses what makes no sense together", () => {
  refuses(/There is no command "x\.elf"; to run it, write denovisor run x\.elf/, "x.elf");
  refuses(/There is no command "start"; use run or check/, "start");
  refuses(/"b" is one argument too many/, "run", "a", "b");
  refuses(/run needs a VM's TOML file or an image/, "run");
  refuses(/check needs a VM's TOML file/, "check", "a.elf");
  refuses(/"--stats" does nothing for check/, "check", "a.toml", "--stats");
  refuses(/both kernels/, "run", "a", "--kernel", "b");
  refuses(/three images/, "run", "a", "--kernel", "b", "--bios", "c", "--mode", "machine");
  refuses(/"--bios" needs a machine of its own/, "run", "--bios", "c", "--kernel", "k");
  refuses(/must be guest or machine, not "gest" \(did you mean "guest"\?\)/, "run", "a", "--mode", "gest");
  refuses(/must be 4 or 8 or 16, not "5"/, "run", "a", "--signature-granularity", "5");
  refuses(/from 1M to 3G in whole pages/, "run", "a", "--memory", "4G");
  refuses(/from 1M to 3G in whole pages/, "run", "a", "--memory", "2097153");
  refuses(/whole number from 1 to 64, not "0"/, "run", "a", "--cpus", "0");
});

Deno.test("parseOptions refuses unknown options, missing and surplus values, and repetition", () => {
  refuses(/no option "--zzz"; --help lists them all/, "run", "a", "--zzz");
  refuses(/no option "-q"/, "run", "a", "-q");
  refuses(/"--initrd" needs a value: --initrd FILE/, "run", "a", "--initrd");
  refuses(/"--initrd" needs a value/, "run", "a", "--initrd=");
  refuses(/followed by "--stats"; if that is its value, write --initrd=--stats/, "run", "a", "--initrd", "--stats");
  refuses(/"--stats" takes no value; leave "=1" out/, "run", "a", "--stats=1");
  refuses(/"--memory" is given twice/, "run", "a", "--memory", "1M", "--memory", "2M");
  assert.equal(run("a", "--append=--root").append, "--root");
  assert.deepEqual(parseOptions(["--", "-x"], []).positionals, ["-x"]);
});

Deno.test("parseOptions understands every way to write an option", () => {
  const rows = [
    { name: "all", short: "a", help: "" },
    { name: "bits", short: "b", value: "N", multiple: true, help: "" },
  ];
  const parsed = parseOptions(["x", "-ab1", "-b", "2", "--bits", "3", "-", "--bits=4=5", "--", "--all"], rows);
  assert.deepEqual(parsed.positionals, ["x", "-", "--all"]);
  assert.ok(parsed.has("all"));
  assert.deepEqual(parsed.values("bits"), ["1", "2", "3", "4=5"]);
  assert.throws(() => parseOptions(["-b"], rows), { message: 'Option "-b" needs a value: -b N' });
  assert.throws(() => parseOptions(["-aa"], rows), { message: /"-a" is given twice/ });
  assert.throws(() => parseOptions(["-ax"], rows), { message: /no option "-x"/ });
  assert.throws(() => parseOptions(["-b", "-a"], rows), { message: /followed by "-a"/ });
});

Deno.test("parseSize, parseCount, parseAddress and parseSeconds take numbers as people write them", () => {
  assert.deepEqual(["256M", "1g", "64KiB", "4096", "2MB"].map((text) => parseSize(text, "--x")), [
    2 ** 28,
    2 ** 30,
    65536,
    4096,
    2 ** 21,
  ]);
  assert.deepEqual(["0x80200000", "4096"].map((text) => parseAddress(text, "--x")), [
    0x8020_0000,
    4096,
  ]);
  assert.equal(parseCount("64", "--x", 1, 64), 64);
  assert.equal(parseSeconds("0.25", "--x"), 0.25);
  const wrong: [parse: (text: string) => unknown, texts: string[]][] = [
    [(text) => parseSize(text, "--x"), ["", "M", "1.5G", "-1", "12T", "99999999999999999999"]],
    [(text) => parseAddress(text, "--x"), ["", "0x", "80x", "-1", "0xfffffffffffffffff"]],
    [(text) => parseCount(text, "--x", 1, 64), ["0", "65", "1.5", "two"]],
    [(text) => parseSeconds(text, "--x"), ["0", "-1", "1e9", "soon", "2000001"]],
  ];
  for (const [parse, texts] of wrong) for (const text of texts) assert.throws(() => parse(text), UsageError, text);
});

Deno.test("helpText names every option of run, in lines that fit", () => {
  const text = helpText();
  for (const line of text.split("\n")) assert.ok(line.length <= 125, line);
  const named = [...text.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name);
  assert.equal(named.length, 18);
});
