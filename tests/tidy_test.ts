/** The rules of tidy files hold for every file, and each rule finds what it is for. @module */
import assert from "node:assert/strict";
import { coverageViolations, isTypesOnly } from "./source/coverage_rules.ts";
import { functionsOf } from "./source/functions.ts";
import {
  addresses,
  leftovers,
  lengths,
  opening,
  stateOffsets,
  tidyViolations,
  valueDecisions,
} from "./source/tidy_rules.ts";
import { listFiles, reachable, readText } from "./source/tree.ts";

/** These files hold what the rules look for, as examples. */
const OWN_EXAMPLES: readonly string[] = ["tests/tidy_test.ts", "tests/source/tidy_rules.ts"];

Deno.test("every source file is tidy", () => {
  const files = listFiles(".ts").filter((path) => !OWN_EXAMPLES.includes(path));
  assert.ok(files.length > 100);
  assert.deepEqual(files.flatMap((path) => tidyViolations(path, readText(path))), []);
});

Deno.test("every document has one title, no marks of unfinished work, and no address or folder of one machine", () => {
  for (const path of listFiles(".md")) {
    const text = readText(path);
    const outsideCode = text.replace(/^```[^]*?^```/gm, "");
    assert.equal(outsideCode.match(/^# /gm)?.length, 1, `${path}: one title`);
    assert.doesNotMatch(text, /\b(?:TODO|FIXME|TBD)\b/, path);
    assert.deepEqual(addresses(path, text), []);
  }
});

Deno.test("every link between documents leads to a file", () => {
  for (const path of listFiles(".md")) {
    for (const [, target] of readText(path).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
      const file = new URL(target, `file:///${path}`).pathname.slice(1);
      assert.doesNotThrow(() => Deno.statSync(new URL(`../${file}`, import.meta.url)), `${path} links to ${target}`);
    }
  }
});

Deno.test("every source file of core, arch, devices and plugins has its test, or a reason", () => {
  const sources = ["core/", "arch/", "devices/", "plugins/"].flatMap((folder) => listFiles(".ts", folder));
  assert.deepEqual(coverageViolations(sources, listFiles("_test.ts", "tests/"), readText), []);
});

Deno.test("every test file is found by the test runner and has a test", () => {
  for (const path of listFiles("_test.ts")) {
    assert.ok(path.startsWith("tests/"), `${path}: tests are below tests/`);
    const loaded = [...reachable(path)].filter((file) => file.startsWith("tests/"));
    assert.ok(loaded.some((file) => readText(file).includes("Deno.test(")), `${path}: has no test`);
  }
});

function repeat(line: string, count: number): string {
  return `${line}\n`.repeat(count);
}

Deno.test("lengths finds files and functions of every kind that are too long", () => {
  assert.deepEqual(lengths("a.ts", repeat("x;", 400)), []);
  assert.match(lengths("a.ts", repeat("x;", 401))[0], /401 lines/);
  const heads = [
    "function f(a: number): void {",
    "const f = (a: { b: number }): { c: number } => {",
    "async function* f<T>(a = () => {}): AsyncGenerator<Map<string, T[]>> {",
    "class A { constructor() {",
    "class A { get f(): A | { b: 1 } {",
    "class A { static async #f(a: (b: string) => void): Promise<void> {",
    'Deno.test("f", () => {',
    "const o = { f(a) {",
    "export default { async setup(context) {",
  ];
  for (const head of heads) {
    assert.deepEqual(lengths("a.ts", `${head}\n${repeat("x;", 58)}}`), [], head);
    assert.equal(lengths("a.ts", `${head}\n${repeat("x;", 59)}}`).length, 1, head);
  }
  const blocks = [
    "if (a) {",
    "for (const a of b(c)) {",
    "while (f(a)) {",
    "const o = {",
    "class A {",
    "switch (f(a)) {",
    "else {",
  ];
  for (const head of blocks) assert.deepEqual(lengths("a.ts", `${head}\n${repeat("x;", 90)}}`), [], head);
});

Deno.test("functionsOf sees inner functions, and no function in a conditional or a call", () => {
  const names = (source: string): string[] => functionsOf(source).map(({ name }) => name);
  assert.deepEqual(names("function f() { return g(() => { h(); }); }"), ["f", "=>"]);
  assert.deepEqual(names("const a = b ? c(d) : { e: 1 }; f(g); if (h) { i(); }"), []);
  assert.deepEqual(names("interface A { f(): { b: number }; g(): void }"), []);
});

Deno.test("opening asks for a doc comment with @module", () => {
  assert.deepEqual(opening("a.ts", "/** What it is. @module */\nx;"), []);
  assert.deepEqual(opening("a.ts", "#!/usr/bin/env -S deno run\n/**\n * What it is.\n *\n * @module\n */"), []);
  for (const source of ["", "x;", "// What it is. @module", "/** What it is. */", "/* What it is. @module */"]) {
    assert.equal(opening("a.ts", source).length, 1, source);
  }
});

Deno.test("leftovers finds marks in comments and switched tests, not words in code", () => {
  assert.equal(leftovers("a.ts", "// TODO: more").length, 1);
  assert.equal(leftovers("a.ts", "/** FIXME */").length, 1);
  assert.equal(leftovers("a.ts", `Deno.test.only("x", f)`).length, 1);
  assert.equal(leftovers("a.ts", `Deno.test.ignore("x", f)`).length, 1);
  assert.deepEqual(leftovers("a.ts", `const TODO = "FIXME"; a.only(1); // a todo list`), []);
});

Deno.test("addresses finds unknown hosts and folders of one machine", () => {
  assert.equal(addresses("a.md", "see http://mirror.somewhere.test/debian").length, 1);
  assert.equal(addresses("a.md", "in /home/someone/project").length, 1);
  assert.equal(addresses("a.ts", `open("/work/main/x")`).length, 1);
  assert.deepEqual(addresses("a.md", "see https://github.com/a/b, http://a.example/x and http://127.0.0.1:80/"), []);
  assert.deepEqual(addresses("a.md", "a/work/b and docs/home/x, `.cache/linux`"), []);
});

Deno.test("stateOffsets finds numbers where the layout has names", () => {
  const bad = [
    "state.low(0x40)",
    "hart.state.set(8, 0, 0)",
    "this.state.setWord(16, 1)",
    "e.hartLoad(24)",
    "hartStore(32, value)",
  ];
  for (const source of bad) {
    assert.equal(stateOffsets("arch/riscv/a.ts", source).length, 1, source);
    assert.deepEqual(stateOffsets("arch/riscv/layout.ts", source), []);
    assert.deepEqual(stateOffsets("core/a.ts", source), []);
  }
  const good = ["state.low(FIELD.pc)", "state.xLow(10)", "low(0)", "map.set(8, 1)", "hartLoad(field)"];
  for (const source of good) assert.deepEqual(stateOffsets("arch/riscv/a.ts", source), [], source);
});

Deno.test("valueDecisions finds decisions of the host inside the meaning of an instruction", () => {
  const bad = [
    "row(E, n, f, p, (o, a) => { if (o.x(a.rs1)) o.jump(t); })",
    "op(E, n, f, (o, x, y) => x === y ? x : y)",
    "op(E, n, f, (o, x, y) => x < y)",
    "op(E, n, f, (_o, x, y) => x && y)",
    "const min: Binary = (o, x, y) => o.add(x, y > x);",
    "row(E, n, f, p, (o, a) => { while (o.x(1)) o.f(); })",
  ];
  for (const source of bad) assert.ok(valueDecisions("arch/riscv/isa/a.ts", source).length > 0, source);
  const good = [
    "row(E, n, f, p, (o, a) => { o.branchIf(o.eq(o.x(a.rs1), o.x(a.rs2))); }, wide ? A : B)",
    'row(E, n, f, p, (o, a) => o.setX(a.rd, o.float("a < b", o.x(a.rs1))))',
    "function f(width: number) { if (width < 3) return (o, x, y) => o.add(x, y); }",
    "op(E, n, f, (o, x, y) => o.add(x, y)), a < b",
  ];
  for (const source of good) assert.deepEqual(valueDecisions("arch/riscv/isa/a.ts", source), [], source);
  assert.deepEqual(valueDecisions("arch/riscv/csr/a.ts", bad[0]), []);
});

Deno.test("coverageViolations asks for a mirrored test, or one that loads the file, and drops reasons of files that are gone", () => {
  const files: Record<string, string> = {
    "core/a.ts": "export function a() {}",
    "core/b.ts": "export const b = 1;",
    "core/c.ts": "export const c = 1;",
    "core/types.ts": "export interface T { a: number } export type U = T;",
    "tests/core/a_test.ts": `import { a } from "../../core/a.ts"; import { b } from "../../core/b.ts";`,
  };
  const violations = (coveredBy: Record<string, string>): string[] =>
    coverageViolations(
      ["core/a.ts", "core/b.ts", "core/c.ts", "core/types.ts"],
      ["tests/core/a_test.ts"],
      (path) => files[path],
      coveredBy,
    );
  const a = "tests/core/a_test.ts";
  assert.match(violations({ "core/b.ts": a }).join(), /^core\/c.ts: has no test; write tests\/core\/c_test.ts$/);
  assert.match(violations({ "core/": a }).join(), /^core\/c.ts: its test .* does not load it$/);
  assert.match(violations({ "core/b.ts": a, "core/c.ts": "tests/x_test.ts" }).join(), /core\/c.ts: .* is not there/);
  assert.match(violations({ "core/b.ts": a, "core/c.ts": a, "core/d.ts": a }).join(), /core\/d.ts: is gone/);
  assert.ok(isTypesOnly("export type A = { b: number }; import type { C } from './c.ts';"));
  assert.ok(!isTypesOnly("export class A {}"));
});
