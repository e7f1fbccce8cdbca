/**
 * Random two-stage tables against a slow walker that follows the text of the Privileged ISA step by step over `bigint`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ADUE, FakeHart, MXR, PageTable, pair, PBMTE, random, SUM, Trap } from "./helpers.ts";

type Kind = "read" | "write" | "execute";

/** What a walk comes to: an address, or a fault with the guest-physical address and pseudoinstruction of guest-page faults. */
type Outcome = { host: bigint } | { fault: "page" | "access" } | { fault: "guest"; gpa: bigint; pseudo: number };

const CAUSES = { page: [13, 15, 12], access: [5, 7, 1], guest: [21, 23, 20] };
const KINDS: Kind[] = ["read", "write", "execute"];
const bit = (value: bigint, index: number): boolean => (value >> BigInt(index) & 1n) === 1n;

interface Mode {
  levels: number;
  nestedLevels: number;
  first: bigint;
  second: bigint;
  user: boolean;
  sum: boolean;
  firstMxr: boolean;
  bothMxr: boolean;
  menvcfg: bigint;
  henvcfg: bigint;
}

/** The walker of the specification. Updates of entries are collected, not written. */
class SlowWalker {
  readonly updates = new Map<bigint, bigint>();
  readonly #u64: BigUint64Array;
  readonly #mode: Mode;

  constructor(u64: BigUint64Array, mode: Mode) {
    this.#u64 = u64;
    this.#mode = mode;
  }

  translate(va: bigint, kind: Kind): Outcome {
    const mode = this.#mode;
    const width = 12 + 9 * mode.levels;
    if (BigInt.asUintN(64, BigInt.asIntN(width, va)) !== va) return { fault: "page" };
    let table = mode.first;
    for (let level = mode.levels - 1; level >= 0; level--) {
      const gpa = table + (va >> BigInt(12 + 9 * level) & 511n) * 8n;
      const entry = this.#second(gpa, "read", false, 0x3000);
      if ("fault" in entry) return entry;
      let pte = this.#read(entry.host);
      if (this.#malformed(pte, level, bit(mode.menvcfg & mode.henvcfg, 62))) return { fault: "page" };
      if (!this.#leaf(pte)) {
        table = this.#address(pte);
        continue;
      }
      if (bit(pte, 4) ? !mode.user && (!mode.sum || kind === "execute") : mode.user) return { fault: "page" };
      if (!this.#allows(pte, kind, mode.firstMxr || mode.bothMxr)) return { fault: "page" };
      if (level > 0 && this.#misaligned(pte, level)) return { fault: "page" };
      const marked = pte | 64n | (kind === "write" ? 128n : 0n);
      if (marked !== pte) {
        if (!bit(mode.menvcfg & mode.henvcfg, 61)) return { fault: "page" };
        const place = this.#second(gpa, "write", false, 0x3020);
        if ("fault" in place) return place;
        this.updates.set(place.host, marked);
        pte = marked;
      }
      return this.#second(this.#compose(pte, level, va), kind, mode.bothMxr, 0);
    }
    return { fault: "page" };
  }

  #second(gpa: bigint, kind: Kind, mxr: boolean, pseudo: number): Outcome {
    const mode = this.#mode;
    const fault: Outcome = { fault: "guest", gpa, pseudo };
    if (gpa >> BigInt(14 + 9 * mode.nestedLevels) !== 0n) return fault;
    let table = mode.second;
    for (let level = mode.nestedLevels - 1; level >= 0; level--) {
      const mask = level === mode.nestedLevels - 1 ? 2047n : 511n;
      const place = table + (gpa >> BigInt(12 + 9 * level) & mask) * 8n;
      if (!this.#isRam(place)) return { fault: "access" };
      let pte = this.#read(place);
      if (this.#malformed(pte, level, bit(mode.menvcfg, 62))) return fault;
      if (!this.#leaf(pte)) {
        table = this.#address(pte);
        continue;
      }
      if (!bit(pte, 4) || !this.#allows(pte, kind, mxr)) return fault;
      if (level > 0 && this.#misaligned(pte, level)) return fault;
      const marked = pte | 64n | (kind === "write" ? 128n : 0n);
      if (marked !== pte) {
        if (!bit(mode.menvcfg, 61)) return fault;
        this.updates.set(place, marked);
        pte = marked;
      }
      const host = this.#compose(pte, level, gpa);
      return this.#isRam(host) ? { host } : { fault: "access" };
    }
    return fault;
  }

  #read(address: bigint): bigint {
    return this.updates.get(address) ?? this.#u64[Number(address >> 3n)];
  }

  #isRam(address: bigint): boolean {
    return address < BigInt(this.#u64.length * 8);
  }

  #leaf(pte: bigint): boolean {
    return bit(pte, 1) || bit(pte, 3);
  }

  #address(pte: bigint): bigint {
    return (pte >> 10n & (1n << 44n) - 1n) << 12n;
  }

  #malformed(pte: bigint, level: number, pbmt: boolean): boolean {
    if (!bit(pte, 0) || (!bit(pte, 1) && bit(pte, 2)) || (pte >> 54n & 0x7fn) !== 0n) return true;
    const type = pte >> 61n & 3n;
    if (!this.#leaf(pte)) {
      return level === 0 || type !== 0n || bit(pte, 63) || [4, 6, 7].some((index) => bit(pte, index));
    }
    if (type === 3n || (type !== 0n && !pbmt)) return true;
    return bit(pte, 63) && (level > 0 || (pte >> 10n & 15n) !== 8n);
  }

  #allows(pte: bigint, kind: Kind, mxr: boolean): boolean {
    if (kind === "read") return bit(pte, 1) || (mxr && bit(pte, 3));
    return bit(pte, kind === "write" ? 2 : 3);
  }

  #misaligned(pte: bigint, level: number): boolean {
    return (pte >> 10n & (1n << BigInt(9 * level)) - 1n) !== 0n;
  }

