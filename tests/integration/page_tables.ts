/**
 * Page tables for a guest, written into its memory from outside (Privileged ISA, "Sv39", "Sv48", "Sv57").
 *
 * @module
 */
import type { AxVM } from "../../core/vm.ts";
import { write } from "./virtio_guest.ts";

/** Bits of an entry. */
export const PTE = { V: 1, R: 2, W: 4, X: 8, U: 16, G: 32, A: 64, D: 128 } as const;

/** A leaf with every right of a supervisor, A and D set. */
export const RWX = PTE.V | PTE.R | PTE.W | PTE.X | PTE.A | PTE.D;

/** Levels of each mode, and its number in satp. */
export const PAGING_MODES = {
  Sv39: { levels: 3, mode: 8n },
  Sv48: { levels: 4, mode: 9n },
  Sv57: { levels: 5, mode: 10n },
};

/** A tree of tables that grows at a place in guest memory. */
export class PageTables {
  readonly #vm: AxVM;
  readonly #root: number;
  readonly #levels: number;
  #next: number;
  /** Tables by the address bits that lead to them. */
  #tables: Map<string, number> = new Map();

  /** @param place Guest-physical address of the root; more tables follow it */
  constructor(vm: AxVM, place: number, levels: number) {
    this.#vm = vm;
    this.#root = place;
    this.#levels = levels;
    this.#next = place + 4096;
  }

  /** satp for this tree. */
  satp(mode: bigint): bigint {
    return mode << 60n | BigInt(this.#root / 4096);
  }

  /** Maps the page of `virtual` with a leaf at `level` (0: 4 KiB). */
  map(virtual: bigint, physical: number, level = 0, flags: number = RWX): void {
    const entry = this.entry(virtual, level);
    write(this.#vm, entry, [8, Math.floor(physical / 4096) * 1024 + flags]);
  }

  /** Guest-physical address of the entry for `virtual` at `level`; tables above it are made. */
  entry(virtual: bigint, level: number): number {
    let table = this.#root;
    for (let above = this.#levels - 1; above > level; above--) {
      const key = `${above} ${BigInt.asUintN(64, virtual) >> BigInt(12 + 9 * above)}`;
      let next = this.#tables.get(key);
      if (next === undefined) {
        next = this.#next;
        this.#next += 4096;
        this.#tables.set(key, next);
        write(this.#vm, table + this.#index(virtual, above) * 8, [8, next / 4096 * 1024 + PTE.V]);
      }
      table = next;
    }
    return table + this.#index(virtual, level) * 8;
  }

  #index(virtual: bigint, level: number): number {
    return Number(virtual >> BigInt(12 + 9 * level) & 511n);
  }
}
