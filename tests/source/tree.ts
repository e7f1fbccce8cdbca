/**
 * The project's files, and which of them reach which others by imports.
 *
 * @module
 */
import { importsOf, resolveImport } from "./imports.ts";

/** The project's folder. */
export const ROOT = new URL("../../", import.meta.url);

/** Folders that hold no source of ours. */
const SKIPPED: ReadonlySet<string> = new Set([".git", ".cache", "node_modules", "coverage"]);

/** Text of a file of the project. */
export type ReadText = (path: string) => string;

/** Paths of all files below a folder whose name ends as given, from the project's root, sorted. */
export function listFiles(ending: string, folder = ""): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = folder + entry.name;
    if (entry.isDirectory && !SKIPPED.has(entry.name)) files.push(...listFiles(ending, `${path}/`));
    else if (entry.isFile && entry.name.endsWith(ending)) files.push(path);
  }
  return files.sort();
}

/** Reads a file of the project. */
export function readText(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** The modules that a module loads, itself included: relative imports that are not of types alone, from file to file. */
export function reachable(start: string, read: ReadText = readText): Set<string> {
  const seen = new Set([start]);
  for (const path of seen) {
    for (const { specifier, typeOnly } of importsOf(read(path))) {
      if (typeOnly || specifier === undefined || !specifier.startsWith(".")) continue;
      seen.add(resolveImport(path, specifier));
    }
  }
  return seen;
}