  #compose(pte: bigint, level: number, va: bigint): bigint {
    const bits = BigInt(bit(pte, 63) ? 16 : 12 + 9 * level);
    return this.#address(pte) >> bits << bits | va & (1n << bits) - 1n;
  }
}

/** A random entry: mostly good, each defect now and then. */
function randomFlags(pick: (limit: number) => number, user: number): [number, bigint] {
  let flags = 1 | 2 | 4 | 8 | 64 | 128 | user;
  let extra = 0n;
  for (let count = pick(3); count > 0; count--) flags ^= [2, 4, 8, 16, 32, 64, 128, 64, 128, 1, 14][pick(11)];
  if (pick(12) === 0) extra |= 1n << 63n;
  if (pick(10) === 0) extra |= BigInt(pick(4)) << 61n;
  if (pick(25) === 0) extra |= 1n << BigInt(54 + pick(7));
  return [flags, extra];
}

interface Scene {
  hart: FakeHart;
  first: PageTable;
  second: PageTable;
  addresses: bigint[];
}

/** Tables of both stages with random leaves, over identity mappings of the pages that hold them. */
function randomScene(hart: FakeHart, pick: (limit: number) => number, levels: number, nestedLevels: number): Scene {
  const second = new PageTable(hart, nestedLevels, { nested: true });
  const first = new PageTable(hart, levels);
  const top = BigInt(12 + 9 * levels);
  const addresses: bigint[] = [];
  const data = Array.from({ length: 8 }, () => hart.memory.allocContiguous(16, 65536)!);
  for (let i = 0; i < 24; i++) {
    let va = 0n;
    for (let level = 0; level < levels; level++) va |= BigInt([0, 1, 255, 511][pick(4)]) << BigInt(12 + 9 * level);
    va = BigInt.asUintN(64, BigInt.asIntN(Number(top), va));
    const level = pick(5) === 0 ? pick(levels) : 0;
    const [flags, extra] = randomFlags(pick, pick(2) * 16);
    const targets = [
      data[pick(8)] + pick(16) * 4096,
      data[pick(8)] + 8 * 4096,
      2 ** (30 + pick(pick(2) === 0 ? 8 : 25)),
      pick(32) * 2 ** 21,
    ];
    const aligned = Math.floor(targets[pick(4)] / 2 ** (12 + 9 * level)) * 2 ** (12 + 9 * level);
    const entry = entryUnlessLeaf(hart, first, va, level);
    if (entry < 0) continue;
    const target = pick(8) === 0 ? targets[0] : level > 0 ? aligned : targets[pick(4)];
    hart.memory.u64[entry / 8] = BigInt(target / 4096) << 10n | BigInt(flags) | extra;
    addresses.push(va, va | 0xab8n, BigInt.asUintN(64, va + (1n << BigInt(12 + 9 * level)) - 8n));
  }
  for (let at = 0; at < 0x1000000; at += 0x1000) second.map(BigInt(at), at, 0xdf);
  for (let i = 0; i < 150; i++) {
    const [flags, extra] = randomFlags(pick, 16);
    const page = pick(3) === 0 ? first.root + pick(64) * 4096 : data[pick(8)] + pick(16) * 4096;
    second.map(BigInt(page), page, flags, 0, extra);
  }
  for (let i = 0; i < 12; i++) {
    const gpa = BigInt(2 ** (30 + pick(8)));
    const entry = entryUnlessLeaf(hart, second, gpa, pick(2));
    const [flags, extra] = randomFlags(pick, 16);
    if (entry >= 0) hart.memory.u64[entry / 8] = BigInt(pick(64) * 512) << 10n | BigInt(flags) | extra;
  }
  return { hart, first, second, addresses };
}

