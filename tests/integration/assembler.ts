/**
 * A small assembler for guests that tests write in place, on the project's own instruction table (RISC-V Assembly Programmer's Manual).
 *
 * One statement a line, `#` begins a comment, `name:` a label. Beside the table's instructions it knows the usual pseudoinstructions
 * and `.word`, `.dword`, `.half`, `.space`, `.align`, `.ascii`.
 *
 * @module
 */
import { listCsrs } from "../../arch/riscv/csr/csr_file.ts";
import { F_NAMES, FORMAT_SYNTAX, X_NAMES } from "../../arch/riscv/disassemble.ts";
import { encode, type Instruction, INSTRUCTIONS } from "../../arch/riscv/isa/mod.ts";

/** A program that was assembled. */
export interface Program {
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** Address of its first byte. */
  readonly base: number;
  /** Address of a label; throws if there is none. */
  label(name: string): number;
}

const ROWS = new Map(INSTRUCTIONS.map((row) => [row.name, row]));
const CSRS = new Map(listCsrs().map(({ name, number }) => [name, number]));

const FIELD_AT: Readonly<Record<string, number>> = {
  rd: 7,
  rs1: 15,
  rs2: 20,
  fd: 7,
  fs1: 15,
  fs2: 20,
  fs3: 27,
  uimm: 15,
};

/** Pseudoinstructions that stand for one instruction: `$1`, `$2` are their operands. */
const ALIASES: Readonly<Record<string, string>> = {
  nop: "addi zero,zero,0",
  mv: "addi $1,$2,0",
  not: "xori $1,$2,-1",
  neg: "sub $1,zero,$2",
  seqz: "sltiu $1,$2,1",
  snez: "sltu $1,zero,$2",
  j: "jal zero,$1",
  call: "jal ra,$1",
  jr: "jalr zero,0($1)",
  ret: "jalr zero,0(ra)",
  beqz: "beq $1,zero,$2",
  bnez: "bne $1,zero,$2",
  bltz: "blt $1,zero,$2",
  bgez: "bge $1,zero,$2",
  bgtz: "blt zero,$1,$2",
  csrr: "csrrs $1,$2,zero",
  csrw: "csrrw zero,$1,$2",
  csrs: "csrrs zero,$1,$2",
  csrc: "csrrc zero,$1,$2",
  csrwi: "csrrwi zero,$1,$2",
  csrsi: "csrrsi zero,$1,$2",
  csrci: "csrrci zero,$1,$2",
};

/** A statement with a place; `emit` gives its bytes once all labels are known. */
interface Statement {
  readonly line: string;
  readonly address: number;
  readonly emit: (address: number, value: (text: string) => bigint) => number[];
}

/** Assembles a program that is loaded at `base`. Throws with the line that it cannot read. */
export function assemble(base: number, source: string): Program {
  const labels = new Map<string, number>();
  const statements: Statement[] = [];
  let address = base;
  for (let line of source.split("\n")) {
    line = line.replace(/#.*/, "").trim();
    for (let label; (label = /^([\w.]+):\s*/.exec(line)) !== null; line = line.slice(label[0].length)) {
      labels.set(label[1], address);
    }
    if (line === "") continue;
    const { size, emit } = guarded(line, () => parse(line, address));
    statements.push({ line, address, emit });
    address += size;
  }
  const value = (text: string): bigint => valueOf(text, labels);
  const bytes = new Uint8Array(address - base);
  for (const { line, address: at, emit } of statements) bytes.set(guarded(line, () => emit(at, value)), at - base);
  return {
    bytes,
    base,
    label: (name) => labels.get(name) ?? fail(`there is no label "${name}"`),
  };
}

function fail(problem: string): never {
  throw new Error(problem);
}

function guarded<Result>(line: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    throw new Error(`Cannot assemble "${line}": ${(cause as Error).message}`, { cause });
  }
}

/** A number, a label, or a label with a number added. */
function valueOf(text: string, labels: ReadonlyMap<string, number>): bigint {
  const [, name, offset] = /^([A-Za-z_.][\w.]*)\s*([+-]\s*\w+)?$/.exec(text) ?? [];
  if (name === undefined) return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
  const address = labels.get(name) ?? fail(`there is no label "${name}"`);
  return BigInt(address) + (offset === undefined ? 0n : valueOf(offset.replace(/[+\s]/g, ""), labels));
}

function littleEndian(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number(value >> BigInt(i * 8) & 0xffn));
}

function parse(line: string, address: number): { size: number; emit: Statement["emit"] } {
  const [, name, rest] = /^(\S+)\s*(.*)$/.exec(line)!;
  const operands = rest === "" ? [] : rest.split(",").map((operand) => operand.trim());
  if (name.startsWith(".")) return directive(name, operands, rest, address);
  if (name === "li") return constants(name, operands[0], BigInt(operands[1]));
  if (name === "la") {
    return {
      size: 8,
      emit: (at, value) => {
        const distance = Number(value(operands[1])) - at;
        const upper = (distance + 0x800) >> 12;
        const text = [
          `auipc ${operands[0]},${upper & 0xfffff}`,
          `addi ${operands[0]},${operands[0]},${distance - (upper << 12)}`,
        ];
        return text.flatMap((one, i) => instruction(one, at + i * 4, value));
      },
    };
  }
  return { size: 4, emit: (at, value) => instruction(line, at, value) };
}

