/**
 * The oracle: executes one instruction at a time over `bigint`, slow and obviously right. Other engines are compared with it.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import { FLOAT_HELPERS, type FloatHelper } from "../float/helpers.ts";
import { evaluateFloat } from "../float/reference.ts";
import type { Hart } from "../hart.ts";
import { decode } from "../isa/decode.ts";
import type { AccessSize, Decoded, Operands, Ops, RegisterOperand } from "../isa/instruction.ts";
import { F_REGISTERS, FIELD, X_REGISTERS } from "../layout.ts";
import type { CodePageTracker } from "../mmu/code_page_tracker.ts";
import { raiseIllegal } from "../trap/deliver.ts";
import { mustCompleteAccess, takeUnmaskedInterrupt } from "../trap/interrupts.ts";
import { markFloatDirty } from "../trap/mode.ts";
import { BigintArithmetic } from "./bigint_arithmetic.ts";
import type { Engine } from "./engine.ts";

const PAGE_OFFSET = 0xfff;

/** Thrown, and caught by the step, when an instruction ends in its middle: it trapped, or an exit was requested. */
const ABANDONED = Object.freeze({ reason: "abandoned instruction" });

function lowHalf(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

function highHalf(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

/** The vocabulary of meanings over a hart's registers and memory. */
class OracleOps extends BigintArithmetic implements Ops<bigint> {
  /** The instruction that runs. */
  decoded!: Decoded;
  /** The bits that it has in memory. */
  raw = 0;
  /** Its address. */
  address = 0n;
  /** Where execution goes on. */
  target = 0n;
  readonly #hart: Hart;
  readonly #codePages: CodePageTracker;

  constructor(hart: Hart, codePages: CodePageTracker) {
    super();
    this.#hart = hart;
    this.#codePages = codePages;
  }

  x(register: RegisterOperand): bigint {
    return this.#hart.state.get64(X_REGISTERS + this.decoded[register.field] * 8);
  }

  setX(register: RegisterOperand, value: bigint): void {
    const index = this.decoded[register.field];
    if (index !== 0) this.#hart.state.set64(X_REGISTERS + index * 8, value);
  }

  f(register: RegisterOperand): bigint {
    return this.#hart.state.get64(F_REGISTERS + this.decoded[register.field] * 8);
  }

  setF(register: RegisterOperand, value: bigint): void {
    this.#hart.state.set64(F_REGISTERS + this.decoded[register.field] * 8, value);
    this.#makeFloatDirty();
  }

  pc(): bigint {
    return this.address;
  }

  nextPc(): bigint {
    return this.add(this.address, BigInt(this.decoded.length));
  }

  branchIf(condition: bigint): void {
    if (condition !== 0n) this.jumpRelative();
  }

  jumpRelative(): void {
    this.target = this.add(this.address, BigInt(this.decoded.imm));
  }

  jump(target: bigint): void {
    this.target = target & ~1n;
  }

  load(address: bigint, size: AccessSize, signed: boolean): bigint {
    const host = this.#hart.mmu.loadAddress(lowHalf(address), highHalf(address), size);
    return this.#read(this.#checked(host), size, signed);
  }

  store(address: bigint, value: bigint, size: AccessSize): void {
    const { mmu } = this.#hart;
    const stored = mmu.storeValue(lowHalf(address), highHalf(address), lowHalf(value), highHalf(value), size);
    if (!stored) throw ABANDONED;
  }

  amo(address: bigint, size: 4 | 8, change: (old: bigint) => bigint): bigint {
    const host = this.#checked(this.#hart.mmu.amoAddress(lowHalf(address), highHalf(address), size));
    const old = this.#read(host, size, true);
    this.#write(host, size, change(old));
    return old;
  }

  loadReserved(address: bigint, size: 4 | 8): bigint {
    const { mmu, state } = this.#hart;
    const host = this.#checked(mmu.reserveAddress(lowHalf(address), highHalf(address), size));
    state.setWord(FIELD.reservation, host);
    state.setWord(FIELD.reservationSize, size);
    state.set64(FIELD.reservedAddress, address);
    return this.#read(host, size, true);
  }

  storeConditional(address: bigint, value: bigint, size: 4 | 8): bigint {
    const { mmu, state } = this.#hart;
    const host = this.#checked(mmu.amoAddress(lowHalf(address), highHalf(address), size));
    const reserved = state.word(FIELD.reservation) === (host | 0) && state.word(FIELD.reservationSize) >= size;
    if (reserved) this.#write(host, size, value);
    state.setWord(FIELD.reservation, -1);
    return reserved ? 0n : 1n;
  }

  requireFloat(): void {
    if (this.#hart.state.word(FIELD.fpAccess) === 0) this.#illegal();
  }

  float(name: string, ...operands: bigint[]): bigint {
    const { state } = this.#hart;
    const helper = name as FloatHelper;
    const mode = FLOAT_HELPERS[helper].rounding ? this.#roundingMode() : 0;
    const { value, flags } = evaluateFloat(helper, operands, mode);
    const accrued = state.word(FIELD.fflags);
    if ((flags & ~accrued) !== 0) {
      state.setWord(FIELD.fflags, accrued | flags);
      this.#makeFloatDirty();
    }
    return value;
  }

  #roundingMode(): number {
    const mode = this.decoded.rm === 7 ? this.#hart.state.word(FIELD.frm) : this.decoded.rm;
    return mode <= 4 ? mode : this.#illegal();
  }

  #makeFloatDirty(): void {
    if (this.#hart.state.word(FIELD.fpAccess) === 1) markFloatDirty(this.#hart);
  }

  #illegal(): never {
    raiseIllegal(this.#hart, this.raw);
    throw ABANDONED;
  }

  #checked(host: HostPhysAddr | -1): HostPhysAddr {
    if (host === -1) throw ABANDONED;
    return host;
  }

  #read(host: HostPhysAddr, size: AccessSize, signed: boolean): bigint {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#hart.memory.u8[host + i]);
    return signed ? BigInt.asUintN(64, BigInt.asIntN(size * 8, value)) : value;
  }

  #write(host: HostPhysAddr, size: 4 | 8, value: bigint): void {
    for (let i = 0; i < size; i++) this.#hart.memory.u8[host + i] = Number((value >> BigInt(i * 8)) & 0xffn);
    this.#codePages.written(host, size);
  }
}