/** Like `PageTable.entry`, but -1 if a leaf is in the way. */
function entryUnlessLeaf(hart: FakeHart, table: PageTable, va: bigint, level: number): number {
  for (let above = table.levels - 1; above > level; above--) {
    if ((hart.memory.u64[table.entry(va, above) / 8] & ~1n & 0xfn) !== 0n) return -1;
    if (
      (hart.memory.u64[table.entry(va, above) / 8] & 1n) === 0n && hart.memory.u64[table.entry(va, above) / 8] !== 0n
    ) return -1;
  }
  const entry = table.entry(va, level);
  return level > 0 && hart.memory.u64[entry / 8] !== 0n ? -1 : entry;
}

/** Goes to a random mode and returns what the slow walker must know of it. */
function randomMode({ hart, first, second }: Scene, pick: (limit: number) => number): Mode {
  const flag = (value: bigint): bigint => pick(2) === 0 ? 0n : value;
  const menvcfg = (pick(4) === 0 ? 0n : ADUE) | (pick(3) === 0 ? 0n : PBMTE);
  const henvcfg = (pick(4) === 0 ? 0n : ADUE) | (pick(3) === 0 ? 0n : PBMTE);
  const [vsstatus, mstatus] = [flag(SUM) | flag(MXR), pick(3) === 0 ? MXR : 0n];
  const user = pick(2) === 0;
  hart.set({ vsatp: first.register(), hgatp: second.register(), menvcfg, henvcfg, vsstatus, mstatus });
  hart.setMode(user ? 0 : 1, 1);
  return {
    levels: first.levels,
    nestedLevels: second.levels,
    first: BigInt(first.root),
    second: BigInt(second.root),
    user,
    sum: (vsstatus & SUM) !== 0n,
    firstMxr: (vsstatus & MXR) !== 0n,
    bothMxr: mstatus !== 0n,
    menvcfg,
    henvcfg,
  };
}

/** Does one access; AMOs stand for stores, because they translate like them and write nothing here. */
function access(hart: FakeHart, va: bigint, kind: number): number | Trap {
  if (kind === 0) return hart.load(va);
  if (kind === 1) return hart.attempt((mmu) => mmu.amoAddress(...pair(va), 8));
  return hart.fetch(va);
}

/** Compares one access with the slow walker, the entries it must have written included. Returns what happened, for counting. */
function compare(hart: FakeHart, mode: Mode, va: bigint, kind: number, message: string): string {
  const walker = new SlowWalker(hart.memory.u64, mode);
  const expected = walker.translate(va, KINDS[kind]);
  const result = access(hart, va, kind);
  if ("host" in expected) {
    const offset = kind === 2 ? va & 4095n : 0n;
    assert.equal(result, Number(expected.host - offset), message);
  } else {
    assert(result instanceof Trap, `${message}: expected ${expected.fault}, got ${String(result)}`);
    const guest = expected.fault === "guest";
    assert.deepEqual(
      [result.cause, result.tval, result.guestAddress, result.gva],
      [CAUSES[expected.fault][kind], va, guest ? Number(expected.gpa) : 0, true],
      message,
    );
    if (guest && expected.pseudo !== 0) assert.equal(result.tinst, expected.pseudo, message);
    if (guest && expected.pseudo === 0) assert.notEqual(result.tinst & ~0x20, 0x3000, message);
  }
  for (const [address, value] of walker.updates) {
    assert.equal(hart.memory.u64[Number(address >> 3n)], value, `${message}: entry at ${address.toString(16)}`);
  }
  return "host" in expected ? "translated" : expected.fault;
}

Deno.test("Mmu agrees with a walker that follows the specification, on random two-stage tables and modes", () => {
  const pick = random(0x2545f491);
  const seen: Record<string, number> = {};
  for (let round = 0; round < 27; round++) {
    const scene = randomScene(new FakeHart("guest"), pick, 3 + round % 3, 3 + Math.floor(round / 3) % 3);
    for (let i = 0; i < 12; i++) {
      const mode = randomMode(scene, pick);
      for (let j = 0; j < 40; j++) {
        const va = scene.addresses[pick(scene.addresses.length)];
        const kind = pick(3);
        const what = compare(scene.hart, mode, va, kind, `round ${round}.${i}.${j} ${KINDS[kind]} ${va.toString(16)}`);
        seen[what] = (seen[what] ?? 0) + 1;
      }
    }
  }
  for (const what of ["translated", "page", "guest", "access"]) assert(seen[what] >= 20, `${what}: ${seen[what]}`);
});
