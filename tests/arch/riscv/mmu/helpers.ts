/**
 * A hart without an engine, and page tables built by hand, for the tests of the MMU.
 *
 * @module
 */
import { HostMemory } from "../../../../core/memory.ts";
import {
  blankMmio,
  blankTrap,
  type Hart,
  type HartOptions,
  type PendingMmio,
  type TrapInfo,
} from "../../../../arch/riscv/hart.ts";
import { HartState } from "../../../../arch/riscv/hart_state.ts";
import { FIELD, type FieldName, PMP_ADDRESSES, STATE_SIZE } from "../../../../arch/riscv/layout.ts";
import { mmuAreaSize, TLB_ENTRIES, TLB_ENTRY_SIZE, tlbTag } from "../../../../arch/riscv/mmu/area.ts";
import { recordTableSize } from "../../../../arch/riscv/engine/code_pages.ts";
import type { CodePageTracker } from "../../../../arch/riscv/mmu/code_page_tracker.ts";
import { Mmu } from "../../../../arch/riscv/mmu/mmu.ts";

/** Bits of an entry. */
export const V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128;

/** A supervisor page with all rights, accessed and dirty. */
export const KERNEL: number = V | R | W | X | A | D;

/** The same for user pages, and for all leaves of the second stage. */
export const USER: number = KERNEL | U;

export const SUM = 1n << 18n, MXR = 1n << 19n, MPRV = 1n << 17n, MPV = 1n << 39n, SPVP = 1n << 8n;
export const ADUE = 1n << 61n, PBMTE = 1n << 62n;

/** Where RAM starts in a test hart's physical address space in machine mode; host address is the same minus this. */
export const RAM = 0x80000000;

/** Address spaces that a test hart keeps translations of at a time. */
export const CONTEXTS = 8;

/** What guards the code pages that a test declares. */
export const GUARD = 0x1230;

/** Code pages that a test declares, and what was reported. */
export class FakeCodePages implements CodePageTracker {
  readonly reports: [number, number][] = [];
  readonly #memory: HostMemory;
  readonly table: number;
  constructor(memory: HostMemory) {
    this.#memory = memory;
    this.table = memory.reserve(recordTableSize(memory.size));
  }
  /** Declares a page. */
  add(hostPage: number): void {
    this.#memory.i32[this.table / 4 + hostPage / 4096] = GUARD;
  }
  guard(hostPage: number): number {
    return this.#memory.i32[this.table / 4 + hostPage / 4096];
  }
  written(host: number, length: number): void {
    this.reports.push([host, length]);
  }
}

/** A hart that only has state, memory and an MMU. */
export class FakeHart implements Hart {
  readonly options: HartOptions;
  readonly memory = new HostMemory({ size: 64 << 20, shared: false });
  readonly codePages = new FakeCodePages(this.memory);
  readonly state: HartState;
  readonly mmu: Mmu;
  readonly tables: number;
  readonly host: Hart["host"];
  readonly trap: TrapInfo = { ...blankTrap(), cause: -1 };
  readonly mmio: PendingMmio = blankMmio();
  exit = 0;

  constructor(mode: "guest" | "machine") {
    this.options = { id: 0, mode };
    const save = this.memory.reserve(STATE_SIZE);
    // At the far end: frames have small addresses then, which tests can map as a whole.
    this.tables = this.memory.size - mmuAreaSize(CONTEXTS);
    this.state = new HartState(this.memory, save);
    const base = mode === "machine" ? RAM : 0;
    const { size } = this.memory;
    this.host = {
      time: () => 0,
      physical: { toHost: (pa) => pa >= base && pa < base + size ? pa - base : -1 },
    };
    this.mmu = new Mmu(this, this.codePages, this.tables, CONTEXTS);
    if (mode === "machine") {
      this.state.set(PMP_ADDRESSES, -1, 0x3fffff);
      this.state.set(FIELD.pmpcfg0, 0x1f, 0);
    }
    this.mmu.flushAll();
    this.setMode(3, 0);
  }

  steps(): number {
    return 0;
  }

  requestExit(request: number): void {
    this.exit = request;
  }

  /** Sets fields and tells the MMU of everything. */
  set(fields: Partial<Record<FieldName, bigint>>): void {
    for (const [name, value] of Object.entries(fields)) this.state.set64(FIELD[name as FieldName], value);
    this.mmu.protectionChanged();
    this.mmu.translationChanged();
    this.mmu.modeChanged();
  }

  /** Goes to a mode: privilege 0, 1, 3 and V. */
  setMode(privilege: number, virtual: number): void {
    this.state.setWord(FIELD.privilege, privilege);
    this.state.setWord(FIELD.virtual, virtual);
    this.mmu.modeChanged();
  }

