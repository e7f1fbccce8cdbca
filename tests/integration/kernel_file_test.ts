/** A kernel that is named by its path is read from there at every start, and must stay what it was. @module */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { createDenoHost } from "../../host/deno.ts";
import { Hypervisor, riscv, virtBoard } from "../../mod.ts";

const HELLO = new URL("../../examples/guests/hello/hello.bin", import.meta.url);

Deno.test("a kernel file is read at each start; once it was changed, the next start says so", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.copyFile(HELLO, path);
    const hypervisor = new Hypervisor({ architectures: [riscv], host: createDenoHost({ log: () => {} }) });
    const vm = await hypervisor.createVm({ kernel: { kernel_path: pathToFileURL(path).href }, plugins: [virtBoard] });
    let output = "";
    vm.console().onOutput((bytes) => void (output += new TextDecoder().decode(bytes)));
    for (let start = 1; start <= 2; start++) {
      assert.deepEqual(await vm.run(), { reason: "shutdown", code: 0 });
      assert.equal(output.match(/Hello/g)?.length, start, output);
      vm.reset();
    }
    await Deno.writeFile(path, new Uint8Array(4096));
    await assert.rejects(vm.run(), { message: /^Cannot read ".*": the file was changed since the VM was created/ });
    await hypervisor.dispose();
  } finally {
    await Deno.remove(path);
  }
});
