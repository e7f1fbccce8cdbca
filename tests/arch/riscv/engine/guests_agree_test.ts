/** Whole guests end alike on every engine: the same steps, console bytes, registers and memory. @module */
import assert from "node:assert/strict";
import { riscv } from "../../../../arch/riscv/mod.ts";
import { ENGINE_NAMES } from "../../../../arch/riscv/hart.ts";
import { Hypervisor } from "../../../../core/hypervisor.ts";
import { MemoryBlock } from "../../../../devices/virtio/block_memory.ts";
import { baseAddress, DISK_SIZE, type Guest, GUESTS } from "../../../../examples/guests/guests.ts";
import virtBoard from "../../../../plugins/virt_board.ts";

/** Guests that take the oracle about a second at most. */
const NAMES = ["hello", "demo", "machine_hello", "paging", "selfmod", "arceos_contract", "cmp_privileged", "nested"];

const FOLDER = new URL("../../../../examples/guests/", import.meta.url);

/** What is left of a guest at its end. */
interface End {
  readonly outcome: unknown;
  readonly steps: number;
  readonly text: string;
  readonly memory: string;
  readonly registers: readonly bigint[];
}

async function runGuest({ name, mode, forms, disk }: Guest, engine: string): Promise<End> {
  const image = await Deno.readFile(new URL(`${name}/${name}.${forms[0]}`, FOLDER));
  const hypervisor = new Hypervisor({ architectures: [riscv] });
  const vm = await hypervisor.createVm({
    base: { mode: mode === "machine" ? "machine" : "guest" },
    kernel: {
      image,
      kernel_load_addr: forms[0] === "bin" ? baseAddress(mode) : undefined,
      memory_regions: [{ gpa: 0x8000_0000, size: 64 * 2 ** 20 }],
    },
    plugins: [{
      use: virtBoard,
      options: disk === undefined ? {} : { disks: [{ backend: new MemoryBlock(DISK_SIZE) }] },
    }],
    clock: "virtual",
    arch: { engine },
  });
  try {
    let text = "";
    const decoder = new TextDecoder();
    for (const console of vm.consoleNames) {
      vm.console(console).onOutput((bytes) => void (text += decoder.decode(bytes, { stream: true })));
    }
    const outcome = await vm.run({ maxSteps: 10_000_000 });
    const registers = Array.from({ length: 32 }, (_, index) => vm.vcpus[0].arch.getGpr(index));
    return { outcome, steps: vm.steps, text, memory: await vm.hashMemory(), registers };
  } finally {
    await vm.dispose();
  }
}

for (const name of NAMES) {
  Deno.test(`every engine runs the guest ${name} to the same end`, async () => {
    const guest = GUESTS.find((candidate) => candidate.name === name)!;
    const [first, ...others] = await Promise.all(ENGINE_NAMES.map((engine) => runGuest(guest, engine)));
    assert.ok(first.text.length > 0);
    for (const other of others) assert.deepEqual(other, first);
  });
}