  /** Does `access` and returns its result, or the trap that it raised. The mode is as before afterwards. */
  attempt<T>(access: (mmu: Mmu) => T): T | Trap {
    const privilege = this.state.word(FIELD.privilege);
    const virtual = this.state.word(FIELD.virtual);
    const status = this.state.get64(FIELD.mstatus);
    const pc = this.state.get64(FIELD.pc);
    this.trap.cause = -1;
    this.exit = 0;
    const result = access(this.mmu);
    if (this.trap.cause < 0) return result;
    const trap = new Trap(this.trap);
    this.state.set64(FIELD.mstatus, status);
    this.state.set64(FIELD.pc, pc);
    this.setMode(privilege, virtual);
    return trap;
  }

  load(va: bigint, size = 8): number | Trap {
    return this.attempt((mmu) => mmu.loadAddress(...pair(va), size));
  }

  store(va: bigint, value = 0n, size = 8): boolean | Trap {
    return this.attempt((mmu) => mmu.storeValue(...pair(va), ...pair(value), size));
  }

  fetch(va: bigint): number | Trap {
    return this.attempt((mmu) => mmu.fetchPage(...pair(va)));
  }

  /** Host address that the table in use gives for an access as generated code looks it up, -1 for a miss. */
  lookup(va: bigint, table: "readTable" | "writeTable" | "fetchTable" = "readTable"): number {
    const [low, high] = pair(va);
    const entry = (this.state.word(FIELD[table]) >>> 0) + ((low >>> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
    const { i32 } = this.memory;
    if (i32[entry / 4] !== tlbTag(low) || i32[entry / 4 + 1] !== high) return -1;
    return table === "fetchTable" ? i32[entry / 4 + 2] : (i32[entry / 4 + 2] + low) >>> 0;
  }

  /** A zeroed frame. */
  frame(): number {
    return this.memory.allocFrame()!;
  }
}

/** A trap, copied for comparison. */
export class Trap {
  readonly cause: number;
  readonly tval: bigint;
  readonly guestAddress: number;
  readonly tinst: number;
  readonly gva: boolean;
  constructor(trap: TrapInfo) {
    this.cause = trap.cause;
    this.tval = BigInt.asUintN(64, BigInt(trap.tvalHigh) << 32n | BigInt(trap.tvalLow >>> 0));
    this.guestAddress = (trap.guestHigh >>> 0) * 2 ** 32 + (trap.guestLow >>> 0);
    this.tinst = trap.tinst;
    this.gva = trap.gva;
  }
}

/** The parts of a trap that matter for a fault without guest-physical address. */
export function fault(trap: unknown): [number, bigint] | unknown {
  return trap instanceof Trap ? [trap.cause, trap.tval] : trap;
}

/** Cause and guest-physical address. */
export function guestFault(trap: unknown): [number, number] | unknown {
  return trap instanceof Trap ? [trap.cause, trap.guestAddress] : trap;
}

/** A 64-bit value as the pair that the MMU takes. */
export function pair(value: bigint): [number, number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

/** A page table of either stage, in frames of a hart's memory. Frames are named by physical address, which may differ. */
export class PageTable {
  readonly #hart: FakeHart;
  readonly levels: number;
  readonly nested: boolean;
  /** Host address of the root. */
  readonly root: number;
  /** Physical address of host address 0. */
  readonly base: number;

  /** @param base What is added to a host address to name it in an entry */
  constructor(hart: FakeHart, levels: number, options: { nested?: boolean; base?: number } = {}) {
    this.#hart = hart;
    this.levels = levels;
    this.nested = options.nested ?? false;
    this.base = options.base ?? 0;
    this.root = this.nested ? hart.memory.allocContiguous(4, 16384)! : hart.frame();
  }

  /** The memory that it is in. */
  get memory(): HostMemory {
    return this.#hart.memory;
  }

  /** Value of satp, vsatp or hgatp. */
  register(id = 0n): bigint {
    return BigInt(this.levels + 5) << 60n | id << 44n | BigInt((this.root + this.base) / 4096);
  }

  /** Host address of the entry for `va` at `level`; makes the tables above it. */
  entry(va: bigint, level = 0): number {
    let table = this.root;
    for (let at = this.levels - 1;; at--) {
      const mask = this.nested && at === this.levels - 1 ? 2047n : 511n;
      const entry = table + Number(va >> BigInt(12 + 9 * at) & mask) * 8;
      if (at === level) return entry;
      const old = this.#hart.memory.u64[entry / 8];
      if (old === 0n) {
        const child = this.#hart.frame();
        this.#hart.memory.u64[entry / 8] = BigInt((child + this.base) / 4096) << 10n | 1n;
        table = child;
      } else {
        table = Number(old >> 10n & 0xfffffffffffn) * 4096 - this.base;
      }
    }
  }

  /** Writes a leaf; `extra` is or-ed to the entry. Returns the entry's host address. */
  map(va: bigint, address: number, flags: number, level = 0, extra = 0n): number {
    const entry = this.entry(va, level);
    this.#hart.memory.u64[entry / 8] = BigInt(Math.floor(address / 4096)) << 10n | BigInt(flags) | extra;
    return entry;
  }
}

/** A repeatable source of numbers (xorshift32). */
export function random(seed: number): (limit: number) => number {
  let x = seed;
  return (limit) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % limit;
  };
}
