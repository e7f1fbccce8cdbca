/**
 * Writes `docs/instructions.md`, the list of supported instructions, from the tables: `deno run --allow-write=docs tools/instructions.ts`.
 *
 * @module
 */
import { COMPRESSED, INSTRUCTIONS } from "../arch/riscv/isa/mod.ts";

/** What each extension of the tables is, in the order of the list. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  i: "RV64I base, with the privileged instructions of the Privileged ISA",
  zifencei: "Zifencei: instruction-fetch fence",
  zicsr: "Zicsr: control and status registers",
  zihintpause: "Zihintpause: pause hint",
  m: "M: integer multiplication and division",
  a: "A: atomics",
  f: "F: single-precision floating point",
  d: "D: double-precision floating point",
  zba: "Zba: address generation",
  zbb: "Zbb: basic bit manipulation",
  zbs: "Zbs: single bits",
  zicond: "Zicond: conditional operations",
  zicbom: "Zicbom: cache-block management",
  zicboz: "Zicboz: cache-block zero",
  zicbop: "Zicbop: cache-block prefetch",
  svinval: "Svinval: fine-grained invalidation",
  h: "H: hypervisor",
};

const HEAD = `# Supported instructions

Generated from the tables in \`arch/riscv/isa/\` by \`deno run --allow-write=docs tools/instructions.ts\`: do not edit.

In an encoding, \`.\` is a bit of an operand and \`-\` a bit that is ignored.
`;

/** A Markdown table with columns of one width, as the formatter writes it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows.map((row) => row.map((cell) => `\`${cell}\``))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const [first, ...rest] = lines.map((line) => `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`);
  return [first, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rest].join("\n");
}

function section(title: string, content: string): string {
  return `\n## ${title}\n\n${content}\n`;
}

function wideTable(extension: string): string {
  const rows = INSTRUCTIONS.filter((row) => row.extension === extension);
  return table(["instruction", "encoding"], rows.map((row) => [row.name, row.pattern]));
}

function compressedTable(): string {
  return table(
    ["instruction", "encoding", "stands for"],
    COMPRESSED.map((row) => [row.name, row.pattern, row.standsFor]),
  );
}

/** The whole document. */
export function instructionList(): string {
  const unknown = INSTRUCTIONS.find((row) => !(row.extension in EXTENSIONS));
  if (unknown !== undefined) {
    throw new TypeError(
      `Cannot list "${unknown.name}": extension "${unknown.extension}" has no title in ${import.meta.url}`,
    );
  }
  const sections = Object.entries(EXTENSIONS).map(([extension, title]) => section(title, wideTable(extension)));
  return HEAD + sections.join("") + section("C: compressed instructions", compressedTable());
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("../docs/instructions.md", import.meta.url), instructionList());
}
