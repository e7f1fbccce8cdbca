/**
 * VMs around guests that a test writes in assembly, made through the public API.
 *
 * @module
 */
import { riscv } from "../../arch/riscv/mod.ts";
import type { PluginConfig, VmConfigInput } from "../../core/config_types.ts";
import { Hypervisor, type HypervisorOptions } from "../../core/hypervisor.ts";
import type { AxVM, RunOutcome } from "../../core/vm.ts";
import virtBoard from "../../plugins/virt_board.ts";
import { assemble, type Program } from "./assembler.ts";

/** Start of RAM. */
export const RAM = 0x8000_0000;

/** First instruction of a guest in guest mode; in machine mode it is {@link RAM}. */
export const ENTRY = 0x8020_0000;

/** Subroutines that every guest may call. They keep all registers but a0, a1, a6, a7, t0, t1, t2. */
const RUNTIME = `
putc: # a0: byte
  li a7,0x4442434e
  li a6,2
  ecall
  ret
puthex: # a0: printed as 16 hexadecimal digits and a newline
  mv t0,a0
  li t1,60
puthex_next:
  srl a0,t0,t1
  andi a0,a0,15
  addi a0,a0,48
  li t2,58
  blt a0,t2,puthex_digit
  addi a0,a0,39
puthex_digit:
  li a7,0x4442434e
  li a6,2
  ecall
  addi t1,t1,-4
  bgez t1,puthex_next
  li a0,10
  li a7,0x4442434e
  ecall
  ret
shutdown:
  li a0,0
  li a1,0
  li a6,0
  li a7,0x53525354
  ecall
  j shutdown
`;

/** The same for guests in machine mode, through the UART and the test finisher. */
const MACHINE_RUNTIME = `
putc:
  li a7,0x10000000
  sb a0,0(a7)
  ret
puthex:
  mv t0,a0
  li t1,60
  li a7,0x10000000
puthex_next:
  srl a0,t0,t1
  andi a0,a0,15
  addi a0,a0,48
  li t2,58
  blt a0,t2,puthex_digit
  addi a0,a0,39
puthex_digit:
  sb a0,0(a7)
  addi t1,t1,-4
  bgez t1,puthex_next
  li a0,10
  sb a0,0(a7)
  ret
shutdown:
  li t0,0x100000
  li t1,0x5555
  sw t1,0(t0)
  j shutdown
`;

/** How {@link createGuest} makes a VM. */
export interface GuestOptions {
  /** Guest mode (default) or machine mode. */
  readonly mode?: "guest" | "machine";
  /** Bytes of RAM (default 64 MiB). */
  readonly memory?: number;
  /** RAM beside that, in regions of its own. */
  readonly regions?: readonly { readonly gpa: number; readonly size: number }[];
  /** Virtual CPUs (default 1). */
  readonly cpus?: number;
  /** Options of the board. */
  readonly board?: Readonly<Record<string, unknown>>;
  /** Plugins beside the board. */
  readonly plugins?: readonly PluginConfig["use"][];
  /** Settings of the architecture. */
  readonly arch?: Readonly<Record<string, unknown>>;
  /** Settings of the clock; virtual unless said otherwise. */
  readonly clock?: VmConfigInput["clock"];
  /** How the hypervisor is made; one VM of its own unless `hypervisor` is given. */
  readonly host?: Partial<HypervisorOptions>;
  /** A hypervisor that other VMs live in. */
  readonly hypervisor?: Hypervisor;
}

/** A VM and what a test needs beside it. */
export interface TestGuest extends AsyncDisposable {
  /** The VM. */
  readonly vm: AxVM;
  /** Its program. */
  readonly program: Program;
  /** All that the guest printed. */
  output(): string;
  /** The 64 bits at a guest-physical address. */
  read64(address: number): bigint;
  /** Runs for so many more steps; returns the outcome. */
  advance(steps: number): Promise<RunOutcome>;
  /** Runs in slices until the guest has printed a text, at most `limit` steps. */
  runUntil(text: string, limit?: number): Promise<void>;
}

/** Assembles a guest and makes a VM for it. */
export async function createGuest(source: string, options: GuestOptions = {}): Promise<TestGuest> {
  const mode = options.mode ?? "guest";
  const base = mode === "guest" ? ENTRY : RAM;
  const program = assemble(base, source + (mode === "guest" ? RUNTIME : MACHINE_RUNTIME));
  return await createImageGuest(program, options);
}

/** The configuration of a VM for a program. */
export function guestConfig(program: Program, options: GuestOptions = {}): VmConfigInput {
  const plugins: PluginConfig[] = [{ use: virtBoard, options: options.board }];
  return {
    base: { mode: options.mode ?? "guest", cpu_num: options.cpus ?? 1 },
    kernel: {
      image: program.bytes,
      kernel_load_addr: program.base,
      memory_regions: [{ gpa: RAM, size: options.memory ?? 64 * 2 ** 20 }, ...(options.regions ?? [])],
    },
    plugins: [...plugins, ...(options.plugins ?? [])],
    arch: options.arch,
    clock: options.clock ?? "virtual",
  };
}

/** Makes a VM for a program. */
export async function createImageGuest(program: Program, options: GuestOptions = {}): Promise<TestGuest> {
  const hypervisor = options.hypervisor ?? new Hypervisor({ architectures: [riscv], ...options.host });
  const vm = await hypervisor.createVm(guestConfig(program, options));
  return watch(vm, program);
}

/** What a test needs beside a VM. */
export function watch(vm: AxVM, program: Program): TestGuest {
  let text = "";
  const decoder = new TextDecoder();
  for (const name of vm.consoleNames) {
    vm.console(name).onOutput((bytes) => void (text += decoder.decode(bytes, { stream: true })));
  }
  const advance = (steps: number): Promise<RunOutcome> => vm.run({ maxSteps: vm.steps + steps });
  return {
    vm,
    program,
    output: () => text,
    read64: (address) => {
      const bytes = vm.memory.read(address, 8);
      if (bytes === undefined) throw new Error(`There is no RAM at 0x${address.toString(16)}`);
      return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    },
    advance,
    runUntil: async (wanted, limit = 10_000_000) => {
      const end = vm.steps + limit;
      while (!text.includes(wanted)) {
        const { reason } = await advance(5000);
        if (reason === "steps" && vm.steps < end) continue;
        if (text.includes(wanted)) return;
        throw new Error(
          `The guest never printed ${JSON.stringify(wanted)} (${reason}); it printed ${JSON.stringify(text)}`,
        );
      }
    },
    [Symbol.asyncDispose]: () => vm.dispose(),
  };
}

/** Runs a guest to its own power-off; throws if it ends in another way. */
export async function runToEnd(guest: TestGuest, maxSteps = 50_000_000): Promise<string> {
  const outcome = await guest.vm.run({ maxSteps });
  if (outcome.reason === "shutdown" && outcome.code === 0) return guest.output();
  throw new Error(`The guest ended by ${JSON.stringify(outcome)}; it printed ${JSON.stringify(guest.output())}`);
}
