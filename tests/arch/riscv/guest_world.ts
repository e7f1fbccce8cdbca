/** The architecture's side of a VM without a VM: RAM, virtual CPUs, and a test in the place of the run loop. @module */
import { AddrSpace } from "../../../core/addrspace/addr_space.ts";
import { MappingFlags } from "../../../core/addrspace/nested_page_table.ts";
import type { ArchGuest, ArchGuestContext, AxArchVCpu, DeviceAccess, VmMode } from "../../../core/arch_vcpu.ts";
import type { AxVCpuExitReason } from "../../../core/exit.ts";
import { HostMemory } from "../../../core/memory.ts";
import type { TranslatorOptions } from "../../../arch/riscv/engine/translator.ts";
import { RiscvGuest } from "../../../arch/riscv/guest.ts";
import type { RiscvVCpu } from "../../../arch/riscv/vcpu.ts";

/** Guest-physical address of RAM, and of the first instruction. */
export const RAM = 0x8000_0000;

/** Bytes of RAM. */
export const RAM_SIZE = 0x8_0000;

/** Address that no RAM is at, where tests play the device. */
export const DEVICE = 0x1000_0000;

/** How a {@link World} is made. */
export interface WorldOptions {
  mode?: VmMode;
  cpus?: number;
  /** The `[arch]` table. */
  arch?: Record<string, unknown>;
  /** Whether RAM has its frames from the start (default true); machine mode has them always. */
  populate?: boolean;
  /** How hot code is translated. */
  translation?: TranslatorOptions;
  /** The short way to devices; left out: accesses are exits. */
  devices?: DeviceAccess;
}

/** Virtual CPUs over RAM. */
export class World {
  readonly memory = new HostMemory({ size: 0x200_0000, shared: false });
  readonly guest: ArchGuest;
  readonly space: AddrSpace;
  readonly cpus: RiscvVCpu[];
  /** Ticks of the timebase. */
  time = 0;
  /** What firmware printed. */
  printed = "";

  constructor({ mode = "guest", cpus = 1, arch = {}, populate = true, translation, devices }: WorldOptions = {}) {
    const { memory } = this;
    const context: ArchGuestContext = {
      cpus,
      mode,
      guestMemorySize: RAM_SIZE,
      memory,
      clock: { frequency: 10_000_000, epoch: 0, now: () => this.time, timer: () => ({ set() {}, cancel() {} }) },
      console: () => ({
        write: (bytes: Uint8Array) => void (this.printed += new TextDecoder().decode(bytes)),
        read: () => new Uint8Array(),
      } as unknown as ReturnType<ArchGuestContext["console"]>),
      readGuest: (address, length) => this.memory.u8.slice(this.host(address), this.host(address) + length),
      writeGuest: () => false,
      isRam: (address) => this.space.contains(address),
      devices,
      cpuStatus: () => "started",
      nowMs: () => 0,
      options: arch,
    };
    this.guest = new RiscvGuest(context, translation);
    this.space = new AddrSpace({
      table: this.guest.createNestedPageTable(),
      memory,
      onContentsChanged: (host, length) => this.guest.invalidateCode(host, length),
    });
    const flags = MappingFlags.READ | MappingFlags.WRITE | MappingFlags.EXECUTE | MappingFlags.USER;
    if (mode === "machine") {
      const host = memory.allocContiguous(RAM_SIZE / 4096)!;
      this.space.mapLinear(RAM, host, RAM_SIZE, flags, { name: "RAM" });
    } else {
      this.space.mapAlloc(RAM, RAM_SIZE, flags, populate, { name: "RAM" });
    }
    this.cpus = Array.from({ length: cpus }, (_, index) => {
      const cpu = this.guest.createVCpu(index) as RiscvVCpu;
      setUp(cpu, this.space.root);
      return cpu;
    });
    this.cpus[0].bind();
  }

  /** The first CPU. */
  get cpu(): RiscvVCpu {
    return this.cpus[0];
  }

  /** Host address of populated RAM. */
  host(address: number): number {
    if (this.space.translate(address) === undefined) this.space.handlePageFault(address, "read");
    return this.space.translate(address)!;
  }

  /** Writes words of 4 bytes: instructions, data. */
  write(address: number, ...words: number[]): void {
    const host = this.host(address);
    for (const [i, word] of words.entries()) this.memory.i32[host / 4 + i] = word;
    this.guest.invalidateCode(host, words.length * 4);
  }

  /** Writes halfwords: compressed instructions. */
  writeHalves(address: number, ...halves: number[]): void {
    const host = this.host(address);
    for (const [i, half] of halves.entries()) this.memory.u16[host / 2 + i] = half;
    this.guest.invalidateCode(host, halves.length * 2);
  }

  /** The 64 bits at an address. */
  read64(address: number): bigint {
    return this.memory.u64[this.host(address) / 8];
  }

  /** Sets the 64 bits at an address. */
  write64(address: number, value: bigint): void {
    this.memory.u64[this.host(address) / 8] = value;
  }

  /** Runs until something but a repaired page fault or a used-up slice comes back; at most `budget` steps in all. */
  run(budget = 1000, cpu: AxArchVCpu = this.cpu): AxVCpuExitReason {
    for (let left = budget; left > 0;) {
      const exit = cpu.run(left);
      left -= cpu.steps;
      if (exit.kind === "NestedPageFault" && this.space.handlePageFault(exit.addr, exit.access)) continue;
      if (exit.kind !== "Nothing") return exit;
    }
    return { kind: "Nothing" };
  }
}

function setUp(cpu: AxArchVCpu, root: number): void {
  cpu.setEntry(RAM);
  cpu.setEptRoot(root);
  cpu.setup();
}
