/**
 * Which x registers an instruction reads and writes, found by running its meaning over a vocabulary that notes nothing else.
 *
 * @module
 */
import type { Decoded, Instruction, Operands, Ops, RegisterOperand } from "../isa/instruction.ts";

/** Fields of the encoding that name x registers. */
interface Footprint {
  readonly reads: ReadonlySet<RegisterOperand["field"]>;
  readonly writesRd: boolean;
}

const known = new Map<Instruction, Footprint>();

const OPERANDS: Operands<undefined> = {
  rd: { field: "rd" },
  rs1: { field: "rs1" },
  rs2: { field: "rs2" },
  rs3: { field: "rs3" },
  imm: undefined,
};

/** The x registers that an instruction reads, one bit each. */
export function registersRead(decoded: Decoded): number {
  let registers = 0;
  for (const field of footprintOf(decoded.instruction).reads) registers |= 1 << decoded[field];
  return registers & ~1;
}

/** The x register that an instruction writes, as a bit; 0 if none. Rows that are TypeScript write the one that they name, in memory. */
export function registerWritten(decoded: Decoded): number {
  return footprintOf(decoded.instruction).writesRd ? 1 << decoded.rd & ~1 : 0;
}

function footprintOf(instruction: Instruction): Footprint {
  let footprint = known.get(instruction);
  if (footprint === undefined) {
    footprint = observe(instruction);
    known.set(instruction, footprint);
  }
  return footprint;
}

function observe({ run }: Instruction): Footprint {
  const reads = new Set<RegisterOperand["field"]>();
  if (run === undefined) return { reads, writesRd: true };
  let writesRd = false;
  const noted: Partial<Ops<undefined>> = {
    x: ({ field }) => void reads.add(field),
    setX: () => void (writesRd = true),
    amo: (_address, _size, change) => change(undefined),
  };
  // Every other word of the vocabulary has no part in it, whatever its name.
  const vocabulary = new Proxy(noted, { get: (words, name) => words[name as keyof typeof words] ?? (() => undefined) });
  run(vocabulary as Ops<undefined>, OPERANDS);
  return { reads, writesRd };
}
