/** ELF files, sound and hostile. @module */
import assert from "node:assert/strict";
import { isElf, readElf } from "../../core/elf.ts";
import { HypervisorError } from "../../core/errors.ts";
import { wholeOf } from "../../core/image_bytes.ts";
import { random } from "./addrspace/model.ts";
import { buildElf } from "./elf_builder.ts";

const MACHINE = 0xfeed;
const CODE = Uint8Array.of(1, 2, 3, 4);
const HIGH = 0xffff_ffff_8000_0000n;

function sample(): Uint8Array<ArrayBuffer> {
  return buildElf({
    entry: HIGH + 2n,
    segments: [
      { virtual: HIGH, physical: 0x8020_0000n, bytes: CODE, memory: 16 },
      { virtual: HIGH + 0x1000n, physical: 0x8020_1000n, bytes: Uint8Array.of(9), memory: 0x1000 },
    ],
    symbols: [
      { name: "start", value: HIGH },
      { name: "end", value: HIGH + 0x2000n },
      { name: "local", value: HIGH + 4n, info: 0 },
      { name: "start", value: HIGH + 8n, info: 0 },
      { name: "absolute", value: 0x1234n, section: 0xfff1 },
      { name: "missing", value: 0n, section: 0 },
      { name: "file.c", value: 0n, info: 4 },
      { name: "nowhere", value: 0xffff_0000_0000_0000n },
    ],
  });
}

function refuses(change: (view: DataView) => void, message: RegExp): void {
  const file = sample();
  change(new DataView(file.buffer));
  assert.throws(() => readElf(file, MACHINE, "k.elf"), (error) => {
    assert(error instanceof HypervisorError, String(error));
    assert.match(error.message, /^Cannot load "k\.elf": .*; give another file$/);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("readElf loads PT_LOAD segments at their physical addresses and translates entry and symbols", () => {
  const file = sample();
  assert.equal(isElf(file), true);
  const image = readElf(file, MACHINE, "k.elf");
  assert.equal(image.entry, 0x8020_0002);
  assert.equal(image.movable, false);
  assert.deepEqual(image.segments.map(({ address, bytes, size }) => [address, [...wholeOf(bytes)], size]), [
    [0x8020_0000, [1, 2, 3, 4], 16],
    [0x8020_1000, [9], 0x1000],
  ]);
  assert.deepEqual(
    [...image.symbols],
    [["start", 0x8020_0000], ["end", 0x8020_2000], ["local", 0x8020_0004], ["absolute", 0x1234]],
  );
});

Deno.test("readElf reads a file that lies in the middle of a larger buffer", () => {
  const file = sample();
  const larger = new Uint8Array(file.length + 20);
  larger.set(file, 10);
  assert.equal(readElf(larger.subarray(10, 10 + file.length), MACHINE, "k").entry, 0x8020_0002);
});

Deno.test("readElf takes an entry that is a physical address, and files without sections", () => {
  const file = sample();
  const view = new DataView(file.buffer);
  view.setBigUint64(24, 0x8020_0001n, true);
  view.setUint16(60, 0, true);
  const image = readElf(file, MACHINE, "k");
  assert.equal(image.entry, 0x8020_0001);
  assert.equal(image.symbols.size, 0);
});

Deno.test("readElf names what is wrong with a header", () => {
  refuses((view) => view.setUint8(4, 1), /it is not a 64-bit ELF/);
  refuses((view) => view.setUint8(5, 2), /it is not little-endian/);
  refuses((view) => view.setUint16(18, 62, true), /it is for machine 62, but the VM's architecture is machine 65261/);
  refuses((view) => view.setUint16(16, 1, true), /not a program but an ELF of type 1/);
  refuses((view) => view.setUint16(54, 8, true), /program headers have 8 bytes instead of 56/);
  refuses((view) => view.setUint16(56, 0, true), /no PT_LOAD segment/);
  refuses(
    (view) => view.setUint16(56, 0xffff, true),
    /its program headers should be at bytes 64\.\.3670024, but the file ends/,
  );
  refuses(
    (view) => view.setBigUint64(32, 2n ** 64n - 1n, true),
    /its program headers should be at bytes 18446744073709551615/,
  );
  refuses((view) => view.setBigUint64(24, 5n, true), /its entry point 0x5 lies in no segment/);
  refuses((view) => view.setBigUint64(64 + 8, 2n ** 63n, true), /segment 0 should be at bytes 9223372036854775808/);
  refuses((view) => view.setBigUint64(64 + 32, 17n, true), /segment 0 has 17 bytes in the file but only 16 in memory/);
  refuses(
    (view) => view.setBigUint64(64 + 40, 2n ** 64n - 1n, true),
    /segment 0 goes to physical address 0x80200000, which/,
  );
  refuses(
    (view) => view.setBigUint64(64 + 56 + 24, HIGH, true),
    /segment 1 goes to physical address 0xffffffff80000000/,
  );
  refuses((view) => view.setUint16(58, 10, true), /section headers have 10 bytes instead of 64/);
  refuses((view) => view.setBigUint64(40, 2n ** 40n, true), /its section headers should be at bytes/);
  refuses((view) => view.setUint32(Number(view.getBigUint64(40, true)) + 64 + 40, 7, true), /its names in section 7/);
  refuses(
    (view) => view.setBigUint64(Number(view.getBigUint64(40, true)) + 64 + 32, 2n ** 62n, true),
    /its symbol table should/,
  );
});

Deno.test("readElf refuses every truncation and survives random damage", () => {
  const file = sample();
  for (let length = 4; length < file.length; length++) {
    assert.throws(() => readElf(file.subarray(0, length), MACHINE, "k"), HypervisorError, `length ${length}`);
  }
  const next = random(3);
  for (let i = 0; i < 5000; i++) {
    const damaged = file.slice();
    for (let n = 1 + next(4); n > 0; n--) damaged[4 + next(damaged.length - 4)] = [0, 0xff, 0x7f, next(256)][next(4)];
    try {
      readElf(damaged, MACHINE, "k");
    } catch (error) {
      assert(error instanceof HypervisorError, String(error));
    }
  }
});
