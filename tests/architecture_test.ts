/** The architecture's rules hold for every file, and each rule finds what it is for. @module */
import assert from "node:assert/strict";
import {
  architectureViolations,
  forbiddenNames,
  importViolations,
  isaWords,
  portabilityViolations,
} from "./source/architecture_rules.ts";
import { importsOf } from "./source/imports.ts";
import { code, scan } from "./source/scan.ts";
import { listFiles, reachable, readText } from "./source/tree.ts";

Deno.test("every import points down, core says no word of an architecture, and portable code uses no host", () => {
  const files = listFiles(".ts").filter((path) => !path.startsWith("tests/"));
  for (const part of ["core/vm.ts", "arch/riscv/mod.ts", "devices/plic.ts", "plugins/uart.ts"]) {
    assert.ok(files.includes(part), `${part} is gone: the rules look at nothing`);
  }
  const violations = files.flatMap((path) => architectureViolations(path, readText(path)));
  assert.deepEqual(violations, []);
});

Deno.test("everything that mod.ts loads is portable: relative paths with .ts, nothing of host/ or cli/", () => {
  const modules = [...reachable("mod.ts")];
  assert.ok(modules.includes("core/vm.ts") && modules.includes("arch/riscv/engine/interpreter.ts"));
  for (const path of modules) {
    assert.match(path, /^(mod\.ts|core\/|arch\/|devices\/|plugins\/)/);
    assert.deepEqual(portabilityViolations(path, readText(path)), []);
  }
});

Deno.test("mod.ts only re-exports", () => {
  const text = code(scan(readText("mod.ts"))).map((token) => token.text).join(" ");
  for (const statement of text.split(" ;").map((part) => part.trim()).filter((part) => part !== "")) {
    assert.match(statement, /^export (?:type )?(?:\*|\{[^}]*\}) from "\.\/[^"]+\.ts"$/);
  }
});

Deno.test("no module of the core or of a machine imports the devices: there is no list of known ones", () => {
  for (const path of listFiles(".ts", "core/").concat(listFiles(".ts", "arch/"))) {
    assert.ok(importsOf(readText(path)).every(({ specifier }) => !specifier?.includes("devices/")), path);
  }
});

/** Sources that break a rule, with what the rule must say; and sources that look as if. */
const UPWARD: readonly [path: string, source: string, violations: number][] = [
  ["core/a.ts", `import { riscv } from "../arch/riscv/mod.ts";`, 1],
  ["core/a.ts", `import type { Hart } from "../arch/riscv/hart.ts";`, 1],
  ["core/wasm/a.ts", `export * from "../../devices/plic.ts";`, 1],
  ["core/a.ts", `const { Plic } = await import("../devices/plic.ts");`, 1],
  ["core/a.ts", `import { b } from "./b.ts"; // import "../arch/mod.ts"`, 0],
  ["core/wasm/a.ts", `import { b } from "../b.ts";`, 0],
  ["arch/riscv/a.ts", `import { Plic } from "../../devices/plic.ts";`, 1],
  ["devices/a.ts", `import plugin from "../plugins/plic.ts";`, 1],
  ["plugins/a.ts", `import { Hart } from "../arch/riscv/hart.ts";`, 1],
  ["plugins/a.ts", `import { sbiExtension } from "../arch/riscv/sbi/sbi.ts";`, 0],
  ["plugins/a.ts", `import { main } from "../cli/main.ts";`, 1],
  ["mod.ts", `export * from "./host/deno.ts";`, 1],
  ["cli/a.ts", `import { x } from "../tests/contract/device.ts";`, 1],
  ["examples/a.ts", `import { x } from "../core/vm.ts";`, 1],
];

Deno.test("importViolations finds an import that points up, in every form", () => {
  for (const [path, source, count] of UPWARD) assert.equal(importViolations(path, source).length, count, source);
});

Deno.test("portabilityViolations finds bare, npm:, jsr:, node: and computed specifiers, and missing extensions", () => {
  for (
    const specifier of ["@std/assert", "npm:x@1", "jsr:@x/y", "node:fs", "https://example.com/a.ts", "./a", "./a.js"]
  ) {
    assert.equal(portabilityViolations("core/a.ts", `import a from "${specifier}";`).length, 1, specifier);
    assert.equal(portabilityViolations("core/a.ts", `export type { A } from "${specifier}";`).length, 1, specifier);
  }
  assert.equal(portabilityViolations("plugins/a.ts", "await import(name);").length, 1);
  assert.equal(portabilityViolations("core/plugin.ts", "await import(name);").length, 0);
  assert.equal(portabilityViolations("core/a.ts", `const text = 'import "npm:x"'; // import "npm:y"`).length, 0);
});

Deno.test("isaWords finds words of the architecture in code, comments and strings, in any case", () => {
  const words = ["RISC-V", "riscv", "the hart runs", "hartId", "SoftwareHart", "SBI", "sbiExtension", "Sv39", "sv48x4"];
  const more = ["hgatp", "scause", "mstatus", "a CSR", "VS-mode", "ecall", "WFI", "PLIC", "rv64gc", "vsatp"];
  for (const word of [...words, ...more]) {
    assert.ok(isaWords("core/a.ts", `/** ${word} */`).length > 0, word);
    assert.ok(isaWords("core/a.ts", `const text = "${word}";`).length > 0, word);
  }
  for (
    const innocent of ["charter", "start", "harbour", "sbits", "csrf", "duplicate", "display", "svelte", "replica"]
  ) {
    assert.deepEqual(isaWords("core/a.ts", `// ${innocent}`), [], innocent);
  }
});

Deno.test("forbiddenNames finds what belongs to the host, not members, keys, comments or strings", () => {
  const forbidden = [
    "Deno.exit(1)",
    "const { readFile } = Deno",
    "Date.now()",
    "new Date()",
    "performance.now()",
    "Math.random()",
    "console.log(1)",
    "setTimeout(f, 1)",
    "const later = setTimeout",
    "x ? Deno : y",
    "`${Math.random()}`",
    "globalThis.console",
    "crypto.getRandomValues(a)",
    "await fetch(url)",
  ];
  for (const source of forbidden) {
    for (const path of ["core/a.ts", "arch/riscv/a.ts", "devices/a.ts", "plugins/a.ts"]) {
      assert.equal(architectureViolations(path, source).length, 1, `${path}: ${source}`);
    }
    assert.equal(architectureViolations("cli/a.ts", source).length, 0, source);
  }
  const innocent = [
    "// Deno.exit(1), Date.now()",
    `const text = "Math.random() console.log setTimeout";`,
    "this.clock.performance; host.fetch(x); a.Date",
    "for (const console of consoles) console.end(reason);",
    "const options = { fetch: 1, Date: 2 };",
    "Math.floor(x)",
    "const re = /Deno.exit/;",
  ];
  for (const source of innocent) assert.deepEqual(forbiddenNames("core/a.ts", source), [], source);
  assert.deepEqual(forbiddenNames("core/vm_host.ts", "await fetch(url)"), []);
});
