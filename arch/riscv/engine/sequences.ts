/**
 * Sequences of instructions that the interpreter executes at one go, see `record_fusion.ts`.
 *
 * They are what Debian's kernel interprets most while it boots: beginning with single instructions, the two neighbours that were executed
 * most often became one, fifty times. They take a third of all ways from instruction to instruction out of that boot.
 *
 * @module
 */

/** Names of rows, one behind the other. Only the last one may go elsewhere than to the next. */
export const SEQUENCE_NAMES: readonly string[] = [
  "ld ld",
  "sd sd",
  "addi addi",
  "add add",
  "addi beq",
  "auipc jalr",
  "sd sd sd sd",
  "addi jalr",
  "addi add",
  "andi bne",
  "slli add",
  "ld ld ld ld",
  "addi bne",
  "addi sd sd",
  "slli srli",
  "ld ld ld",
  "xor xor",
  "lbu addi beq",
  "ld beq",
  "auipc addi",
  "ld addi",
  "andi beq",
  "ld add",
  "slli or",
  "sd bne",
  "sw sw",
  "lbu lbu",
  "sd addi",
  "addi bltu",
  "add bne",
  "addi addi bne",
  "addi addi addi",
  "add beq",
  "lbu andi bne",
  "addiw addi beq",
  "lw beq",
  "add auipc jalr",
  "addi sd sd addi",
  "sb sb",
  "ld ld addi jalr",
  "addi bgeu",
  "add addi",
  "ld addi addi",
  "ld srli",
  "add jal",
  "ld bne",
  "add ld",
  "ld ld ld bne",
  "addw addw",
  "or or",
];
