/**
 * WebAssembly instructions by name: code, operand type and result type (Core Specification 5.4 and the threads extension).
 *
 * @module
 */

/** A WebAssembly number type. */
export type ValueType = "i32" | "i64" | "f32" | "f64";

/** How a {@link ValueType} is encoded. */
export const VALUE_TYPE_CODE: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c };

/** Control and variable instructions. */
export const Opcode = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  memoryCopy: 0xfc0a,
  memoryFill: 0xfc0b,
  atomicFence: 0xfe03,
} as const;

/** Block type of a block without a result. */
export const VOID_BLOCK = 0x40;

const COMPARE = {
  "i32.eq": 0x46,
  "i32.ne": 0x47,
  "i32.lt_s": 0x48,
  "i32.lt_u": 0x49,
  "i32.gt_s": 0x4a,
  "i32.gt_u": 0x4b,
  "i32.le_s": 0x4c,
  "i32.le_u": 0x4d,
  "i32.ge_s": 0x4e,
  "i32.ge_u": 0x4f,
  "i64.eq": 0x51,
  "i64.ne": 0x52,
  "i64.lt_s": 0x53,
  "i64.lt_u": 0x54,
  "i64.gt_s": 0x55,
  "i64.gt_u": 0x56,
  "i64.le_s": 0x57,
  "i64.le_u": 0x58,
  "i64.ge_s": 0x59,
  "i64.ge_u": 0x5a,
  "f32.eq": 0x5b,
  "f32.ne": 0x5c,
  "f32.lt": 0x5d,
  "f32.gt": 0x5e,
  "f32.le": 0x5f,
  "f32.ge": 0x60,
  "f64.eq": 0x61,
  "f64.ne": 0x62,
  "f64.lt": 0x63,
  "f64.gt": 0x64,
  "f64.le": 0x65,
  "f64.ge": 0x66,
} as const;

const ARITHMETIC = {
  "i32.add": 0x6a,
  "i32.sub": 0x6b,
  "i32.mul": 0x6c,
  "i32.div_s": 0x6d,
  "i32.div_u": 0x6e,
  "i32.rem_s": 0x6f,
  "i32.rem_u": 0x70,
  "i32.and": 0x71,
  "i32.or": 0x72,
  "i32.xor": 0x73,
  "i32.shl": 0x74,
  "i32.shr_s": 0x75,
  "i32.shr_u": 0x76,
  "i32.rotl": 0x77,
  "i32.rotr": 0x78,
  "i64.add": 0x7c,
  "i64.sub": 0x7d,
  "i64.mul": 0x7e,
  "i64.div_s": 0x7f,
  "i64.div_u": 0x80,
  "i64.rem_s": 0x81,
  "i64.rem_u": 0x82,
  "i64.and": 0x83,
  "i64.or": 0x84,
  "i64.xor": 0x85,
  "i64.shl": 0x86,
  "i64.shr_s": 0x87,
  "i64.shr_u": 0x88,
  "i64.rotl": 0x89,
  "i64.rotr": 0x8a,
  "f32.add": 0x92,
  "f32.sub": 0x93,
  "f32.mul": 0x94,
  "f32.div": 0x95,
  "f32.min": 0x96,
  "f32.max": 0x97,
  "f32.copysign": 0x98,
  "f64.add": 0xa0,
  "f64.sub": 0xa1,
  "f64.mul": 0xa2,
  "f64.div": 0xa3,
  "f64.min": 0xa4,
  "f64.max": 0xa5,
  "f64.copysign": 0xa6,
} as const;

const TEST = { "i32.eqz": 0x45, "i64.eqz": 0x50 } as const;

const UNARY = {
  "i32.clz": 0x67,
  "i32.ctz": 0x68,
  "i32.popcnt": 0x69,
  "i64.clz": 0x79,
  "i64.ctz": 0x7a,
  "i64.popcnt": 0x7b,
  "f32.abs": 0x8b,
  "f32.neg": 0x8c,
  "f32.ceil": 0x8d,
  "f32.floor": 0x8e,
  "f32.trunc": 0x8f,
  "f32.nearest": 0x90,
  "f32.sqrt": 0x91,
  "f64.abs": 0x99,
  "f64.neg": 0x9a,
  "f64.ceil": 0x9b,
  "f64.floor": 0x9c,
  "f64.trunc": 0x9d,
  "f64.nearest": 0x9e,
  "f64.sqrt": 0x9f,
  "i32.wrap_i64": 0xa7,
  "i32.trunc_f32_s": 0xa8,
  "i32.trunc_f32_u": 0xa9,
  "i32.trunc_f64_s": 0xaa,
  "i32.trunc_f64_u": 0xab,
  "i64.extend_i32_s": 0xac,
  "i64.extend_i32_u": 0xad,
  "i64.trunc_f32_s": 0xae,
  "i64.trunc_f32_u": 0xaf,
  "i64.trunc_f64_s": 0xb0,
  "i64.trunc_f64_u": 0xb1,
  "f32.convert_i32_s": 0xb2,
  "f32.convert_i32_u": 0xb3,
  "f32.convert_i64_s": 0xb4,
  "f32.convert_i64_u": 0xb5,
  "f32.demote_f64": 0xb6,
  "f64.convert_i32_s": 0xb7,
  "f64.convert_i32_u": 0xb8,
  "f64.convert_i64_s": 0xb9,
  "f64.convert_i64_u": 0xba,
  "f64.promote_f32": 0xbb,
  "i32.reinterpret_f32": 0xbc,
  "i64.reinterpret_f64": 0xbd,
  "f32.reinterpret_i32": 0xbe,
  "f64.reinterpret_i64": 0xbf,
  "i32.extend8_s": 0xc0,
  "i32.extend16_s": 0xc1,
  "i64.extend8_s": 0xc2,
  "i64.extend16_s": 0xc3,
  "i64.extend32_s": 0xc4,
  "i32.trunc_sat_f32_s": 0xfc00,
  "i32.trunc_sat_f32_u": 0xfc01,
  "i32.trunc_sat_f64_s": 0xfc02,
  "i32.trunc_sat_f64_u": 0xfc03,
  "i64.trunc_sat_f32_s": 0xfc04,
  "i64.trunc_sat_f32_u": 0xfc05,
  "i64.trunc_sat_f64_s": 0xfc06,
  "i64.trunc_sat_f64_u": 0xfc07,
} as const;

