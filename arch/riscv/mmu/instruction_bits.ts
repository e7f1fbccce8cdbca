/**
 * The instruction that is being executed, as bits: for htinst and mtinst, and for whoever finishes an access to a device (Privileged ISA,
 * Hypervisor extension, "Transformed Instruction or Pseudoinstruction for mtinst or htinst").
 *
 * @module
 */
import { decode } from "../isa/decode.ts";
import { Opcode } from "../isa/encoding.ts";

/** The rs1 field, which a transformed instruction uses for the address offset. */
const RS1 = 0x1f << 15;

/** Fields that stay in a transformed load: funct3, rd, opcode. */
const LOAD_FIELDS = 0x7fff;

/** Fields that stay in a transformed store: rs2, funct3, opcode. */
const STORE_FIELDS = 0x01f0707f;

/** Bits 31:0 of the instruction that 32 bits of code begin with, expanded if compressed; 0 if it is none. */
export function expanded(bits: number): number {
  return (bits & 3) === 3 ? bits : (decode(bits)?.bits ?? 0) | 0;
}

/**
 * The transformed instruction of a load, store, AMO, HLV, HSV or cache-block operation, 0 for others.
 *
 * @param bits 32-bit encoding
 * @param compressed Whether it was a 16-bit one
 * @param offset Faulting address minus the address of the access
 */
export function transformed(bits: number, compressed: boolean, offset: number): number {
  const marker = compressed ? 2 : 0;
  const place = offset << 15;
  switch (bits & 0x7f) {
    case Opcode.LOAD:
    case Opcode.LOAD_FP:
      return (bits & LOAD_FIELDS | place) & ~marker;
    case Opcode.STORE:
    case Opcode.STORE_FP:
      return (bits & STORE_FIELDS | place) & ~marker;
    case Opcode.AMO:
    case Opcode.MISC_MEM:
    case Opcode.SYSTEM:
      return bits & ~RS1 | place;
    default:
      return 0;
  }
}
