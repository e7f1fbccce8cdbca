/**
 * The instruction at pc, read without side effects: for xtinst, and for whoever finishes an access to a device (Privileged ISA,
 * Hypervisor extension, "Transformed Instruction or Pseudoinstruction for mtinst or htinst").
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { expanded } from "./instruction_bits.ts";
import { Access } from "./pte.ts";
import type { Tlb } from "./tlb.ts";
import type { Translator } from "./translator.ts";

const PAGE = 4096;
const OFFSET = PAGE - 1;

/** Reads the instruction at pc of one hart. */
export class CurrentInstruction {
  /** Bytes of the instruction that was read last. */
  length: 2 | 4 = 4;
  readonly #hart: Hart;
  readonly #tlb: Tlb;
  readonly #translator: Translator;

  /** Made by `Mmu`. */
  constructor(hart: Hart, tlb: Tlb, translator: Translator) {
    this.#hart = hart;
    this.#tlb = tlb;
    this.#translator = translator;
  }

  /**
   * The instruction as 32 bits, expanded if compressed, 0 if it cannot be read.
   *
   * @param fetchBank The bank that fetches use
   */
  read(fetchBank: number): number {
    const { state } = this.#hart;
    const low = state.low(FIELD.pc);
    const high = state.high(FIELD.pc);
    const first = this.#half(fetchBank, low, high);
    if (first < 0) {
      this.length = 2;
      return 0;
    }
    if ((first & 3) !== 3) return this.expand(first);
    const nextLow = (low + 2) | 0;
    const second = this.#half(fetchBank, nextLow, nextLow === 0 ? (high + 1) | 0 : high);
    return second < 0 ? 0 : this.expand(first | second << 16);
  }

  /** The bits in memory by the fetch table alone: what {@link expand} takes, or 0 if the table does not have all of them. */
  peek(fetchBank: number): number {
    const { state, memory } = this.#hart;
    const low = state.low(FIELD.pc);
    const page = this.#tlb.peekFetch(fetchBank, low, state.high(FIELD.pc));
    if (page < 0) return 0;
    const at = (page + (low & OFFSET)) >>> 1;
    const first = memory.u16[at];
    if ((first & 3) !== 3) return first;
    return (low & OFFSET) === PAGE - 2 ? 0 : first | memory.u16[at + 1] << 16;
  }

  /** The instruction that 32 bits of memory begin with, expanded if compressed. */
  expand(bits: number): number {
    this.length = (bits & 3) === 3 ? 4 : 2;
    return expanded(bits);
  }

  /** 16 bits of code, -1 if they cannot be read. */
  #half(fetchBank: number, low: number, high: number): number {
    const { u16 } = this.#hart.memory;
    const known = this.#tlb.peekFetch(fetchBank, low, high);
    if (known >= 0) return u16[(known + (low & OFFSET)) / 2];
    const translator = this.#translator;
    translator.useFetch();
    if (!translator.peek(low, high, Access.EXECUTE, 2) || translator.hostFrame < 0) return -1;
    return u16[(translator.hostFrame * PAGE + (low & OFFSET)) / 2];
  }
}
