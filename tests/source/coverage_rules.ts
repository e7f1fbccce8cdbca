/**
 * Every source file has a test: at the mirrored path, or by a named reason.
 *
 * @module
 */
import { COVERED_BY } from "./covered_by.ts";
import { code, scan } from "./scan.ts";
import { reachable, type ReadText } from "./tree.ts";

/** Words that open a declaration which leaves something at run time. */
const RUNTIME: ReadonlySet<string> = new Set(["function", "class", "const", "let", "var", "enum"]);

/** Where the test of a source file belongs. */
export function mirrored(path: string): string {
  return `tests/${path.replace(/\.ts$/, "_test.ts")}`;
}

/** Whether nothing of a module is left when its types are taken out. */
export function isTypesOnly(source: string): boolean {
  return code(scan(source)).every(({ kind, text }) => kind !== "word" || !RUNTIME.has(text));
}

/** What is wrong with the tests of the given source files. */
export function coverageViolations(
  sources: readonly string[],
  tests: readonly string[],
  read: ReadText,
  coveredBy: Readonly<Record<string, string>> = COVERED_BY,
): string[] {
  const found: string[] = [];
  const loaded = new Map<string, Set<string>>();
  for (const path of sources) {
    if (tests.includes(mirrored(path)) || isTypesOnly(read(path))) continue;
    const key = path in coveredBy ? path : path.slice(0, path.lastIndexOf("/") + 1);
    const test = coveredBy[key];
    if (test === undefined) {
      found.push(`${path}: has no test; write ${mirrored(path)}`);
      continue;
    }
    if (!tests.includes(test)) {
      found.push(`${path}: its test ${test} is not there`);
      continue;
    }
    if (!loaded.has(test)) loaded.set(test, reachable(test, read));
    if (!loaded.get(test)!.has(path)) found.push(`${path}: its test ${test} does not load it`);
  }
  const gone = Object.keys(coveredBy).filter((key) => !sources.some((path) => path.startsWith(key)));
  return [...found, ...gone.map((key) => `${key}: is gone; take it out of covered_by.ts`)];
}
