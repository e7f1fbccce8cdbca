/** The firmware over harts without engine and a VM that a test controls. @module */
import type { ArchGuestContext } from "../../../../core/arch_vcpu.ts";
import type { AxVCpuExitReason } from "../../../../core/exit.ts";
import { HostMemory } from "../../../../core/memory.ts";
import { FIELD as FIELDS } from "../../../../arch/riscv/layout.ts";
import { SbiFirmware } from "../../../../arch/riscv/sbi/firmware.ts";
import { createTestHart, type TestHart } from "../test_hart.ts";

/** Start of RAM. */
export const RAM = 0x8000_0000;

/** Bytes of RAM; its last page is read-only. */
export const RAM_SIZE = 0x4_0000;

/** The read-only page. */
export const READ_ONLY = RAM + RAM_SIZE - 4096;

/** What a call did. */
export interface Answer {
  /** a0, signed. */
  readonly error: number;
  /** a1, signed. */
  readonly value: bigint;
  /** The exit. */
  readonly exit: AxVCpuExitReason | undefined;
}

/** What a0 and a1 hold if a call leaves them alone. */
export const UNTOUCHED = -0x5a5a;

/** A VM as the firmware sees it. */
export class FakeVm {
  readonly harts: TestHart[];
  readonly statuses: ("started" | "stopped" | "suspended")[];
  readonly ram = new Uint8Array(RAM_SIZE);
  readonly firmware: SbiFirmware;
  /** Where the ECALL lies. */
  caller = 0x8000_2000n;
  /** What was printed. */
  printed = "";
  /** Input that waits. */
  input: number[] = [];
  /** Guest-physical addresses of guest-virtual pages; a page that is missing faults. */
  readonly pages = new Map<bigint, number>();

  constructor(cpus = 3) {
    this.harts = Array.from({ length: cpus }, () => this.#createHart());
    this.statuses = this.harts.map(() => "started");
    this.firmware = new SbiFirmware(this.#context(cpus), this.harts);
  }

  /** Calls with the arguments in a0..a5 from virtual CPU `cpu`; those that are missing are `UNTOUCHED`. */
  callFrom(cpu: number, eid: number, fid: number, ...args: (number | bigint)[]): Answer {
    const { state } = this.harts[cpu];
    for (let i = 0; i < 6; i++) state.set64((10 + i) * 8, BigInt(args[i] ?? UNTOUCHED));
    state.set64(16 * 8, BigInt(fid));
    state.set64(17 * 8, BigInt(eid));
    this.setField(cpu, "sepc", this.caller + 4n);
    const before = this.registers(cpu);
    const exit = this.firmware.call(this.harts[cpu], cpu);
    const after = this.registers(cpu);
    for (let i = 0; i < 32; i++) {
      if (i !== 10 && i !== 11 && after[i] !== before[i]) throw new Error(`The call changed x${i}`);
    }
    return {
      error: Number(BigInt.asIntN(64, after[10])),
      value: BigInt.asIntN(64, after[11]),
      exit,
    };
  }

  /** Calls from virtual CPU 0. */
  call(eid: number, fid: number, ...args: (number | bigint)[]): Answer {
    return this.callFrom(0, eid, fid, ...args);
  }

  /** All x registers. */
  registers(cpu: number): bigint[] {
    return Array.from({ length: 32 }, (_, i) => this.harts[cpu].state.get64(i * 8));
  }

  /** A CSR field. */
  field(cpu: number, name: keyof typeof FIELDS): bigint {
    return this.harts[cpu].state.get64(FIELDS[name]);
  }

  /** Sets a CSR field. */
  setField(cpu: number, name: keyof typeof FIELDS, value: bigint): void {
    this.harts[cpu].state.set64(FIELDS[name], value);
  }

  /** Calls of a hart's MMU since the last time that this was asked. */
  mmuCalls(cpu: number): unknown[][] {
    return this.harts[cpu].calls.splice(0);
  }

  /** Writes bytes at a guest-physical address. */
  poke(address: number, ...bytes: number[]): void {
    this.ram.set(bytes, address - RAM);
  }

  /** The 64 bits at a guest-physical address. */
  peek64(address: number): bigint {
    return new DataView(this.ram.buffer).getBigUint64(address - RAM, true);
  }

  /** Sets the 64 bits at a guest-physical address. */
  poke64(address: number, value: bigint): void {
    new DataView(this.ram.buffer).setBigUint64(address - RAM, value, true);
  }

  #createHart(): TestHart {
    const hart = createTestHart("guest");
    const guestPhysical = (low: number, high: number): number => {
      const va = BigInt(high >>> 0) << 32n | BigInt(low >>> 0);
      const page = this.pages.get(va >> 12n << 12n);
      return page === undefined ? -13 : page + Number(va & 0xfffn);
    };
    Object.assign(hart.mmu, { guestPhysical });
    hart.state.set64(FIELDS.hedeleg, 0xb1ffn);
    return hart;
  }

  #context(cpus: number): ArchGuestContext {
    const inside = (address: number, length: number, end: number): boolean =>
      Number.isSafeInteger(address) && length >= 0 && address >= RAM && address + length <= end;
    const waiting = () => this.input.length;
    return {
      cpus,
      mode: "guest",
      guestMemorySize: RAM_SIZE,
      memory: new HostMemory({ size: 1 << 17, shared: false }),
      clock: {
        frequency: 10_000_000,
        now: () => 0,
        timer: () => ({ set: () => {}, cancel: () => {} }),
        epoch: 0,
      },
      console: () => ({
        write: (bytes) => void (this.printed += new TextDecoder().decode(bytes)),
        read: () => this.input.shift() ?? -1,
        get available(): number {
          return waiting();
        },
        onInput: () => {},
      }),
      readGuest: (address, length) =>
        inside(address, length, RAM + RAM_SIZE) ? this.ram.slice(address - RAM, address - RAM + length) : undefined,
      writeGuest: (address, bytes) => {
        if (!inside(address, bytes.length, READ_ONLY)) return false;
        this.ram.set(bytes, address - RAM);
        return true;
      },
      isRam: (address) => inside(address, 1, RAM + RAM_SIZE),
      cpuStatus: (index) => this.statuses[index],
      nowMs: () => 0,
      options: {},
    };
  }
}
