/** AddrSpace: mapping, errors, faults, protection, reset. @module */
import assert from "node:assert/strict";
import { HypervisorError } from "../../../core/errors.ts";
import { RangeTable } from "../../../core/addrspace/range_table.ts";
import { readingCommits } from "../../reading_commits.ts";
import {
  access,
  DEVICE,
  EXECUTE,
  guestLoad,
  guestStore,
  KIB,
  MIB,
  PAGE,
  READ,
  RW,
  RWX,
  setup,
  USER,
  WRITE,
} from "./model.ts";

const RAM = 0x8000_0000;

function refuses(act: () => void, message: RegExp): void {
  assert.throws(act, (error) => {
    assert(error instanceof HypervisorError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("AddrSpace.mapLinear maps to given host memory and takes no frame", () => {
  const made = setup();
  made.space.mapLinear(RAM, 0x20_0000, MIB, RWX, { name: "ram" });
  assert.equal(made.space.translate(RAM + 5), 0x20_0005);
  assert.equal(made.space.translate(RAM + MIB), undefined);
  assert.equal(made.table.toHost(RAM + MIB - 1), 0x20_0000 + MIB - 1);
  assert.equal(made.memory.framesInUse, 0);
  assert.equal(made.flushes(), 1);
  assert.deepEqual(made.space.regions(), [
    { kind: "linear", name: "ram", start: RAM, size: MIB, flags: RWX, shared: false },
  ]);
});

Deno.test("AddrSpace refuses ranges and flags that cannot be mapped, each with its reason", () => {
  const { space } = setup(4 * MIB, { base: 0x1000, size: 0x10_0000_0000 });
  refuses(() => space.mapLinear(RAM + 1, 0, PAGE, RW), /4096 bytes at 0x80000001: address and size must be multiples/);
  refuses(() => space.mapAlloc(RAM, 5, RW, false), /5 bytes at 0x80000000: address and size must be multiples of 4096/);
  refuses(() => space.mapAlloc(RAM, 0, RW, false), /size above zero/);
  refuses(() => space.mapAlloc(RAM, -PAGE, RW, false), /size above zero/);
  refuses(() => space.mapAlloc(NaN, PAGE, RW, false), /at NaN: the address and the size must be integers/);
  refuses(() => space.mapAlloc(0, PAGE, RW, false), /the address space is 0x1000\.\.0x1000001000/);
  refuses(() => space.mapAlloc(0x10_0000_0000, 2 * PAGE, RW, false), /the address space is/);
  refuses(() => space.mapAlloc(RAM, 2 ** 34, RW, false), /a host memory has 4 GiB at most/);
  refuses(() => space.mapLinear(RAM, 5 * MIB, PAGE, RW), /to host memory at 0x500000: .* inside the 4194304 bytes/);
  refuses(() => space.mapLinear(RAM, 4 * MIB - PAGE, 2 * PAGE, RW), /inside the 4194304 bytes/);
  refuses(() => space.mapLinear(RAM, -PAGE, PAGE, RW), /inside the 4194304 bytes/);
  refuses(() => space.mapLinear(RAM, 100, PAGE, RW), /page-aligned/);
  refuses(() => space.mapAlloc(RAM, PAGE, 64, false), /with flags 64: they are not a union of MappingFlags/);
  refuses(() => space.mapAlloc(RAM, PAGE, WRITE | USER, false), /must be readable too/);
  refuses(() => space.unmap(RAM + 1, PAGE), /Cannot unmap 4096 bytes/);
  refuses(
    () => space.protect(RAM, PAGE, RW),
    /Cannot protect 0x80000000\.\.0x80001000: nothing is mapped at 0x80000000/,
  );
  assert.deepEqual(space.regions(), []);
});

Deno.test("AddrSpace refuses an address space that its table cannot hold", () => {
  refuses(() => setup(MIB, { size: 2 ** 41 }), /Cannot create an address space at 0x0\.\.0x20000000000/);
  refuses(() => setup(MIB, { base: 5 }), /page-aligned/);
});

Deno.test("AddrSpace names both areas of an overlap", () => {
  const { space } = setup();
  space.mapAlloc(RAM, 4 * PAGE, RWX, false, { name: "ram" });
  const message =
    /Cannot map the linear area "ivc" at 0x80003000\.\.0x80005000: it overlaps the alloc area "ram" at 0x80000000\.\.0x80004000/;
  refuses(() => space.mapLinear(RAM + 3 * PAGE, 0, 2 * PAGE, RW, { name: "ivc" }), message);
  refuses(() => space.mapAlloc(RAM - PAGE, 8 * PAGE, RW, true), /it overlaps the alloc area "ram"/);
  space.mapAlloc(RAM + 4 * PAGE, PAGE, RW, false);
  space.mapAlloc(RAM - PAGE, PAGE, RW, false);
  assert.equal(space.contains(RAM - PAGE, 6 * PAGE), true);
  assert.equal(space.contains(RAM - PAGE, 6 * PAGE + 1), false);
  assert.equal(space.contains(RAM, 0), false);
  assert.equal(space.contains(NaN, 1), false);
  assert.equal(space.contains(2 ** 60, 1), false);
});

Deno.test("AddrSpace.mapAlloc lazy takes frames at the first fault, populated at once", () => {
  const made = setup();
  made.space.mapAlloc(0, 16 * PAGE, RW, true, { name: "now" });
  assert.equal(made.memory.framesInUse, 16);
  made.space.mapAlloc(RAM, MIB, RW, false, { name: "later" });
  assert.equal(made.memory.framesInUse, 16);
  assert.equal(made.space.translate(RAM), undefined);
  assert.equal(guestLoad(made, RAM + 70 * KIB), 0);
  assert.equal(made.memory.framesInUse, 16 + 16);
  assert.notEqual(made.space.translate(RAM + 64 * KIB), undefined);
  assert.equal(made.space.translate(RAM), undefined);
  assert.equal(made.space.translate(RAM + 128 * KIB), undefined);
  assert.equal(guestStore(made, RAM + 64 * KIB, 7), true);
  assert.equal(guestLoad(made, RAM + 64 * KIB), 7);
});

Deno.test("AddrSpace brings 2 MiB in at once where an area covers it, as one aligned piece", () => {
  const made = setup(64 * MIB);
  made.space.mapAlloc(RAM - PAGE, 8 * MIB, RWX, false);
  assert.equal(guestStore(made, RAM + 3 * MIB, 1), true);
  const host = made.space.translate(RAM + 2 * MIB)!;
  assert.equal(host % (2 * MIB), 0);
  assert.equal(made.space.translate(RAM + 4 * MIB - PAGE), host + 2 * MIB - PAGE);
  assert.equal(made.space.translate(RAM), undefined);
  assert.equal(guestStore(made, RAM - PAGE, 1), true);
  assert.equal(made.memory.framesInUse, 513);
});

Deno.test("AddrSpace.handlePageFault refuses what is not mapped or not allowed", () => {
  const made = setup();
  made.space.mapAlloc(RAM, 2 * PAGE, READ | USER, false);
  made.space.mapLinear(0, 0, PAGE, RW);
  assert.equal(made.space.handlePageFault(RAM, "write"), false);
  assert.equal(made.space.handlePageFault(RAM, "execute"), false);
  assert.equal(made.space.handlePageFault(RAM + 2 * PAGE, "read"), false);
  assert.equal(made.space.handlePageFault(2 ** 52, "read"), false);
  assert.equal(made.space.handlePageFault(NaN, "read"), false);
  assert.equal(made.space.handlePageFault(0, "execute"), false);
  assert.equal(made.memory.framesInUse, 0);
});

Deno.test("AddrSpace.handlePageFault accepts a fault without cause once, not for ever", () => {
  const made = setup();
  made.space.mapLinear(0, 0, 2 * PAGE, RW);
  assert.equal(made.space.handlePageFault(8, "read"), true);
  assert.equal(made.space.handlePageFault(8, "read"), false);
  assert.equal(made.space.handlePageFault(PAGE, "read"), true);
});

Deno.test("AddrSpace.handlePageFault uses small pieces up before it says that host memory is used up", () => {
  const made = setup(256 * KIB); // 48 frames above the reserved 64 KiB
  made.space.mapAlloc(RAM, MIB, RW, false);
  let touched = 0;
  for (let page = 0; page < 256; page += 1) if (guestStore(made, RAM + page * PAGE, 1)) touched++;
  assert.equal(touched, 48);
  assert.equal(made.memory.framesInUse, 48);
  made.space.unmap(RAM, MIB);
  assert.equal(made.memory.framesInUse, 0);
});

Deno.test("AddrSpace never replaces frames that memory has when it brings in their neighbours", () => {
  const made = setup(256 * KIB); // 48 frames above the reserved 64 KiB
  made.space.mapAlloc(0, 40 * PAGE, RW, true);
  made.space.mapAlloc(RAM, 64 * KIB, RW, false);
  assert.equal(guestStore(made, RAM + PAGE, 7), true);
  assert.equal(made.memory.framesInUse, 41, "no piece of 64 KiB is left, so a single frame came in");
  made.space.unmap(0, 40 * PAGE);
  assert.equal(guestStore(made, RAM, 8), true);
  assert.equal(guestLoad(made, RAM + PAGE), 7);
  assert.equal(made.memory.framesInUse, 2);
});

Deno.test("AddrSpace.mapAlloc that fails leaves no mapping and loses no frame", () => {
  const made = setup(256 * KIB);
  refuses(
    () => made.space.mapAlloc(RAM, MIB, RW, true),
    /Cannot populate the alloc area "memory".*too few free frames/,
  );
  assert.equal(made.memory.framesInUse, 0);
  assert.deepEqual(made.space.regions(), []);
  made.space.mapAlloc(RAM, 192 * KIB, RW, true);
  assert.equal(guestStore(made, RAM + 191 * KIB, 1), true);
});

/** A table that runs out of frames for itself. */
class FullTable extends RangeTable {
  left = 1;
  override map(guest: number, host: number, size: number, flags: number, huge: boolean): boolean {
    return this.left-- > 0 && super.map(guest, host, size, flags, huge);
  }
}

Deno.test("AddrSpace undoes everything when the table is out of frames", () => {
  const table = new FullTable();
  const made = setup(MIB, {}, table);
  made.space.mapLinear(0, 0, PAGE, RW);
  refuses(() => made.space.mapLinear(RAM, 0, PAGE, RW), /Cannot map the linear area .* no frames left for page tables/);
  refuses(() => made.space.mapAlloc(RAM, 4 * PAGE, RW, true), /no frames left for page tables/);
  made.space.mapAlloc(RAM, 4 * PAGE, RW, false);
  assert.equal(made.space.handlePageFault(RAM, "write"), false);
  assert.equal(made.memory.framesInUse, 0);
  assert.equal(made.space.translate(RAM), undefined);
  table.left = 1;
  assert.equal(guestStore(made, RAM, 1), true);
});

Deno.test("AddrSpace.unmap splits areas, frees exactly the frames inside, and takes effect at the next access", () => {
  const made = setup();
  made.space.mapAlloc(RAM, 8 * PAGE, RW, true, { name: "ram" });
  for (let page = 0; page < 8; page++) guestStore(made, RAM + page * PAGE, page + 1);
  const gone = made.space.translate(RAM + 3 * PAGE)!;
  const flushes = made.flushes();
  made.space.unmap(RAM + 3 * PAGE, 2 * PAGE);
  assert.equal(made.flushes(), flushes + 1);
  assert.equal(made.memory.framesInUse, 6);
  assert.deepEqual(made.changed.at(-1), [gone, 2 * PAGE]);
  assert.equal(guestLoad(made, RAM + 3 * PAGE), undefined);
  assert.equal(guestLoad(made, RAM + 4 * PAGE + 5), undefined);
  assert.equal(guestLoad(made, RAM + 2 * PAGE), 3);
  assert.equal(guestLoad(made, RAM + 5 * PAGE), 6);
  assert.deepEqual(made.space.regions().map(({ start, size }) => [start, size]), [
    [RAM, 3 * PAGE],
    [RAM + 5 * PAGE, 3 * PAGE],
  ]);
  made.space.mapAlloc(RAM + 3 * PAGE, 2 * PAGE, RW, true);
  assert.equal(guestLoad(made, RAM + 3 * PAGE), 0, "a frame that is handed out again is zero");
  made.space.unmap(0, 2 ** 33);
  assert.equal(made.memory.framesInUse, 0);
  made.space.unmap(0, 2 ** 33);
});

Deno.test("AddrSpace.protect changes what the guest may do, splits areas, and takes effect at the next access", () => {
  const made = setup();
  made.space.mapAlloc(RAM, 4 * PAGE, RWX, false);
  made.space.mapLinear(RAM + 4 * PAGE, 0, 4 * PAGE, RWX);
  assert.equal(guestStore(made, RAM + PAGE, 1), true);
  const flushes = made.flushes();
  made.space.protect(RAM + PAGE, 4 * PAGE, READ | USER);
  assert.equal(made.flushes(), flushes + 1);
  assert.equal(guestStore(made, RAM + PAGE, 2), false);
  assert.equal(guestStore(made, RAM + 3 * PAGE, 2), false);
  assert.equal(guestStore(made, RAM + 4 * PAGE, 2), false);
  assert.equal(access(made, RAM + PAGE, "execute"), -1);
  assert.equal(guestLoad(made, RAM + PAGE), 1);
  assert.equal(guestStore(made, RAM, 2), true);
  assert.equal(guestStore(made, RAM + 5 * PAGE, 2), true);
  assert.equal(made.space.regions().length, 4);
});

Deno.test("AddrSpace.protect without any access hides memory and brings it back with its contents", () => {
  const made = setup();
  made.space.mapAlloc(RAM, 4 * PAGE, RW, false);
  guestStore(made, RAM + PAGE, 9);
  made.space.protect(RAM, 4 * PAGE, USER);
  assert.equal(guestLoad(made, RAM + PAGE), undefined);
  assert.equal(made.table.length, 0);
  made.space.protect(RAM, 4 * PAGE, RW | EXECUTE);
  assert.equal(guestLoad(made, RAM + PAGE), 9);
  assert.notEqual(access(made, RAM + PAGE, "execute"), -1);
});

Deno.test("AddrSpace.clear frees every frame, dispose the table", () => {
  const made = setup();
  made.space.mapAlloc(RAM, 4 * PAGE, RW, true);
  made.space.mapLinear(0, 0, PAGE, RW);
  made.space.clear();
  assert.equal(made.memory.framesInUse, 0);
  assert.equal(made.table.length, 0);
  assert.deepEqual(made.space.regions(), []);
  made.space.mapAlloc(RAM, 4 * PAGE, RW, false);
  guestStore(made, RAM, 1);
  made.space.dispose();
  assert.equal(made.memory.framesInUse, 0);
});

Deno.test("AddrSpace.resetRam zeroes RAM, not shared or device memory, and tells what changed", () => {
  const made = setup();
  made.space.mapLinear(RAM, MIB, 4 * PAGE, RWX, { name: "ram" });
  made.space.mapAlloc(RAM + MIB, 4 * PAGE, RW, false, { name: "lazy" });
  made.space.mapLinear(0, 2 * MIB, PAGE, RW, { name: "ivc", shared: true });
  made.space.mapLinear(PAGE, 3 * MIB, PAGE, RW | DEVICE, { name: "window" });
  for (const address of [RAM + 2 * PAGE + 4095, RAM + MIB + PAGE, 0, PAGE]) guestStore(made, address, 5);
  made.changed.length = 0;
  made.space.resetRam();
  assert.equal(guestLoad(made, RAM + 2 * PAGE + 4095), 0);
  assert.equal(guestLoad(made, RAM + MIB + PAGE), 0);
  assert.equal(guestLoad(made, 0), 5);
  assert.equal(guestLoad(made, PAGE), 5);
  assert.deepEqual(made.changed, [
    [MIB + 2 * PAGE, PAGE],
    [made.space.translate(RAM + MIB + PAGE), PAGE],
  ]);
});

Deno.test("AddrSpace.resetRam does not make the operating system commit RAM that was never touched", () => {
  const size = 1024 * MIB;
  const made = setup(size + 8 * MIB);
  const host = made.memory.allocContiguous(512 * MIB / PAGE, 2 * MIB)!;
  made.space.mapLinear(RAM, host, 512 * MIB, RWX);
  made.space.mapAlloc(RAM + 512 * MIB, 480 * MIB, RWX, false);
  for (let at = 0; at < 992 * MIB; at += 8 * MIB) assert.equal(guestStore(made, RAM + at, 1), true);
  const before = Deno.memoryUsage().rss;
  made.changed.length = 0;
  made.space.resetRam();
  const grown = Deno.memoryUsage().rss - before;
  assert.equal(guestLoad(made, RAM + 8 * MIB), 0);
  assert.equal(made.changed.length, 992 / 8, "only what was touched is written");
  if (!readingCommits()) assert(grown < 100 * MIB, `RSS grew by ${grown} bytes`);
});

Deno.test("AddrSpace.forEachPopulated visits what has frames and nothing else", () => {
  const made = setup();
  made.space.mapLinear(0, MIB, 2 * PAGE, RW, { name: "rom" });
  made.space.mapAlloc(RAM, 16 * MIB, RW, false, { name: "ram" });
  guestStore(made, RAM + 3 * MIB, 1);
  const seen: [number, number, string][] = [];
  made.space.forEachPopulated((guest, _host, size, region) => seen.push([guest, size, region.name]));
  assert.deepEqual(seen, [[0, 2 * PAGE, "rom"], [RAM + 2 * MIB, 2 * MIB, "ram"]]);
});
