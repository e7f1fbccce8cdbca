/** The Linux example, as a process. Needs the guest that `deno task linux` prepares. @module */
import assert from "node:assert/strict";
import { defaultCacheDir, prepareLinux } from "../../cli/linux/mod.ts";
import { runExample } from "../examples/run_example.ts";

Deno.test("examples/linux.ts drives Debian's shell with exactly the permissions of its header, and leaves the disk alone", async () => {
  const { disk } = await prepareLinux({ cacheDir: defaultCacheDir(), progress: () => {} });
  const before = await Deno.stat(disk);
  const { code, stdout, stderr } = await runExample("examples/linux.ts");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^uname -sm: Linux riscv64$/m);
  assert.match(stdout, /^grep -m1 isa \/proc\/cpuinfo: isa\s+: rv64imafdc/m);
  assert.match(stdout, /^mount \| grep vda: \/dev\/vda on \/ type ext4 \(rw/m);
  assert.match(stdout, /^The guest ended by shutdown after \d+ writes to devices\.$/m);
  assert.equal((await Deno.stat(disk)).mtime?.getTime(), before.mtime?.getTime());
});
