/** Every device model has tests of its own, and those of the contract. @module */
import assert from "node:assert/strict";

/** Files that hold no device model by themselves: parts of the virtio disk. */
const PARTS = ["virtio/queue.ts", "virtio/block_memory.ts", "virtio/block_overlay.ts"];

const DEVICES = new URL("../../devices/", import.meta.url);

function list(folder: URL, prefix = ""): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) =>
    entry.isDirectory
      ? list(new URL(`${entry.name}/`, folder), `${prefix}${entry.name}/`)
      : entry.name.endsWith(".ts")
      ? [prefix + entry.name]
      : []
  );
}

Deno.test("every file in devices/ has its test, and every device model runs deviceContract", () => {
  const files = list(DEVICES);
  assert.ok(files.includes("uart16550.ts"));
  for (const part of PARTS) assert.ok(files.includes(part), `${part} is gone: take it out of PARTS`);
  for (const file of files) {
    const test = Deno.readTextFileSync(new URL(file.replace(/\.ts$/, "_test.ts"), import.meta.url));
    if (!PARTS.includes(file)) assert.match(test, /^deviceContract\(\{/m, `${file} does not run the contract`);
  }
});

Deno.test("no file in devices/ knows an address of the default board or writes reg or interrupts", () => {
  for (const file of list(DEVICES)) {
    const source = Deno.readTextFileSync(new URL(file, DEVICES));
    assert.doesNotMatch(source, /0x1000_?[0-9]000|0xc00_?0000|\breg:|\binterrupts:/, file);
  }
});
