/**
 * Which modules a module names: static imports, re-exports, dynamic imports and imports of types (ECMA-262, chapter 16 "Modules").
 *
 * @module
 */
import { closing, code, scan, type Token, unquote } from "./scan.ts";

/** One mention of another module. */
export interface ImportSite {
  /** What is between the quotes; undefined where a dynamic import computes it. */
  readonly specifier: string | undefined;
  /** Line, from 1. */
  readonly line: number;
  /** Whether only types are taken, so that nothing is loaded. */
  readonly typeOnly: boolean;
}

/** All mentions of other modules in a source text. */
export function importsOf(source: string): ImportSite[] {
  const tokens = code(scan(source));
  const sites: ImportSite[] = [];
  tokens.forEach((token, index) => {
    if (token.kind !== "word" || tokens[index - 1]?.text === ".") return;
    const site = token.text === "import"
      ? importAt(tokens, index)
      : token.text === "export"
      ? exportAt(tokens, index)
      : undefined;
    if (site !== undefined) sites.push(site);
  });
  return sites;
}

function importAt(tokens: readonly Token[], index: number): ImportSite | undefined {
  const { line } = tokens[index];
  const next = tokens[index + 1];
  if (next === undefined || next.text === "." || next.text === ":") return undefined;
  if (next.kind === "string") return { specifier: unquote(next), line, typeOnly: false };
  if (next.text !== "(") return fromClause(tokens, index, line);
  const argument = tokens[index + 2];
  const isLiteral = argument?.kind === "string" && [")", ","].includes(tokens[index + 3]?.text);
  // `typeof import("x")` and `import("x").Type` behind a colon name types; they are rare, and count as loading.
  return { specifier: isLiteral ? unquote(argument) : undefined, line, typeOnly: false };
}

function exportAt(tokens: readonly Token[], index: number): ImportSite | undefined {
  const { line } = tokens[index];
  const start = tokens[index + 1]?.text === "type" ? index + 2 : index + 1;
  const text = tokens[start]?.text;
  if (text === "*") return fromClause(tokens, index, line);
  if (text !== "{") return undefined;
  return tokens[closing(tokens, start) + 1]?.text === "from" ? fromClause(tokens, index, line) : undefined;
}

/** From `import` or `export` to the string behind `from`. */
function fromClause(tokens: readonly Token[], index: number, line: number): ImportSite | undefined {
  for (let i = index + 1; i < tokens.length && tokens[i].text !== ";"; i++) {
    if (tokens[i].text !== "from" || tokens[i + 1]?.kind !== "string") continue;
    const names = tokens.slice(index + 1, i);
    return { specifier: unquote(tokens[i + 1]), line, typeOnly: isTypeOnly(names) };
  }
  return undefined;
}

/** `type X`, `type { X }`, or braces in which every name has its own `type`. */
function isTypeOnly(names: readonly Token[]): boolean {
  if (names[0]?.text === "type" && names[1]?.text !== ",") return true;
  if (names[0]?.text !== "{") return false;
  const inside = names.slice(1, -1).map(({ text }) => text).join(" ").split(",").map((name) => name.trim());
  return inside.filter((name) => name !== "").every((name) => name.startsWith("type "));
}

/** Makes a relative specifier a path from the project's root. */
export function resolveImport(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}
