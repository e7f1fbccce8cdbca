/**
 * Generated code that walks page tables where nothing is out of the ordinary, and enters what it finds (Privileged ISA, "Virtual Address
 * Translation Process"; Hypervisor extension, "Two-Stage Address Translation").
 *
 * It knows valid pointers, and leaves that are accessed, dirty if they are to be stored to, and without the bits of Svnapot and Svpbmt; of
 * the second stage, the large leaves that `nested_stage.ts` has found. Whatever else it meets, it gives up without a trace, and `mmu.ts`
 * does it all: what a fault is, is said there alone. It is for VS-mode and VU-mode in guest mode, where no PMP stands behind the tables.
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
  type Local,
  type ModuleBuilder,
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import { FIELD, WINDOW } from "../layout.ts";
import { hartWord } from "../window_code.ts";
import {
  ContextBank,
  MACHINE_BANK,
  MmuArea,
  NESTED_LARGE_ENTRIES,
  NESTED_LARGE_SHIFT,
  NestedLarge,
  TLB_BANK_SIZE,
  TLB_CONTEXT_BANKS,
  TLB_GUARDED,
  TLB_TABLE_SIZE,
} from "./area.ts";
import { Access, MODE_LEVELS, NEEDED, Pte, PTE_RWX } from "./pte.ts";

/** Bits of a page offset, and of the index of a level. */
const [OFFSET_BITS, INDEX_BITS] = [12, 9];

/** Where the page number begins in an entry, and where the bits above it that must be 0. */
const [FRAME_SHIFT, HIGH_SHIFT] = [10, 54];

/** Bits that must be set in a leaf that is not stored to, and in one that is. */
const [READ, WRITTEN] = [Pte.V | Pte.A, Pte.V | Pte.A | Pte.D];

/** log2 of what a large leaf of the second stage stands for. */
const LARGE_SHIFT = 21;

/**
 * Adds the function (va: i64, access) -> 1: the page was entered for the hart in the window; 0: nothing was done. Exports it.
 *
 * @param enter `TlbCode.enter`
 */
export function emitRefill(module: ModuleBuilder, enter: FunctionReference): FunctionReference {
  const nested = module.function("nestedLeaf", ["i64"], ["i32"], emitNestedLeaf);
  const table = module.function("nestedTable", ["i64"], ["i32"], (f) => emitNestedTable(f, nested));
  const body = (f: FunctionBuilder): void => {
    f.block((giveUp) => {
      const leaf = emitWalk(f, table, giveUp);
      emitEnter(f, emitSecondStage(f, leaf, nested, giveUp), enter, giveUp);
      f.return(i32Const(1));
    });
    f.return(i32Const(0));
  };
  return module.function("refill", ["i64", "i32"], ["i32"], body, { export: true });
}

/** A leaf of the first stage. */
interface Leaf {
  /** Low half of the entry. */
  readonly bits: Local;
  /** Guest-physical address of the page (i64). */
  readonly address: Local;
  /** log2 of the bytes that it maps (i64). */
  readonly shift: Local;
}

/** What a page may be used for, and where it is. */
interface Found {
  readonly permissions: Local;
  readonly hostPage: Local;
  /** log2 of the bytes that the first stage's leaf maps. */
  readonly shift: Expr;
}

