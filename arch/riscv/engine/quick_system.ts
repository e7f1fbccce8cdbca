/**
 * Instructions whose meaning is TypeScript, but which generated code does by itself where that is certain to be the same: functions
 * that the interpreter and all regions share (Unprivileged ISA, "Cache-Block Zero Instructions").
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
  load,
  type ModuleBuilder,
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import { EnvConfig } from "../csr/fields.ts";
import type { QuickName } from "../isa/instruction.ts";
import { INSTRUCTIONS } from "../isa/mod.ts";
import { CACHE_BLOCK_SIZE, FIELD, WINDOW, X_REGISTERS } from "../layout.ts";
import { Access } from "../mmu/pte.ts";
import { Privilege } from "../trap/mode.ts";
import { hartWord, setPc, tlbEntry, tlbHit } from "../window_code.ts";
import { emitQuickStatus } from "./quick_csr.ts";

/** The functions by the name that rows of the instruction table have for them: (value of rs1: i64) -> 1 done, 0 nothing was done. */
export type QuickCalls = Readonly<Record<QuickName, FunctionReference>>;

/** Their parameters. */
export const QUICK_PARAMS = ["i64"] as const;

/**
 * Adds the functions and exports them.
 *
 * @param refill What `AccessMisses` has
 */
export function emitQuickCalls(module: ModuleBuilder, refill: FunctionReference): QuickCalls {
  const zeroBlock = (f: FunctionBuilder): void => emitZeroBlock(f, refill);
  return { zeroBlock: module.function("zeroBlock", [...QUICK_PARAMS], ["i32"], zeroBlock, { export: true }) };
}

/**
 * Adds the function (record) by which the interpreter executes a record of a row that is TypeScript.
 *
 * @param system (record): executes it in TypeScript
 */
export function emitSystemCall(module: ModuleBuilder, quick: QuickCalls, system: FunctionReference): FunctionReference {
  const quickStatus = emitQuickStatus(module);
  return module.function("systemCall", ["i32"], [], (f) => {
    const record = f.param(0);
    f.if(call(quickStatus, load("i32.load", record, 4)), () => goOn(f));
    const row = f.let(load("i32.load16_u", record, 2));
    for (const { index, quick: quickName } of INSTRUCTIONS) {
      if (quickName === undefined) continue;
      f.if(
        binary("i32.eq", row, i32Const(index)),
        () => {
          f.if(call(quick[quickName], sourceOf(record)), () => goOn(f));
        },
        undefined,
        "unlikely",
      );
    }
    f.call(system, record);
  });
}

/** Goes on behind an instruction of 4 bytes. */
function goOn(f: FunctionBuilder): void {
  const next = binary("i64.add", load("i64.load", i32Const(0), WINDOW + FIELD.pc), i64Const(4));
  setPc(f, next);
  f.return();
}

/** rs1 of an instruction by the bits in its record. */
function sourceOf(record: Expr): Expr {
  const number = binary("i32.and", binary("i32.shr_u", load("i32.load", record, 4), i32Const(15)), i32Const(31));
  return load("i64.load", binary("i32.shl", number, i32Const(3)), WINDOW + X_REGISTERS);
}

/** CBO.ZERO where it is allowed and the page takes stores. */
function emitZeroBlock(f: FunctionBuilder, refill: FunctionReference): void {
  const block = f.let(binary("i64.and", f.param(0), i64Const(-CACHE_BLOCK_SIZE)));
  f.if(unary("i32.eqz", mayZero()), () => f.return(i32Const(0)), undefined, "unlikely");
  const entry = f.let(tlbEntry("writeTable", block));
  f.if(
    unary("i32.eqz", tlbHit(entry, block, 1)),
    () => {
      f.call(refill, block, i32Const(Access.WRITE));
      f.if(unary("i32.eqz", tlbHit(entry, block, 1)), () => f.return(i32Const(0)));
    },
    undefined,
    "unlikely",
  );
  const host = f.let(binary("i32.add", unary("i32.wrap_i64", block), load("i32.load", entry, 8)));
  for (let at = 0; at < CACHE_BLOCK_SIZE; at += 8) f.store("i64.store", host, i64Const(0), at);
  f.return(i32Const(1));
}

/** What `allowed` of `zicbo.ts` says of CBZE. */
function mayZero(): Expr {
  const unless = (exempt: Expr, field: "menvcfg" | "senvcfg" | "henvcfg"): Expr =>
    select(exempt, i32Const(-1), hartWord(field));
  const isMachine = binary("i32.eq", hartWord("privilege"), i32Const(Privilege.M));
  const gates = [
    unless(isMachine, "menvcfg"),
    unless(hartWord("privilege"), "senvcfg"),
    unless(unary("i32.eqz", hartWord("virtual")), "henvcfg"),
  ];
  return binary("i32.and", gates.reduce((a, b) => binary("i32.and", a, b)), i32Const(EnvConfig.CBZE));
}
