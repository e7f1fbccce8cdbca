/** What the documents say is so: their code is in tested files, their commands, files and addresses exist. @module */
import assert from "node:assert/strict";
import { VIRT, VIRTIO_SLOTS, virtioPlace } from "../plugins/virt_map.ts";
import { runDeno } from "./examples/run_example.ts";
import { listFiles, readText, ROOT } from "./source/tree.ts";

const DOCUMENTS = listFiles(".md").filter((path) => !path.startsWith("tests/"));

/** Files that code in documents is taken from: examples, which run in tests, and the tests of their plugins. */
const SOURCES = [...listFiles(".ts", "examples/"), "tests/examples/plugins_test.ts"];

Deno.test("every TypeScript block of a document is in a tested file, word for word", () => {
  // The formatter moves blocks to the margin.
  const flat = (text: string): string => text.replace(/^ +/gm, "");
  const sources = SOURCES.map(readText).map(flat);
  for (const path of DOCUMENTS) {
    for (const [, block] of readText(path).matchAll(/^```ts\n([^]*?)^```$/gm)) {
      assert.ok(sources.some((source) => source.includes(flat(block))), `${path}: no example has\n${block}`);
    }
  }
  assert.match(readText("README.md"), /^```ts$/m);
});

Deno.test("every task that a document names is in deno.json", () => {
  const { tasks } = JSON.parse(readText("deno.json")) as { tasks: Record<string, string> };
  for (const path of [...DOCUMENTS, ...listFiles(".toml", "examples/")]) {
    for (const [, task] of readText(path).matchAll(/\b(?:deno(?:@[\d.]+)? task) (?:-q )?([a-z]+)/g)) {
      assert.ok(Object.hasOwn(tasks, task), `${path} names the task ${task}`);
    }
  }
});

Deno.test("every file of the project that a document names is there", () => {
  const named =
    /`((?:core|arch|devices|plugins|host|cli|tests|examples|docs|tools|bench)\/[\w./-]*|[\w-]+\.(?:ts|md|json))`/g;
  const exists = (path: string): boolean => {
    try {
      return Deno.statSync(new URL(path, ROOT)) !== undefined;
    } catch {
      return false;
    }
  };
  const files = new Set(listFiles(".ts").map((path) => path.slice(path.lastIndexOf("/") + 1)));
  for (const path of DOCUMENTS) {
    for (const [, name] of readText(path).matchAll(named)) {
      assert.ok(name.includes("/") ? exists(name) : files.has(name) || exists(name), `${path} names ${name}`);
    }
  }
});

Deno.test("the code map names every file of core and of the architecture", () => {
  const map = readText("docs/architecture.md");
  for (const folder of ["core/", "arch/riscv/"]) {
    for (const path of listFiles(".ts", folder)) {
      const [first, rest] = path.slice(folder.length).split("/");
      assert.ok(map.includes(rest === undefined ? `\`${first}\`` : `${first}/\``), `${path} is not in the code map`);
    }
  }
});

/** Rows of a Markdown table: cells by line. */
function rows(text: string): string[][] {
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  return lines.map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("the memory map in README.md is the board's", () => {
  const section = readText("README.md").split("## What a guest sees")[1].split("\n## ")[0];
  const shown = rows(section).slice(2).map(([address, bytes, irq]) => `${address} ${bytes} ${irq}`.trim());
  const hex = (value: number): string => `0x${value.toString(16)}`;
  const places = Object.values(VIRT).map((place: { base: number; size: number; irq?: number }) => place);
  const fixed = places.sort((a, b) => a.base - b.base).map(({ base, size, irq }) =>
    `${hex(base)} ${hex(size)} ${irq ?? ""}`.trim()
  );
  const [first, last] = [virtioPlace(0), virtioPlace(VIRTIO_SLOTS - 1)];
  const virtio = `${hex(first.base)} ${VIRTIO_SLOTS} x ${hex(first.size)} ${first.irq} to ${last.irq}`;
  assert.deepEqual(shown, [...fixed, virtio]);
});

Deno.test("the code in the doc comments of mod.ts and host/deno.ts runs", async () => {
  const { code, stdout, stderr } = await runDeno(["test", "--doc", "--allow-read", "mod.ts", "host/deno.ts"]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /[2-9]\d* passed/);
});