/** The first stage, up to a leaf that gives the right. */
function emitWalk(f: FunctionBuilder, nestedTable: FunctionReference, giveUp: Label): Leaf {
  const va = f.param(0);
  f.brIf(giveUp, unary("i32.eqz", binary("i32.and", hartWord("walksTables"), hartWord("virtual"))));
  const bank = f.let(contextBank(f));
  f.brIf(giveUp, binary("i32.eq", bank, i32Const(ContextBank.ODD)));
  const vsatp = f.let(load("i64.load", i32Const(0), WINDOW + FIELD.vsatp));
  const levels = f.let(binary("i64.sub", binary("i64.shr_u", vsatp, i64Const(60)), i64Const(MODE_LEVELS)));
  f.brIf(giveUp, binary("i64.le_s", levels, i64Const(0)));
  const shift = f.let(binary("i64.add", binary("i64.mul", levels, i64Const(INDEX_BITS)), i64Const(OFFSET_BITS)));
  const unused = f.let(binary("i64.sub", i64Const(64), shift));
  f.brIf(giveUp, binary("i64.ne", binary("i64.shr_s", binary("i64.shl", va, unused), unused), va));
  const address = f.let(binary("i64.shl", binary("i64.and", vsatp, i64Const((1n << 44n) - 1n)), i64Const(OFFSET_BITS)));
  const pte = f.local("i64");
  const bits = f.local("i32");
  f.loop((next) => {
    f.set(shift, binary("i64.sub", shift, i64Const(INDEX_BITS)));
    const table = f.let(call(nestedTable, address));
    f.brIf(giveUp, unary("i32.eqz", table));
    const index = binary("i32.and", low(binary("i64.shr_u", va, shift)), i32Const((1 << INDEX_BITS) - 1));
    f.set(pte, load("i64.load", binary("i32.add", table, binary("i32.shl", index, i32Const(3)))));
    f.set(bits, low(pte));
    f.brIf(giveUp, unary("i32.eqz", unary("i64.eqz", binary("i64.shr_u", pte, i64Const(HIGH_SHIFT)))));
    const frame = binary("i64.shr_u", pte, i64Const(FRAME_SHIFT));
    f.set(address, binary("i64.shl", frame, i64Const(OFFSET_BITS)));
    f.if(binary("i32.eq", masked(bits, Pte.V | PTE_RWX), i32Const(Pte.V)), () => {
      f.brIf(giveUp, masked(bits, Pte.U | Pte.A | Pte.D));
      f.brIf(next, binary("i64.gt_u", shift, i64Const(OFFSET_BITS)));
      f.br(giveUp);
    });
  });
  f.brIf(giveUp, unary("i32.eqz", isUsable(f, bits, bank)));
  const inside = f.let(binary("i64.sub", binary("i64.shl", i64Const(1), shift), i64Const(1)));
  f.brIf(giveUp, unary("i32.eqz", unary("i64.eqz", binary("i64.and", address, inside))));
  const page = binary("i64.and", binary("i64.and", va, inside), i64Const(-1 << OFFSET_BITS));
  f.set(address, binary("i64.or", address, page));
  return { bits, address, shift };
}

/** Which bank of its context is in use: what the mode is, and what else counts, is known when one is chosen. M-mode's is as an odd one. */
function contextBank(f: FunctionBuilder): Expr {
  const fetches = binary("i32.sub", hartWord("fetchTable"), i32Const(Access.EXECUTE * TLB_TABLE_SIZE));
  const start = select(isAccess(f, Access.EXECUTE), fetches, hartWord("readTable"));
  const first = binary("i32.add", hartWord("mmuArea"), i32Const(MmuArea.BANKS));
  const bank = binary("i32.div_u", binary("i32.sub", start, first), i32Const(TLB_BANK_SIZE));
  return masked(binary("i32.sub", bank, i32Const(MACHINE_BANK + 1)), TLB_CONTEXT_BANKS - 1);
}

/**
 * Whether a leaf gives the right: accessed, of the mode's pages, with the permission, dirty if it is to be stored to, and writable only if
 * it is readable.
 */
function isUsable(f: FunctionBuilder, bits: Expr, bank: Expr): Expr {
  const needed = f.let(neededBits(f));
  const always = binary("i32.or", needed, select(isAccess(f, Access.WRITE), i32Const(WRITTEN), i32Const(READ)));
  const isUser = binary("i32.eq", bank, i32Const(ContextBank.USER));
  const wanted = f.let(binary("i32.or", always, select(isUser, i32Const(Pte.U), i32Const(0))));
  const isAny = binary("i32.eq", bank, i32Const(ContextBank.SUPERVISOR_SUM));
  const mask = binary("i32.or", wanted, select(isAny, i32Const(0), i32Const(Pte.U)));
  const fits = binary("i32.eq", binary("i32.and", bits, mask), wanted);
  return binary("i32.and", fits, binary("i32.ne", masked(bits, Pte.R | Pte.W), i32Const(Pte.W)));
}

function emitSecondStage(f: FunctionBuilder, leaf: Leaf, nestedLeaf: FunctionReference, giveUp: Label): Found {
  const nested = f.let(call(nestedLeaf, leaf.address));
  f.brIf(giveUp, unary("i32.eqz", nested));
  const permissions = f.let(binary("i32.and", leaf.bits, load("i32.load", nested, NestedLarge.PERMISSIONS * 4)));
  f.brIf(giveUp, unary("i32.eqz", binary("i32.and", permissions, neededBits(f))));
  f.if(unary("i32.eqz", masked(leaf.bits, Pte.D)), () => f.set(permissions, masked(permissions, ~Pte.W)));
  const hostPage = f.let(hostOf(nested, leaf.address));
  return { permissions, hostPage, shift: low(leaf.shift) };
}

