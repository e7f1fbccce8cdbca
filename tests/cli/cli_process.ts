/**
 * The command line as a process, in a folder of its own with small guests in it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assemble } from "../integration/assembler.ts";

/** The project's folder. */
export const ROOT = new URL("../../", import.meta.url);

/** The program. */
export const MAIN = new URL("cli/main.ts", ROOT).pathname;

/** The permissions of `deno task denovisor`, and no others. */
export const PERMISSIONS: readonly string[] = [
  "--allow-read",
  "--allow-write",
  "--allow-import",
  "--allow-env=INIT_CWD,DENOVISOR_DEBUG",
];

/** Environment of every process: no colours, no questions. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  NO_COLOR: "1",
  DENO_NO_PROMPT: "1",
  DENO_NO_UPDATE_CHECK: "1",
};

/** What a process left. */
export interface CliResult {
  /** Exit code. */
  readonly code: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/** How a process is started. */
export interface CliOptions {
  /** Working folder. Default: the project's. */
  readonly cwd?: string | URL;
  /** More environment. */
  readonly env?: Record<string, string>;
  /** Standard input, which ends after it. Default: empty. */
  readonly stdin?: string;
  /** Options of `deno run`. Default: {@link PERMISSIONS}. */
  readonly deno?: readonly string[];
}

/** Starts the program. */
export function startCli(args: readonly string[], { cwd = ROOT, env = {}, deno = PERMISSIONS }: CliOptions = {}) {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...deno, MAIN, ...args],
    cwd,
    env: { ...ENVIRONMENT, ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs the program to its end. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options);
  const input = child.stdin.getWriter();
  const given = input.write(new TextEncoder().encode(options.stdin ?? "")).then(() => input.close()).catch(() => {});
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), given]);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Fails if an error shows anything but sentences of ours. */
export function assertSentences(result: CliResult, what: string): void {
  for (const line of result.stderr.trimEnd().split("\n")) {
    assert.match(line, /^denovisor: [A-Za-z"[-].*[^.]$/, `${what}: ${result.stderr}`);
  }
  assert.doesNotMatch(result.stderr, /\n\s+at |Uncaught|Unexpected \w+Error/, what);
}

/** Runs several things, two at a time: as many as the smallest machine has processors. */
export async function twoAtATime<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

const SHUTDOWN = `
  li a7,0x53525354
  li a6,0
  li a0,0
  li a1,0
  ecall
`;

/** Guests in S-mode by file name, position-independent. */
const GUESTS: Readonly<Record<string, string>> = {
  "shutdown.bin": SHUTDOWN,
  "failure.bin": SHUTDOWN.replace("li a1,0", "li a1,1"),
  "hang.bin": "hang: j hang",
  "nowhere.bin": "li t0,0x7fff0000\n jr t0",
  "sleep.bin": "sleep: wfi\n j sleep",
  "echo.bin": `
  li s0,0x10000000
wait:
  lbu t0,5(s0)
  andi t0,t0,1
  beqz t0,wait
  lbu a0,0(s0)
  sb a0,0(s0)
  li t1,10
  bne a0,t1,wait
  ${SHUTDOWN}`,
  "prompt.bin": `
  li s0,0x10000000
  li a0,62
print:
  sb a0,0(s0)
wait:
  lbu t0,5(s0)
  andi t0,t0,1
  beqz t0,wait
  lbu a0,0(s0)
  j print`,
  "chatter.bin": `
  li s0,0x10000000
  li a0,46
again:
  sb a0,0(s0)
  j again`,
};

/** Makes a guest that reports a failure through the test finisher; it runs in either mode. */
export function finisherGuest(code: number): Uint8Array {
  return assemble(0, `li t0,0x100000\n li t1,${code * 65536 + 0x3333}\n sw t1,0(t0)\nhang: j hang`).bytes;
}

/** Runs `test` in a new folder that holds the small guests and `hello.elf`. */
export async function withGuests(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "denovisor cli " });
  try {
    for (const [name, source] of Object.entries(GUESTS)) {
      await Deno.writeFile(`${folder}/${name}`, assemble(0, source).bytes);
    }
    await Deno.copyFile(new URL("examples/guests/hello/hello.elf", ROOT), `${folder}/hello.elf`);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
