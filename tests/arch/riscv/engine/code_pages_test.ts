/** Code pages: which writes reach what was made of code, and how record pages come and go. @module */
import assert from "node:assert/strict";
import { HostMemory } from "../../../../core/memory.ts";
import { CodePages, recordPoolSize, recordTableSize } from "../../../../arch/riscv/engine/code_pages.ts";
import { Operation, PAGE_LINES, RECORD_SIZE } from "../../../../arch/riscv/engine/record.ts";

const PAGE = 4096;

/** A pool of four record pages, a page of code, and what listeners hear. */
class Pool {
  readonly memory = new HostMemory({ size: 4 << 20, shared: false });
  readonly pages: CodePages;
  readonly page: number;
  readonly stale: [number, number][] = [];
  readonly heard: (number | "fetches")[] = [];
  /** Whether something is said to have been made of bytes beside their records. */
  translated = false;

  constructor(capacity = 4) {
    const { memory } = this;
    const pool = memory.reserve(recordPoolSize(capacity));
    this.pages = new CodePages(memory, pool, capacity, memory.reserve(recordTableSize(memory.size)));
    this.page = this.memory.reserve(64 * PAGE);
    this.pages.onStale = (host, length) => {
      this.stale.push([host - this.page, length]);
      return this.translated;
    };
    this.pages.listen({
      dropWrites: (hostPage) => void this.heard.push(hostPage - this.page),
      dropFetches: () => void this.heard.push("fetches"),
    });
  }

  /** Decodes an instruction of so many bytes at an offset. */
  decode(offset: number, length: 2 | 4): void {
    this.pages.recordsOf(this.page + offset - offset % PAGE);
    this.pages.using(this.page + offset, length);
    this.memory.i32[this.#record(offset)] = Operation.FIRST_ROW;
  }

  isDecoded(offset: number): boolean {
    const record = this.#record(offset);
    return record >= 0 && this.memory.i32[record] !== Operation.DECODE;
  }

  write(offset: number, length: number): void {
    this.pages.written(this.page + offset, length);
  }

  /** Numbers of the lines of the first page that are in use. */
  lines(): number[] {
    const bits = this.memory.u64[(this.pages.guard(this.page) + PAGE_LINES) / 8];
    return Array.from({ length: 64 }, (_, line) => line).filter((line) => (bits >> BigInt(line) & 1n) !== 0n);
  }

  #record(offset: number): number {
    return this.pages.recordAt(this.page + offset) / 4;
  }
}

Deno.test("CodePages.using marks the lines of an instruction, two if it crosses", () => {
  const pool = new Pool();
  pool.decode(0, 2);
  pool.decode(62, 4);
  pool.decode(0xffc, 4);
  pool.decode(32 * 64 + 62, 2);
  assert.deepEqual(pool.lines(), [0, 1, 32, 63]);
  assert.deepEqual(pool.heard, [0], "the page became code once");
  pool.pages.using(pool.page + 5 * PAGE, 4);
  assert.equal(pool.pages.guard(pool.page + 5 * PAGE), 0, "a page without records is not code");
});

Deno.test("CodePages.nextDecoded goes from one decoded instruction of a page to the next, and to the end behind the last", () => {
  const pool = new Pool();
  const next = (from: number, end: number) => pool.pages.nextDecoded(pool.page + from, pool.page + end) - pool.page;
  assert.equal(next(0, PAGE), PAGE, "a page without records has none");
  for (const offset of [8, 0xffe]) pool.decode(offset, 2);
  assert.deepEqual([next(0, PAGE), next(8, PAGE), next(10, PAGE), next(10, 0xffe)], [8, 8, 0xffe, 0xffe]);
});

Deno.test("CodePages.written forgets whole lines when code in them changes, and nothing when data beside it does", () => {
  const pool = new Pool();
  for (const offset of [60, 62, 64, 68, 124, 200]) pool.decode(offset, offset === 62 ? 2 : 4);
  pool.write(80, 8);
  assert.ok([60, 62, 64, 68, 124, 200].every((offset) => pool.isDecoded(offset)));
  assert.deepEqual(pool.lines(), [0, 1, 3]);
  pool.write(70, 1);
  assert.deepEqual([60, 62, 64, 68, 124, 200].map((offset) => pool.isDecoded(offset)), [
    true,
    false, // it may reach into the line that was written
    false,
    false,
    false,
    true,
  ]);
  assert.deepEqual(pool.lines(), [0, 3]);
  pool.write(0, 256);
  assert.deepEqual(pool.lines(), []);
  assert.ok(!pool.isDecoded(60) && !pool.isDecoded(200));
});