function directive(name: string, operands: string[], rest: string, address: number): ReturnType<typeof parse> {
  const sizes: Readonly<Record<string, number>> = { ".half": 2, ".word": 4, ".dword": 8 };
  if (sizes[name] !== undefined) {
    const size = sizes[name];
    return {
      size: size * operands.length,
      emit: (_at, value) => operands.flatMap((operand) => littleEndian(BigInt.asUintN(size * 8, value(operand)), size)),
    };
  }
  if (name === ".ascii") {
    const bytes = [...new TextEncoder().encode(JSON.parse(rest) as string)];
    return { size: bytes.length, emit: () => bytes };
  }
  const number = Number(operands[0]);
  if (name === ".space") return { size: number, emit: () => [] };
  if (name === ".align") return { size: -address & (2 ** number - 1), emit: () => [] };
  return fail(`there is no directive ${name}`);
}

/** `li` with as few instructions as the usual way of building a constant needs. */
function constants(_name: string, register: string, value: bigint): ReturnType<typeof parse> {
  const lines = loadImmediate(register, BigInt.asIntN(64, value));
  return {
    size: lines.length * 4,
    emit: (at, read) => lines.flatMap((line, i) => instruction(line, at + i * 4, read)),
  };
}

function loadImmediate(register: string, value: bigint): string[] {
  if (value >= -2048n && value < 2048n) return [`addi ${register},zero,${value}`];
  const low = BigInt.asIntN(12, value);
  if (value === BigInt.asIntN(32, value)) {
    const upper = Number(BigInt.asUintN(20, value - low >> 12n));
    return [`lui ${register},${upper}`, ...(low === 0n ? [] : [`addiw ${register},${register},${low}`])];
  }
  const high = BigInt.asIntN(64, value - low) >> 12n;
  const lines = [...loadImmediate(register, high), `slli ${register},${register},12`];
  return low === 0n ? lines : [...lines, `addi ${register},${register},${low}`];
}

/** The bytes of one instruction. */
function instruction(text: string, at: number, value: (text: string) => bigint): number[] {
  const [, name, rest] = /^(\S+)\s*(.*)$/.exec(text)!;
  const operands = rest === "" ? [] : rest.split(",").map((operand) => operand.trim());
  const alias = ALIASES[name];
  if (alias !== undefined) return instruction(alias.replace(/\$(\d)/g, (_, i) => operands[Number(i) - 1]), at, value);
  if (name === "fence" && rest === "") return littleEndian(0x0ff0000fn, 4);
  if (name === "sfence.vma" && rest === "") return instruction("sfence.vma zero,zero", at, value);
  const [, plain, ordering = ""] = /^(.*?)(\.aq|\.rl|\.aqrl)?$/.exec(name)!;
  const row = ROWS.get(name) ?? ROWS.get(plain) ?? fail("there is no such instruction");
  const bits = encodeRow(row, rest, at, value) | ({ ".rl": 1, ".aq": 2, ".aqrl": 3 }[ordering] ?? 0) << 25;
  return littleEndian(BigInt(bits >>> 0), 4);
}

function encodeRow(row: Instruction, rest: string, at: number, value: (text: string) => bigint): number {
  const syntax = (row.syntax ?? FORMAT_SYNTAX[row.format]).replace(/,rm$/, "");
  const words = syntax.match(/[a-z]+[1-3]?/g) ?? [];
  const pattern = new RegExp(`^${syntax.replace(/[()]/g, "\\$&").replace(/[a-z]+[1-3]?/g, "([^,()]+)")}$`);
  const found = pattern.exec(rest.replace(/\s/g, "")) ?? fail(`its operands are ${syntax}`);
  let imm = 0;
  let fields = 0;
  for (const [index, word] of words.entries()) {
    const text = found[index + 1];
    if (word === "imm" || word === "shamt") imm = Number(value(text));
    else if (word === "upper") imm = Number(value(text)) << 12;
    else if (word === "target") imm = Number(value(text)) - at;
    else if (word === "csr") imm = CSRS.get(text) ?? Number(value(text));
    else fields |= register(word, text) << FIELD_AT[word];
  }
  const limit = { B: 4096, J: 2 ** 20, I: 4096, S: 2048 }[row.format as string] ?? Infinity;
  if (imm >= limit || imm < -limit) fail(`${imm} is out of reach`);
  return encode(row, { imm }) | fields;
}

function register(word: string, text: string): number {
  if (word === "uimm") return Number(text);
  const names = word.startsWith("f") ? F_NAMES : X_NAMES;
  const index = text === "fp" ? 8 : names.indexOf(text);
  return index >= 0 ? index : fail(`"${text}" is no register`);
}
