/**
 * A hart's registers and CSRs as TypeScript reaches them: words at the offsets of `layout.ts` in linear memory.
 *
 * 64-bit values are pairs of signed 32-bit numbers, because `bigint` costs too much on paths that run per trap or TLB miss.
 *
 * @module
 */
import type { HostPhysAddr } from "../../core/address.ts";
import type { HostMemory } from "../../core/memory.ts";
import { F_REGISTERS, STATE_SIZE, WINDOW, X_REGISTERS } from "./layout.ts";

/** Access to one hart's state, wherever it lies at the moment. */
export class HartState {
  /** Host-physical address of the state: {@link WINDOW} while the hart runs, else its save area. */
  base: HostPhysAddr;
  readonly #memory: HostMemory;
  readonly #i32: Int32Array;
  readonly #saveArea: HostPhysAddr;

  /**
   * Puts a hart's state into its save area.
   *
   * @param saveArea {@link STATE_SIZE} bytes that belong to this hart
   */
  constructor(memory: HostMemory, saveArea: HostPhysAddr) {
    this.#memory = memory;
    this.#i32 = memory.i32;
    this.#saveArea = saveArea;
    this.base = saveArea;
  }

  /** Moves the state into the window. The window must be free. */
  load(): void {
    this.#memory.u8.copyWithin(WINDOW, this.#saveArea, this.#saveArea + STATE_SIZE);
    this.base = WINDOW;
  }

  /** Moves the state out of the window. */
  unload(): void {
    this.#memory.u8.copyWithin(this.#saveArea, WINDOW, WINDOW + STATE_SIZE);
    this.base = this.#saveArea;
  }

  /** Low half of a 64-bit field, signed. */
  low(offset: number): number {
    return this.#i32[(this.base + offset) >> 2];
  }

  /** High half of a 64-bit field, signed. */
  high(offset: number): number {
    return this.#i32[(this.base + offset + 4) >> 2];
  }

  /** Sets a 64-bit field. */
  set(offset: number, low: number, high: number): void {
    const index = (this.base + offset) >> 2;
    this.#i32[index] = low;
    this.#i32[index + 1] = high;
  }

  /** A 32-bit field, signed. */
  word(offset: number): number {
    return this.#i32[(this.base + offset) >> 2];
  }

  /** Sets a 32-bit field. */
  setWord(offset: number, value: number): void {
    this.#i32[(this.base + offset) >> 2] = value;
  }

  /** A 64-bit field, unsigned. Slow: for people, tests and the oracle. */
  get64(offset: number): bigint {
    return this.#memory.u64[(this.base + offset) >> 3];
  }

  /** Sets a 64-bit field. Slow: for people, tests and the oracle. */
  set64(offset: number, value: bigint): void {
    this.#memory.u64[(this.base + offset) >> 3] = BigInt.asUintN(64, value);
  }

  /** Low half of register x`index`. */
  xLow(index: number): number {
    return this.low(X_REGISTERS + index * 8);
  }

  /** High half of register x`index`. */
  xHigh(index: number): number {
    return this.high(X_REGISTERS + index * 8);
  }

  /** Sets register x`index`; a write to x0 is dropped. */
  setX(index: number, low: number, high: number): void {
    if (index !== 0) this.set(X_REGISTERS + index * 8, low, high);
  }

  /** Low half of register f`index`. */
  fLow(index: number): number {
    return this.low(F_REGISTERS + index * 8);
  }

  /** High half of register f`index`. */
  fHigh(index: number): number {
    return this.high(F_REGISTERS + index * 8);
  }

  /** Sets register f`index`. */
  setF(index: number, low: number, high: number): void {
    this.set(F_REGISTERS + index * 8, low, high);
  }

  /** All bytes of the state, copied. */
  bytes(): Uint8Array {
    return this.#memory.u8.slice(this.base, this.base + STATE_SIZE);
  }

  /** Takes all bytes over. */
  setBytes(bytes: Uint8Array): void {
    this.#memory.u8.set(bytes, this.base);
  }
}