Deno.test("CodePages.written finds an instruction that only reaches into the line", () => {
  const pool = new Pool();
  pool.decode(62, 4);
  pool.write(64, 1);
  assert.ok(!pool.isDecoded(62));
  pool.decode(62, 4);
  pool.write(66, 1);
  assert.ok(pool.isDecoded(62), "behind it");
});

Deno.test("CodePages.written tells of the bytes, then of the lines that are forgotten", () => {
  const pool = new Pool();
  pool.decode(128, 4);
  pool.write(140, 4);
  assert.deepEqual(pool.stale, [[140, 4]]);
  pool.translated = true;
  pool.write(140, 4);
  assert.deepEqual(pool.stale.slice(1), [[140, 4], [128, 64]], "a translation held them");
  assert.deepEqual(pool.lines(), []);
  pool.stale.length = 0;
  pool.write(140, 4);
  assert.deepEqual(pool.stale, [], "nothing is made of the line any more");
});

Deno.test("CodePages lets a page go after 64 writes without code in it, not before code is decoded anew", () => {
  const pool = new Pool();
  pool.decode(0, 4);
  pool.write(0, 8);
  for (let i = 1; i < 63; i++) pool.write(i * 8, 8);
  assert.notEqual(pool.pages.guard(pool.page), 0);
  pool.decode(0, 4);
  pool.write(0, 8);
  for (let i = 1; i < 63; i++) pool.write(i * 8, 8);
  assert.notEqual(pool.pages.guard(pool.page), 0);
  pool.write(0, 8);
  assert.equal(pool.pages.guard(pool.page), 0);
  assert.equal(pool.pages.pages, 0);
  pool.decode(0, 4);
  pool.write(0, PAGE);
  assert.equal(pool.pages.guard(pool.page), 0, "a device wrote the page as a whole");
});

Deno.test("CodePages uses the records of pages that were let go anew once no fetch entry leads to them", () => {
  const pool = new Pool(2);
  const first = pool.pages.recordsOf(pool.page);
  pool.decode(0, 4);
  const record = pool.pages.recordAt(pool.page);
  pool.write(0, PAGE);
  assert.equal(pool.pages.hostOf(record), -1);
  pool.decode(PAGE, 4);
  assert.deepEqual(pool.heard, [0, PAGE], "there was room");
  pool.decode(2 * PAGE, 4);
  assert.deepEqual(pool.heard.slice(2), ["fetches", 2 * PAGE]);
  assert.equal(pool.pages.guard(pool.page + 2 * PAGE), first);
  assert.equal(pool.pages.evictions, 0);
  pool.decode(3 * PAGE, 4);
  assert.equal(pool.pages.evictions, 1);
  assert.deepEqual([1, 2, 3].map((page) => pool.pages.guard(pool.page + page * PAGE) !== 0), [false, false, true]);
  assert.ok(!pool.isDecoded(3 * PAGE + 4));
});

Deno.test("CodePages.written reaches all pages of a range", () => {
  const pool = new Pool();
  for (const offset of [0xffe, PAGE, 2 * PAGE]) pool.decode(offset, 2);
  pool.write(PAGE - 1, PAGE + 2);
  assert.deepEqual([0xffe, PAGE, 2 * PAGE].map((offset) => pool.isDecoded(offset)), [false, false, false]);
  assert.equal(pool.pages.recordAt(pool.page + 6), pool.pages.recordAt(pool.page) + 3 * RECORD_SIZE);
});

Deno.test("recordTableSize has 4 bytes for each page, of the largest memory as well", () => {
  assert.equal(recordTableSize(8192), 8);
  assert.equal(recordTableSize(2 ** 32), 4 << 20);
});
