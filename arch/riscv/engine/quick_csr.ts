/**
 * CSRRS and CSRRC of sstatus without TypeScript, for the interpreter: kernels turn interrupts off and on with them all the time
 * (Unprivileged ISA, "Zicsr"; Privileged ISA, "Supervisor Status Register").
 *
 * @module
 */
import {
  binary,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  load,
  type ModuleBuilder,
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import { CsrOperation } from "../csr/csr_file.ts";
import { type Mode, plainCsr } from "../csr/plain.ts";
import { REGISTER_SHIFT } from "../isa/encoding.ts";
import { WINDOW, X_REGISTERS, X_SINK } from "../layout.ts";
import { Privilege } from "../trap/mode.ts";
import { isMode, readPlain, writePlain } from "./region_csr.ts";

/** The number of sstatus in the place of an immediate. */
const SSTATUS = 0x100 << 20;

/** SYSTEM with the number of sstatus. */
const MATCH = SSTATUS | 0x73;
const MATCH_MASK = 0xfff0007f | 0;

/** Modes in which kernels run: as a guest and by themselves. */
const MODES: readonly Mode[] = [{ privilege: Privilege.S, virtual: 1 }, { privilege: Privilege.S, virtual: 0 }];

/** Adds a function (bits of a SYSTEM instruction: i32) -> 1 done, but for pc; 0 nothing was done. */
export function emitQuickStatus(module: ModuleBuilder): FunctionReference {
  return module.function("quickStatus", ["i32"], ["i32"], (f) => {
    const bits = f.param(0);
    const isStatus = binary("i32.eq", binary("i32.and", bits, i32Const(MATCH_MASK)), i32Const(MATCH));
    f.if(isStatus, () => {
      for (const mode of MODES) {
        f.if(isMode(mode), () => {
          for (const operation of [CsrOperation.SET, CsrOperation.CLEAR]) emitAccess(f, bits, operation, mode);
        });
      }
    });
    f.return(i32Const(0));
  });
}

function emitAccess(f: FunctionBuilder, bits: Expr, operation: number, mode: Mode): void {
  const anySource = 1 << REGISTER_SHIFT.rs1;
  const plain = plainCsr(SSTATUS | operation | anySource, mode)!;
  f.if(binary("i32.eq", binary("i32.and", bits, i32Const(CsrOperation.MASK)), i32Const(operation)), () => {
    f.block((slow) => {
      const source = f.let(registerField(bits, REGISTER_SHIFT.rs1));
      const site = { code: f, slow };
      const access = readPlain(site, plain);
      f.if(source, () => {
        const isImmediate = binary("i32.and", bits, i32Const(CsrOperation.IMMEDIATE));
        const register = load("i64.load", binary("i32.shl", source, i32Const(3)), WINDOW + X_REGISTERS);
        writePlain(site, plain, operation, select(isImmediate, unary("i64.extend_i32_u", source), register), access);
      });
      const target = f.let(registerField(bits, REGISTER_SHIFT.rd));
      const place = select(target, binary("i32.shl", target, i32Const(3)), i32Const(X_SINK - X_REGISTERS));
      f.store("i64.store", place, access.seen, WINDOW + X_REGISTERS);
      f.return(i32Const(1));
    });
  });
}

function registerField(bits: Expr, shift: number): Expr {
  return binary("i32.and", binary("i32.shr_u", bits, i32Const(shift)), i32Const(31));
}
