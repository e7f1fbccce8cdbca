/** RegionPages: a write finds the regions that cover its bytes and no other. @module */
import assert from "node:assert/strict";
import { RegionPages } from "../../../core/engine/region_pages.ts";
import { Random } from "../../arch/riscv/random.ts";

const region = (...ranges: [start: number, end: number][]) => ({
  ranges: ranges.map(([start, end]) => ({ start, end })),
});

Deno.test("RegionPages.overlapping tells regions by the byte, across lines and pages", () => {
  const pages = new RegionPages();
  const [a, b, c] = [region([0x1004, 0x1010]), region([0x100e, 0x1012], [0x1800, 0x1802]), region([0x1ffe, 0x2004])];
  for (const each of [a, b, c]) pages.add(each);
  const found = (start: number, length: number) => pages.overlapping(start, length);
  assert.deepEqual(found(0x1000, 4), []);
  assert.deepEqual(found(0x1003, 2), [a]);
  assert.deepEqual(found(0x100c, 2), [a]);
  assert.deepEqual(found(0x100f, 1), [a, b]);
  assert.deepEqual(found(0x1012, 0x7ee), [], "in a line that is covered, not a byte that is");
  assert.deepEqual(found(0x17f8, 16), [b]);
  assert.deepEqual(found(0x2003, 1), [c]);
  assert.deepEqual(found(0x2004, 0x1000), []);
  assert.deepEqual(found(0x1000, 0x1000), [a, b, c]);
  pages.delete(b);
  assert.deepEqual(found(0x1000, 0x1000), [a, c]);
});

Deno.test("RegionPages finds what a search through all regions finds, while regions come and go", () => {
  const random = new Random(1);
  const pages = new RegionPages<ReturnType<typeof region>>();
  const live = new Set<ReturnType<typeof region>>();
  for (let round = 0; round < 2000; round++) {
    const choice = random.below(4);
    if (choice < 2 || live.size === 0) {
      const ranges = Array.from({ length: 1 + random.below(4) }, (): [number, number] => {
        const start = random.below(0x3000);
        return [start, start + 1 + random.below(random.below(2) === 0 ? 20 : 5000)];
      });
      const added = region(...ranges);
      live.add(added);
      pages.add(added);
    } else if (choice === 2) {
      const gone = [...live][random.below(live.size)];
      live.delete(gone);
      pages.delete(gone);
    }
    const [start, length] = [random.below(0x5000), 1 + random.below(100)];
    const expected = [...live].filter(({ ranges }) => ranges.some((r) => r.start < start + length && start < r.end));
    assert.deepEqual(new Set(pages.overlapping(start, length)), new Set(expected), `round ${round}`);
  }
});
