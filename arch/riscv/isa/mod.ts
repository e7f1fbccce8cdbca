/**
 * Instructions: the table of rows, the compressed table, decoding and encoding (Unprivileged ISA and Privileged ISA).
 *
 * @module
 */
export { COMPRESSED } from "./c.ts";
export { decode } from "./decode.ts";
export { encode, hasRoundingMode, type OperandValues } from "./encoding.ts";
export type {
  AccessSize,
  CompressedInstruction,
  Decoded,
  Format,
  Instruction,
  Operands,
  Ops,
  RegisterOperand,
  TableRow,
} from "./instruction.ts";
export { INSTRUCTIONS } from "./table.ts";
