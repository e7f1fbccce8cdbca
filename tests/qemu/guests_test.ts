/** The comparison guests of `examples/guests` print on QEMU what they print here: integer, floating-point and privileged transcripts. @module */
import assert from "node:assert/strict";
import { riscv } from "../../arch/riscv/mod.ts";
import { Hypervisor } from "../../core/hypervisor.ts";
import virtBoard from "../../plugins/virt_board.ts";
import { GUESTS } from "../../examples/guests/guests.ts";
import { runQemu } from "./qemu.ts";

const FOLDER = new URL("../../examples/guests/", import.meta.url);

async function runHere(image: Uint8Array): Promise<{ text: string; code: number | undefined }> {
  const hypervisor = new Hypervisor({ architectures: [riscv] });
  const vm = await hypervisor.createVm({
    base: { mode: "machine" },
    kernel: { image, memory_regions: [{ gpa: 0x8000_0000, size: 128 * 2 ** 20 }] },
    plugins: [{ use: virtBoard }],
    clock: "virtual",
  });
  try {
    let text = "";
    const decoder = new TextDecoder();
    vm.console().onOutput((bytes) => void (text += decoder.decode(bytes, { stream: true })));
    const { code } = await vm.run({ maxSteps: 2_000_000_000 });
    return { text: text.replaceAll("\r", ""), code };
  } finally {
    await vm.dispose();
  }
}

for (const { name } of GUESTS.filter(({ name }) => name.startsWith("cmp_"))) {
  Deno.test(`${name} prints the same on QEMU and here`, async () => {
    const file = new URL(`${name}/${name}.elf`, FOLDER);
    const here = await runHere(await Deno.readFile(file));
    const qemu = await runQemu(["-bios", "none", "-kernel", file.pathname]);
    assert.deepEqual([here.code, qemu.code], [0, 0]);
    assert.deepEqual(here.text.split("\n"), qemu.text.split("\n"));
  });
}