/** Executes one hart, an instruction at a time. */
export class Oracle implements Engine {
  readonly #hart: Hart;
  readonly #ops: OracleOps;

  /** @param codePages Hears of atomic writes; the MMU tells it of all others */
  constructor(hart: Hart, codePages: CodePageTracker) {
    this.#hart = hart;
    this.#ops = new OracleOps(hart, codePages);
  }

  /** Runs at most `budget` steps; returns the steps used. The hart's state must be in the window. */
  run(budget: number): number {
    const { state } = this.#hart;
    state.setWord(FIELD.budget, budget);
    let left = budget;
    state.setWord(FIELD.budgetLeft, left);
    while (left > 0 && state.word(FIELD.exitRequest) === 0) {
      left--;
      this.#step(left);
    }
    state.setWord(FIELD.budgetLeft, left);
    return budget - left;
  }

  #step(left: number): void {
    const raw = this.#fetch();
    if (raw === undefined) return;
    this.#hart.state.setWord(FIELD.budgetLeft, left);
    const decoded = decode(raw);
    if (decoded === undefined) raiseIllegal(this.#hart, raw);
    else if (decoded.instruction.run === undefined) this.#call(decoded);
    else this.#execute(decoded, raw);
  }

  /** The bits at `pc`, 16 of them if they are compressed; undefined if fetching them trapped. */
  #fetch(): number | undefined {
    const { state, memory } = this.#hart;
    const low = state.low(FIELD.pc);
    const high = state.high(FIELD.pc);
    const first = this.#fetchHalf(low, high);
    if (first === -1) return undefined;
    const bits = memory.u16[first >>> 1];
    if ((bits & 3) !== 3) return bits;
    const nextLow = (low + 2) | 0;
    const second = this.#fetchHalf(nextLow, nextLow === 0 ? (high + 1) | 0 : high);
    return second === -1 ? undefined : bits | (memory.u16[second >>> 1] << 16);
  }

  #fetchHalf(low: number, high: number): HostPhysAddr | -1 {
    const page = this.#hart.mmu.fetchPage(low, high);
    return page === -1 ? -1 : page + (low & PAGE_OFFSET);
  }

  #execute(decoded: Decoded, raw: number): void {
    const ops = this.#ops;
    const { state } = this.#hart;
    ops.decoded = decoded;
    ops.raw = raw;
    ops.address = state.get64(FIELD.pc);
    ops.target = ops.nextPc();
    try {
      decoded.instruction.run!(ops, operandsOf(decoded));
    } catch (thrown) {
      if (thrown !== ABANDONED) throw thrown;
      return;
    }
    state.set64(FIELD.pc, ops.target);
  }

  #call(decoded: Decoded): void {
    const { state } = this.#hart;
    const retired = decoded.instruction.call!(this.#hart, decoded.bits);
    if (retired) state.set64(FIELD.pc, state.get64(FIELD.pc) + BigInt(decoded.length));
    if (!mustCompleteAccess(this.#hart)) takeUnmaskedInterrupt(this.#hart);
  }
}

const REGISTERS = {
  rd: { field: "rd" },
  rs1: { field: "rs1" },
  rs2: { field: "rs2" },
  rs3: { field: "rs3" },
} as const;

function operandsOf(decoded: Decoded): Operands<bigint> {
  return { ...REGISTERS, imm: BigInt.asUintN(64, BigInt(decoded.imm)) };
}
