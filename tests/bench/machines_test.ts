/** How the two machines are started, and what is read from what they print. @module */
import assert from "node:assert/strict";
import { guestResult, oursCommand, qemuCommand, SOURCES } from "../../bench/machines.ts";
import { ask, splitTimes, timeProcess } from "../../bench/process.ts";

Deno.test("guestResult finds the guest's last line behind a firmware's banner, and nothing in a failure", () => {
  const line = "sieve:3 checksum 0x00000000deadbeef";
  const result = { size: 3, checksum: "0x00000000deadbeef" };
  assert.deepEqual(guestResult(`OpenSBI v1.1\nBoot HART ID : 0\n${line}\n`, "sieve"), result);
  assert.deepEqual(guestResult(`${line}\n`, "sieve:3"), result);
  assert.equal(guestResult(`${line}\n`, "calls"), undefined);
  assert.equal(guestResult(`${line}00\n`, "sieve"), undefined);
  assert.equal(guestResult("FAIL unexpected trap: cause d, stval 0, pc 80200000\n", "sieve"), undefined);
});

Deno.test("splitTimes adds user and system time, and leaves what the program said", () => {
  assert.deepEqual(splitTimes("1.250 0.125\n"), { cpu: 1.375, errors: "" });
  assert.deepEqual(splitTimes("warning: 1.0 2.0\n0.500 0.250\n"), { cpu: 0.75, errors: "warning: 1.0 2.0" });
  assert.throws(() => splitTimes("bash: no such file\n"), /bash printed no times/);
});

Deno.test({
  name:
    "timeProcess runs a program on one processor, where there is taskset, and tells its exit code, output and errors",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const script = "grep Cpus_allowed_list /proc/self/status; echo oops >&2; exit 3";
    const { cpu, code, output, errors } = await timeProcess(["bash", "-c", script]);
    const allowed = /^Cpus_allowed_list:\t(\S+)\n$/.exec(output)![1];
    if (await ask("taskset", "--version") !== undefined) assert.match(allowed, /^\d+$/);
    assert.deepEqual([code, errors], [3, "oops"]);
    assert.ok(cpu >= 0 && cpu < 5);
  },
});

Deno.test("qemuCommand and oursCommand give both machines the same kernel, memory and arguments", () => {
  const options = { kernel: "k.elf", append: "sieve:3", memory: "64M" };
  const [qemu, ours] = [qemuCommand(options).join(" "), oursCommand(options, "jit").join(" ")];
  assert.match(qemu, /^qemu-system-riscv64 -M virt -m 64M .*-kernel k\.elf -append sieve:3$/);
  assert.match(ours, /--allow-read .*dist\/denovisor\.js run k\.elf --memory 64M --append=sieve:3 --engine jit$/);
  assert.match(oursCommand(options, "jit", SOURCES).join(" "), /--allow-read .*cli\/main\.ts run k\.elf /);
});

Deno.test("qemuCommand and oursCommand forget what the guest writes on its disk", () => {
  const options = { kernel: "k", initrd: "i", disk: "a,b.img" };
  assert.match(qemuCommand(options).join(" "), /-initrd i .*-drive file=a,,b\.img,.*snapshot=on/);
  assert.match(oursCommand(options, "jit").join(" "), /--initrd i --disk a,b\.img,overlay --engine jit$/);
});
