/**
 * Plain CSR accesses in the code of regions, made for the mode that the region was found hot in (Unprivileged ISA, "Zicsr").
 *
 * @module
 */
import {
  binary,
  call,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  i64Const,
  type Label,
  load,
  unary,
} from "../../../core/wasm/mod.ts";
import { ALL_BITS } from "../csr/row.ts";
import { CsrOperation, isWrite } from "../csr/csr_file.ts";
import type { Mode, PlainCsr } from "../csr/plain.ts";
import type { Decoded } from "../isa/instruction.ts";
import { FIELD, type FieldName, WINDOW } from "../layout.ts";
import { hartWord, setHartWord } from "../window_code.ts";

/** Where the code of an access stands. */
export interface PlainSite {
  /** The function. */
  readonly code: FunctionBuilder;
  /** Where the access goes if it is not plain after all. */
  readonly slow: Label;
}

/** What the code of an access needs of the region around it. */
export interface CsrSite extends PlainSite {
  /** The x register of that number, 0 for x0. */
  x(number: number): Expr;
  /** Sets an x register, not x0. */
  setX(number: number, value: Expr): void;
  /** () -> ticks of the host (f64). */
  readonly time: FunctionReference;
  /** Steps of the run that were left after this instruction (i32). */
  readonly left: Expr;
}

/** What was read of a field. */
export interface PlainValue {
  /** All of it. */
  readonly old: Expr;
  /** What of it is seen. */
  readonly seen: Expr;
}

/** Floating point is on and FS dirty already, as a value of the `fpAccess` field. */
const DIRTY = 2;

/** Emits what a plain access does, or a branch to `slow` before it has done anything. */
export function emitPlainCsr(site: CsrSite, { bits, rd, rs1 }: Decoded, plain: PlainCsr, mode: Mode): void {
  const { code: f, slow } = site;
  f.brIf(slow, unary("i32.eqz", isMode(mode)), "unlikely");
  checkConditions(site, plain, isWrite(bits));
  const old = plain.storage === undefined ? undefined : f.let(field64(plain.storage));
  const seen = seenValue(site, plain, old);
  if (isWrite(bits) && old !== undefined) {
    const operand = (bits & CsrOperation.IMMEDIATE) !== 0 ? i64Const(rs1) : site.x(rs1);
    writePlain(site, plain, bits & CsrOperation.MASK, operand, { old, seen });
  }
  if (rd !== 0) site.setX(rd, seen);
}

function seenValue(site: CsrSite, plain: PlainCsr, old: Expr | undefined): Expr {
  if (plain.counts !== undefined) return site.code.let(countOf(site, plain.counts));
  if (plain.ticks) return site.code.let(ticksOf(site, plain));
  return masked(old ?? i64Const(0), plain.readMask);
}

/** The host must know the steps of the run: they may be what time is made of. */
function ticksOf({ code: f, left, time }: CsrSite, { delta }: PlainCsr): Expr {
  setHartWord(f, "budgetLeft", left);
  const now = unary("i64.trunc_f64_u", call(time));
  return delta === undefined ? now : binary("i64.add", now, field64(delta));
}

/** Whether the hart is in a mode (i32). Privilege and V lie side by side. */
export function isMode({ privilege, virtual }: Mode): Expr {
  const now = load("i64.load", i32Const(0), WINDOW + FIELD.privilege, 4);
  return binary("i64.eq", now, i64Const(BigInt(privilege) | BigInt(virtual) << 32n));
}

function checkConditions({ code: f, slow }: PlainSite, plain: PlainCsr, writes: boolean): void {
  if (plain.dirtiesFloat && writes) {
    f.brIf(slow, binary("i32.ne", hartWord("fpAccess"), i32Const(DIRTY)), "unlikely");
  } else if (plain.needsFloat) {
    f.brIf(slow, unary("i32.eqz", hartWord("fpAccess")), "unlikely");
  }
  const { fields, bit } = plain.gates;
  if (fields.length > 0) {
    const open = fields.map(field32).reduce((a, b) => binary("i32.and", a, b));
    f.brIf(slow, unary("i32.eqz", binary("i32.and", open, i32Const(bit))), "unlikely");
  }
  if (plain.counts !== undefined) {
    f.brIf(slow, binary("i32.and", hartWord("mcountinhibit"), i32Const(plain.counts.bit)), "unlikely");
  }
}

/** A running counter: all steps but that of the instruction that reads it, and what the guest or traps added. */
function countOf({ left }: CsrSite, { offset }: NonNullable<PlainCsr["counts"]>): Expr {
  const run = unary("i64.extend_i32_s", binary("i32.sub", binary("i32.sub", hartWord("budget"), left), i32Const(1)));
  return binary("i64.add", binary("i64.add", field64(FIELD.steps), field64(offset)), run);
}

/** Reads the field of a CSR that is nothing else. */
export function readPlain({ code: f }: PlainSite, { storage, readMask }: PlainCsr): PlainValue {
  const old = f.let(field64(storage!));
  return { old, seen: masked(old, readMask) };
}

/** Emits the write of what the operation makes of the operand and of what was read. */
export function writePlain(
  { code: f, slow }: PlainSite,
  plain: PlainCsr,
  operation: number,
  operand: Expr,
  { old, seen }: PlainValue,
): void {
  const written = f.let(legal(plain, old, combined(operation, seen, operand)));
  if (plain.guarded !== 0n) {
    const changed = f.let(binary("i64.xor", written, old));
    f.brIf(slow, isNotZero(binary("i64.and", changed, i64Const(plain.guarded))), "unlikely");
    if (operation !== CsrOperation.CLEAR) {
      const set = binary("i64.and", binary("i64.and", changed, written), i64Const(plain.unmasks));
      f.if(isNotZero(set), () => f.brIf(slow, mayInterrupt(), "unlikely"));
    }
  }
  f.store("i64.store", i32Const(0), written, WINDOW + plain.storage!, 4);
}

/** What the operation makes of the operand and of what it sees. */
function combined(operation: number, seen: Expr, operand: Expr): Expr {
  if (operation === CsrOperation.WRITE) return operand;
  if (operation === CsrOperation.SET) return binary("i64.or", seen, operand);
  return binary("i64.and", seen, binary("i64.xor", operand, i64Const(-1n)));
}

function legal({ writeMask }: PlainCsr, old: Expr, value: Expr): Expr {
  if (writeMask === ALL_BITS) return value;
  return binary("i64.or", masked(old, ALL_BITS & ~writeMask), masked(value, writeMask));
}

/** Whether anything that mie lets through is pending, timers as they were at the start of the run (i32). */
function mayInterrupt(): Expr {
  const sources: FieldName[] = ["mip", "hvip", "lines", "timers"];
  const pending = sources.map(hartWord).reduce((a, b) => binary("i32.or", a, b));
  return binary("i32.or", binary("i32.and", pending, hartWord("mie")), hartWord("hgeip"));
}

function isNotZero(value: Expr): Expr {
  return binary("i64.ne", value, i64Const(0));
}

function masked(value: Expr, mask: bigint): Expr {
  return mask === ALL_BITS ? value : binary("i64.and", value, i64Const(mask));
}

function field64(offset: number): Expr {
  return load("i64.load", i32Const(0), WINDOW + offset, 4);
}

function field32(offset: number): Expr {
  return load("i32.load", i32Const(0), WINDOW + offset);
}