/** Enters the page as `mmu.ts` would: for fetches if it has records; for loads, and for stores if they need nothing more. */
function emitEnter(f: FunctionBuilder, found: Found, enter: FunctionReference, giveUp: Label): void {
  const { permissions, hostPage, shift } = found;
  const va = f.param(0);
  const tag = f.let(binary("i32.or", masked(low(va), -1 << OFFSET_BITS), i32Const(1)));
  const vaHigh = f.let(low(binary("i64.shr_u", va, i64Const(32))));
  const recordsAt = binary(
    "i32.add",
    hartWord("recordTable"),
    binary("i32.shr_u", hostPage, i32Const(OFFSET_BITS - 2)),
  );
  const records = f.let(load("i32.load", recordsAt));
  const into = (table: Expr, access: number, tag: Expr, value: Expr, extra: Expr): void =>
    f.call(enter, hartWord("mmuArea"), table, i32Const(access), tag, vaHigh, value, extra, shift);
  f.if(isAccess(f, Access.EXECUTE), () => {
    f.brIf(giveUp, unary("i32.eqz", records));
    into(hartWord("fetchTable"), Access.EXECUTE, tag, records, hostPage);
    f.return(i32Const(1));
  });
  const distance = f.let(binary("i32.sub", hostPage, binary("i32.sub", tag, i32Const(1))));
  f.if(masked(permissions, Pte.R), () => into(hartWord("readTable"), Access.READ, tag, distance, i32Const(0)));
  f.if(masked(permissions, Pte.W), () => {
    const guarded = select(records, binary("i32.or", tag, i32Const(TLB_GUARDED)), tag);
    into(hartWord("writeTable"), Access.WRITE, guarded, distance, records);
  });
}

/** (address: i64) -> the entry of the cache of large leaves of the second stage for it; 0 if there is none that leads to RAM in one piece. */
function emitNestedLeaf(f: FunctionBuilder): void {
  const address = f.param(0);
  const area = f.let(hartWord("mmuArea"));
  const key = f.let(low(binary("i64.shr_u", address, i64Const(LARGE_SHIFT))));
  const index = binary("i32.shl", masked(key, NESTED_LARGE_ENTRIES - 1), i32Const(NESTED_LARGE_SHIFT));
  const entry = f.let(binary("i32.add", binary("i32.add", area, index), i32Const(MmuArea.NESTED_LARGE)));
  const word = (at: number): Expr => load("i32.load", entry, at * 4);
  const differs = [
    binary("i32.xor", word(NestedLarge.GENERATION), load("i32.load", area, MmuArea.NESTED_GENERATION)),
    binary("i32.xor", word(NestedLarge.KEY), key),
    binary("i32.xor", word(NestedLarge.HIGH), low(binary("i64.shr_u", address, i64Const(LARGE_SHIFT + 32)))),
    unary("i32.eqz", word(NestedLarge.HOST)),
  ].reduce((all, one) => binary("i32.or", all, one));
  f.return(select(differs, i32Const(0), entry));
}

/** (address: i64) -> host address of the page table there, 0 if that is not known. */
function emitNestedTable(f: FunctionBuilder, nestedLeaf: FunctionReference): void {
  const nested = f.let(call(nestedLeaf, f.param(0)));
  f.if(nested, () => {
    f.if(
      masked(load("i32.load", nested, NestedLarge.PERMISSIONS * 4), Pte.R),
      () => f.return(hostOf(nested, f.param(0))),
    );
  });
  f.return(i32Const(0));
}

/** Host page of a guest-physical page inside a large leaf. */
function hostOf(nested: Expr, address: Expr): Expr {
  const inside = masked(low(address), (1 << LARGE_SHIFT) - 1);
  return binary("i32.add", load("i32.load", nested, NestedLarge.HOST * 4), inside);
}

/** The permission that the access needs, which the entries of `NEEDED` are in order. */
function neededBits(f: FunctionBuilder): Expr {
  return binary("i32.shl", i32Const(NEEDED[0]), f.param(1));
}

function isAccess(f: FunctionBuilder, access: number): Expr {
  return binary("i32.eq", f.param(1), i32Const(access));
}

function masked(value: Expr, mask: number): Expr {
  return binary("i32.and", value, i32Const(mask));
}

function low(value: Expr): Expr {
  return unary("i32.wrap_i64", value);
}
