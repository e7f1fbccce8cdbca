/**
 * What a tidy file looks like: its opening, its length and that of its functions, and what must not be in it. Each rule looks at one
 * file and lists its violations in words.
 *
 * @module
 */
import { functionsOf } from "./functions.ts";
import { closing, code, scan, type Token } from "./scan.ts";

/** Lines that a file may have. */
export const MOST_FILE_LINES = 400;

/** Lines that a function may have. */
export const MOST_FUNCTION_LINES = 60;

/** Hosts that addresses in sources and documents may name: what the project documents, and names reserved for examples. */
const KNOWN_HOSTS: readonly RegExp[] = [
  /^[a-z]$/,
  /(?:^|\.)example(?:\.(?:com|net|org))?$/,
  /^(?:localhost|127\.0\.0\.1)$/,
  /^(?:www\.)?apache\.org$/,
  /^(?:www\.)?debian\.org$/,
  /^(?:deb|snapshot)\.debian\.org$/,
  /^(?:www\.)?(?:keepachangelog|semver)\.(?:com|org)$/,
  /^(?:docs\.)?deno\.com$/,
  /^(?:deno\.land|jsr\.io|github\.com|raw\.githubusercontent\.com|nodejs\.org)$/,
  /^(?:docs\.)?riscv\.org$/,
  /^docs\.oasis-open\.org$/,
  /^webassembly\.github\.io$/,
];

/** Files that may name folders of the host: they describe the guest's own tree, or hold examples of paths. */
const MACHINE_PATH = /(?:^|[^\w.$}])\/(?:home|Users|work|mnt)\/\w/;

/** All violations of a source file that its own text shows. */
export function tidyViolations(path: string, source: string): string[] {
  return [
    ...lengths(path, source),
    ...opening(path, source),
    ...leftovers(path, source),
    ...addresses(path, source),
    ...stateOffsets(path, source),
    ...valueDecisions(path, source),
  ];
}

/** Files and functions that do not fit their limits. */
export function lengths(path: string, source: string): string[] {
  const lines = source.trimEnd().split("\n").length;
  const long = functionsOf(source).filter((site) => site.lines > MOST_FUNCTION_LINES);
  const found = long.map((site) =>
    `${path}:${site.line}: ${site.name} has ${site.lines} lines, ${MOST_FUNCTION_LINES} are the limit`
  );
  if (lines > MOST_FILE_LINES) found.unshift(`${path}: has ${lines} lines, ${MOST_FILE_LINES} are the limit; split it`);
  return found;
}

/** A file that does not open with what it is for. */
export function opening(path: string, source: string): string[] {
  const [first] = scan(source.replace(/^#!.*\n/, ""));
  const isDoc = first?.kind === "comment" && first.text.startsWith("/**");
  return isDoc && first.text.includes("@module") ? [] : [`${path}: does not open with /** what it is for. @module */`];
}

/** Marks of unfinished work, and test switches that hide other tests. */
export function leftovers(path: string, source: string): string[] {
  const marks = scan(source).filter(({ kind, text }) => kind === "comment" && /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text));
  const switches = code(scan(source)).filter((token, i, all) =>
    ["only", "ignore"].includes(token.text) && all[i - 1]?.text === "." && all[i - 2]?.text === "test"
  );
  return [...marks, ...switches].map(({ line, text }) => `${path}:${line}: "${text.slice(0, 40)}" is left over`);
}

/** Addresses of hosts that the project does not know, and folders of one machine. */
export function addresses(path: string, source: string): string[] {
  return source.split("\n").flatMap((text, index) => {
    const where = `${path}:${index + 1}`;
    const hosts = [...text.matchAll(/\b(?:https?|ftp):\/\/([\w.-]+)/g)].map(([, host]) => host);
    const unknown = hosts.filter((host) => !KNOWN_HOSTS.some((known) => known.test(host)));
    const found = unknown.map((host) => `${where}: names the host ${host}`);
    return MACHINE_PATH.test(text) ? [...found, `${where}: names a folder of one machine`] : found;
  });
}

/** Accessors of a hart's state that take an offset first. */
const STATE_ACCESS: ReadonlySet<string> = new Set(["low", "high", "set", "word", "setWord", "get64", "set64"]);

/** Engines' access to the same state. */
const EMITTED_ACCESS: ReadonlySet<string> = new Set(["hartLoad", "hartStore"]);

/** Offsets into a hart's state that are written as numbers anywhere but in the layout. */
export function stateOffsets(path: string, source: string): string[] {
  if (!path.startsWith("arch/riscv/") || path === "arch/riscv/layout.ts") return [];
  const tokens = code(scan(source));
  return tokens.flatMap(({ text, line }, i) => {
    const isState = STATE_ACCESS.has(text) && tokens[i - 1]?.text === "." && tokens[i - 2]?.text === "state";
    if (!isState && !EMITTED_ACCESS.has(text)) return [];
    if (tokens[i + 1]?.text !== "(" || tokens[i + 2]?.kind !== "number") return [];
    return [`${path}:${line}: ${text}(${tokens[i + 2].text}) knows an offset; name a FIELD of layout.ts`];
  });
}

/** What would decide about a guest's value while the host builds code for it. */
const DECISIONS: ReadonlySet<string> = new Set("if switch while ? && || ?? == != === !== < > <= >= !".split(" "));

/**
 * Decisions of the host inside the meaning of an instruction: `(o, a) => ...` and `(o, x, y) => ...` in the instruction tables. A value
 * there may be code that is being written, which compares equal to nothing.
 */
export function valueDecisions(path: string, source: string): string[] {
  if (!path.startsWith("arch/riscv/isa/")) return [];
  const tokens = code(scan(source));
  return tokens.flatMap((token, i) => {
    if (token.text !== "(" || !/^_?o$/.test(tokens[i + 1]?.text) || ![",", ")"].includes(tokens[i + 2]?.text)) {
      return [];
    }
    const arrow = closing(tokens, i) + 1;
    if (tokens[arrow]?.text !== "=>") return [];
    return tokens.slice(arrow + 1, arrowEnd(tokens, arrow)).flatMap(({ text, line, kind }) =>
      kind !== "string" && DECISIONS.has(text)
        ? [`${path}:${line}: "${text}" decides in the host; use o.select or o.branchIf`]
        : []
    );
  });
}

/** Index after the body of an arrow function. */
function arrowEnd(tokens: readonly Token[], arrow: number): number {
  if (tokens[arrow + 1]?.text === "{") return closing(tokens, arrow + 1);
  let i = arrow + 1;
  while (i < tokens.length && ![",", ";", ")", "]", "}"].includes(tokens[i].text)) {
    i = "([{".includes(tokens[i].text) ? closing(tokens, i) + 1 : i + 1;
  }
  return i;
}
