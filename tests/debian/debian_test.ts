/**
 * Debian's unmodified kernel, end to end: the command line's own task as a process, and the same guest through the API.
 *
 * Needs apt and its mirror, mke2fs and xz. Run it with `deno task debian`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createDebian } from "./debian_vm.ts";

const ROOT = new URL("../../", import.meta.url);

interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `deno task linux` with arguments, as a user types it. */
async function linux(...args: string[]): Promise<Finished> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "linux", "--timeout", "300", ...args],
    cwd: ROOT,
    stdin: "null",
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

function cpuSeconds(stderr: string): number {
  return Number(/^CPU seconds\s+([\d.]+)$/m.exec(stderr)?.[1]);
}

Deno.test("deno task linux --run boots to a command within 12 s of CPU time, and its writes are there on the next boot", async () => {
  const first = await linux(
    "--fresh",
    "--stats",
    "--run",
    "uname -a; cat /proc/cpuinfo; mount; dd if=/dev/vda bs=4096 count=1 2>/dev/null | wc -c; echo done > /root/f; sync",
  );
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^Linux .* riscv64 GNU\/Linux$/m);
  assert.match(first.stdout, /^isa\s*: rv64imafdc/m);
  assert.match(first.stdout, /^\/dev\/\S+ on \/ type ext4 \(rw/m);
  assert.match(first.stdout, /^4096$/m);
  const seconds = cpuSeconds(first.stderr);
  console.log(`boot and command: ${seconds} s of CPU time`);
  assert.ok(seconds <= 12, `${seconds} s of CPU time`);

  const second = await linux("--run", "cat /root/f; echo told >&2; exit 7");
  assert.deepEqual(second, { code: 7, stdout: "done\n", stderr: "told\n" });
});

Deno.test("deno task linux --cpus 4 shows four CPUs to the guest", async () => {
  const { code, stdout, stderr } = await linux("--cpus", "4", "--run", "nproc; grep -c ^processor /proc/cpuinfo");
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "4\n4\n");
});

Deno.test("Debian's OpenSBI boots in machine mode and hands over to the same kernel, which loads kvm", async () => {
  const debian = await createDebian({
    firmware: true,
    virtual: true,
    command: "modprobe kvm && dmesg | grep -o 'kvm.*G-stage.*'; dmesg | grep -o 'SBI implementation ID=0x1 '",
  });
  const outcome = await debian.vm.run();
  assert.equal(outcome.reason, "shutdown");
  assert.equal(debian.status(), 0, debian.console());
  assert.match(debian.console(), /OpenSBI v\d/);
  assert.match(debian.output(), /kvm.*: using Sv57x4 G-stage page table format/);
  assert.match(debian.output(), /SBI implementation ID=0x1/);
  await debian.vm.dispose();
});

/** What a boot under virtual time leaves behind. */
async function bootVirtually(engine: string, cpus: number): Promise<Record<string, unknown>> {
  const debian = await createDebian({ virtual: true, command: "uname -a", engine, cpus });
  const outcome = await debian.vm.run();
  assert.equal(outcome.reason, "shutdown");
  assert.match(debian.output(), /^Linux /);
  const { vm } = debian;
  const left = { steps: vm.steps, console: debian.console(), output: debian.output(), ram: await vm.hashMemory() };
  await vm.dispose();
  return left;
}

for (const cpus of [1, 2]) {
  Deno.test(`Debian boots with ${cpus} CPU(s) under virtual time to the same instruction count, console bytes and RAM, twice with jit and once with the interpreter`, async () => {
    const first = await bootVirtually("jit", cpus);
    assert.deepEqual(await bootVirtually("jit", cpus), first);
    assert.deepEqual(await bootVirtually("interpreter", cpus), first);
  });
}

Deno.test("a 512 MiB Debian guest idle at its shell keeps the process below what it touched plus 350 MB, and 450 MB", async () => {
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-read",
      "--allow-write",
      "--allow-run",
      "--allow-env",
      new URL("./idle_rss.ts", import.meta.url).href,
    ],
    stdin: "null",
    stderr: "inherit",
  });
  const { code, stdout } = await command.output();
  assert.equal(code, 0);
  const { rss, touched } = JSON.parse(new TextDecoder().decode(stdout));
  console.log(`RSS ${(rss / 1e6).toFixed(0)} MB, guest touched ${(touched / 1e6).toFixed(0)} MB`);
  assert.ok(rss < touched + 350e6 && rss < 450e6, `RSS ${rss}, touched ${touched}`);
});