const LOAD = {
  "i32.load": 0x28,
  "i64.load": 0x29,
  "f32.load": 0x2a,
  "f64.load": 0x2b,
  "i32.load8_s": 0x2c,
  "i32.load8_u": 0x2d,
  "i32.load16_s": 0x2e,
  "i32.load16_u": 0x2f,
  "i64.load8_s": 0x30,
  "i64.load8_u": 0x31,
  "i64.load16_s": 0x32,
  "i64.load16_u": 0x33,
  "i64.load32_s": 0x34,
  "i64.load32_u": 0x35,
  "i32.atomic.load": 0xfe10,
  "i64.atomic.load": 0xfe11,
} as const;

const STORE = {
  "i32.store": 0x36,
  "i64.store": 0x37,
  "f32.store": 0x38,
  "f64.store": 0x39,
  "i32.store8": 0x3a,
  "i32.store16": 0x3b,
  "i64.store8": 0x3c,
  "i64.store16": 0x3d,
  "i64.store32": 0x3e,
  "i32.atomic.store": 0xfe17,
  "i64.atomic.store": 0xfe18,
} as const;

const ATOMIC = {
  "i32.atomic.rmw.add": 0xfe1e,
  "i64.atomic.rmw.add": 0xfe1f,
  "i32.atomic.rmw.sub": 0xfe25,
  "i64.atomic.rmw.sub": 0xfe26,
  "i32.atomic.rmw.and": 0xfe2c,
  "i64.atomic.rmw.and": 0xfe2d,
  "i32.atomic.rmw.or": 0xfe33,
  "i64.atomic.rmw.or": 0xfe34,
  "i32.atomic.rmw.xor": 0xfe3a,
  "i64.atomic.rmw.xor": 0xfe3b,
  "i32.atomic.rmw.xchg": 0xfe41,
  "i64.atomic.rmw.xchg": 0xfe42,
} as const;

const COMPARE_EXCHANGE = { "i32.atomic.rmw.cmpxchg": 0xfe48, "i64.atomic.rmw.cmpxchg": 0xfe49 } as const;

/** Instructions with two operands of one type; comparisons give an `i32`. */
export type BinaryOp = keyof typeof COMPARE | keyof typeof ARITHMETIC;
/** Instructions with one operand, conversions included. */
export type UnaryOp = keyof typeof TEST | keyof typeof UNARY;
/** Instructions that read memory. */
export type LoadOp = keyof typeof LOAD;
/** Instructions that write memory. */
export type StoreOp = keyof typeof STORE;
/** Atomic read-modify-write instructions: they give the old value. */
export type AtomicOp = keyof typeof ATOMIC;
/** Atomic compare-and-exchange instructions: they give the old value. */
export type CompareExchangeOp = keyof typeof COMPARE_EXCHANGE;

/** What an instruction is encoded as and which types it takes and gives. */
export interface Operation {
  /** The code; above 0xff a prefix byte followed by a number. */
  readonly code: number;
  /** Type of every operand (for memory instructions: of the value, not the address). */
  readonly operand: ValueType;
  /** Type of the result. */
  readonly result: ValueType;
  /** log2 of the bytes accessed, for memory instructions. */
  readonly align: number;
}

/** Derives an operation from its name, for a name says all of it: `i32.trunc_f64_s`, `i64.load8_u`. */
function describe(name: string, code: number, testsOnly: boolean): Operation {
  const own = name.slice(0, 3) as ValueType;
  const other = /_([if](?:32|64))(?:_|$)/.exec(name)?.[1] as ValueType | undefined;
  const bits = Number(/(?:load|store)(8|16|32)/.exec(name)?.[1] ?? own.slice(1));
  return { code, operand: other ?? own, result: testsOnly ? "i32" : own, align: Math.log2(bits / 8) };
}

function table<Name extends string>(codes: Record<Name, number>, tests = false): [Name, Operation][] {
  return Object.entries<number>(codes).map(([name, code]) => [name as Name, describe(name, code, tests)]);
}

/** Operations with two operands. */
export const BINARY_OPERATIONS: ReadonlyMap<BinaryOp, Operation> = new Map<BinaryOp, Operation>([
  ...table(COMPARE, true),
  ...table(ARITHMETIC),
]);

/** Operations with one operand. */
export const UNARY_OPERATIONS: ReadonlyMap<UnaryOp, Operation> = new Map<UnaryOp, Operation>([
  ...table(TEST, true),
  ...table(UNARY),
]);

/** Operations on memory. */
export const MEMORY_OPERATIONS: ReadonlyMap<LoadOp | StoreOp | AtomicOp | CompareExchangeOp, Operation> = new Map<
  LoadOp | StoreOp | AtomicOp | CompareExchangeOp,
  Operation
>([...table(LOAD), ...table(STORE), ...table(ATOMIC), ...table(COMPARE_EXCHANGE)]);
