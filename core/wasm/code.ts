/**
 * The instruction stream of one function body, with the positions of its branch hints (Core Specification 5.4; Branch Hinting proposal).
 *
 * @module
 */
import { ByteWriter } from "./bytes.ts";

/** Which way a conditional branch usually goes. */
export type BranchHint = "likely" | "unlikely";

/** A branch hint and the offset of its instruction in the stream. */
export interface HintPosition {
  /** Bytes from the start of the stream. */
  readonly offset: number;
  /** Whether the condition is usually true. */
  readonly likely: boolean;
}

/** Instructions of a function body, without the declaration of its locals. */
export class Code extends ByteWriter {
  /** Hints in order of position. */
  readonly hints: HintPosition[] = [];

  /** Forgets everything but keeps the space. */
  override clear(): void {
    super.clear();
    this.hints.length = 0;
  }

  /** Appends an instruction code; codes above 0xff are a prefix byte and a number. */
  op(code: number): void {
    if (code < 0x100) return this.byte(code);
    this.byte(code >> 8);
    this.u32(code & 0xff);
  }

  /** Appends a conditional branch (`if`, `br_if`) and remembers its hint. */
  branch(code: number, hint: BranchHint | undefined): void {
    if (hint !== undefined) this.hints.push({ offset: this.length, likely: hint === "likely" });
    this.op(code);
  }
}
