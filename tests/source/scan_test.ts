/** Tests of the scanner and of the list of imports. @module */
import assert from "node:assert/strict";
import { importsOf, resolveImport } from "./imports.ts";
import { code, scan } from "./scan.ts";
import { listFiles, reachable, readText } from "./tree.ts";

function texts(source: string): string[] {
  return code(scan(source)).map(({ text }) => text);
}

Deno.test("scan leaves comments out of code, and code out of comments and strings", () => {
  assert.deepEqual(texts(`a /* b // c */ d // e\n"f // g" 'h'`), ["a", "d", `"f // g"`, "'h'"]);
  assert.deepEqual(texts(`"a\\"b" c`), [`"a\\"b"`, "c"]);
});

Deno.test("scan tells a regular expression from a division", () => {
  const kinds = (source: string): string[] =>
    scan(source).filter(({ kind }) => kind === "regex").map(({ text }) => text);
  assert.deepEqual(kinds("a / b / c; (d) / e / f; g[0] / h / i; 4 / 2 / 1"), []);
  assert.deepEqual(kinds("x = /[/\"]/g; f(/a\\/b/); return /'/.test(x)"), ['/[/"]/g', "/a\\/b/", "/'/"]);
});

Deno.test("scan sees code inside template literals, however deep", () => {
  const tokens = scan("`a ${ b({ c: `d ${e} f` }) } g` + h");
  const words = tokens.filter(({ kind }) => kind === "word").map(({ text }) => text);
  assert.deepEqual(words, ["b", "c", "e", "h"]);
  assert.deepEqual(texts("`\\`${1}$` x"), ["`", "\\`", "${", "1", "}", "$", "`", "x"]);
});

Deno.test("scan counts lines in every kind of token", () => {
  const tokens = scan("/*\n*/ a `\n${b}\n`\nc");
  const lines = tokens.filter(({ kind }) => kind === "word").map(({ text, line }) => `${text}${line}`);
  assert.deepEqual(lines, ["a2", "b3", "c5"]);
});

Deno.test("scan loses no character of any source file", () => {
  for (const path of listFiles(".ts")) {
    const source = readText(path);
    const kept = scan(source).map(({ text }) => text).join("").replace(/\s/g, "");
    assert.equal(kept, source.replace(/\s/g, ""), path);
  }
});

Deno.test("importsOf finds every form, and tells types apart", () => {
  const source = `
import a from "./a.ts";
import type { B } from "./b.ts";
import { type C, type D } from "./c.ts";
import { type E, e } from "./e.ts";
import "./f.ts";
export * from "./g.ts";
export type { H } from "./h.ts";
export { i } from "./i.ts";
export const from = "./no.ts";
const j = await import("./j.ts"), k = await import(j + ".ts"), here = import.meta.url;
// import "./comment.ts"
const text = 'import "./string.ts"', template = \`import "./template.ts" \${await import("./l.ts")}\`;
x.import("./method.ts");
`;
  const found = importsOf(source).map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? " type" : ""}`);
  assert.deepEqual(found, [
    "./a.ts",
    "./b.ts type",
    "./c.ts type",
    "./e.ts",
    "./f.ts",
    "./g.ts",
    "./h.ts type",
    "./i.ts",
    "./j.ts",
    "undefined",
    "./l.ts",
  ]);
});

Deno.test("reachable follows imports from file to file, but not those of types", () => {
  const files: Record<string, string> = {
    "mod.ts": `export * from "./core/a.ts"; import type { T } from "./core/t.ts";`,
    "core/a.ts": `import { b } from "../arch/b.ts"; import "npm:x"; import "./a.ts";`,
    "arch/b.ts": "export const b = 1;",
  };
  assert.deepEqual([...reachable("mod.ts", (path) => files[path])], ["mod.ts", "core/a.ts", "arch/b.ts"]);
  assert.equal(resolveImport("core/x/y.ts", "../z.ts"), "core/z.ts");
});
