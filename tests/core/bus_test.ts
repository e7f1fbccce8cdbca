/** MmioBus: registration errors, widths, holes, and devices that throw. @module */
import assert from "node:assert/strict";
import type { AccessWidth } from "../../core/address.ts";
import { MmioBus } from "../../core/bus.ts";
import type { Device } from "../../core/device.ts";
import { HypervisorError } from "../../core/errors.ts";

/** A device that records accesses; reads answer from a function. */
function recorder(answer: (offset: number, width: AccessWidth) => number = () => 0): Device & { log: string[] } {
  const log: string[] = [];
  return {
    state: {},
    log,
    read(offset, width) {
      log.push(`read ${offset} ${width}`);
      return answer(offset, width);
    },
    write(offset, value, width) {
      log.push(`write ${offset} ${value} ${width}`);
    },
  };
}

function refuses(act: () => void, message: RegExp): void {
  assert.throws(
    act,
    (error) => error instanceof HypervisorError && message.test(error.message) || assert.fail(String(error)),
  );
}

Deno.test("MmioBus.read and write reach the device with its own offsets, in every width", () => {
  const bus = new MmioBus();
  const device = recorder((offset) => 0x8182_8384 + offset);
  bus.add({ name: "uart0", owner: "uart", base: 0x1000_0000, size: 0x100 }, device);
  assert.equal(bus.read(0x1000_0003, 1), 0x87);
  assert.equal(bus.read(0x1000_0002, 2), 0x8386);
  assert.equal(bus.read(0x1000_0004, 4), 0x8182_8388);
  assert.equal(bus.high, 0);
  assert.equal(bus.read(0x1000_0008, 8), 0x8182_838c);
  assert.equal(bus.high, 0x8182_8390);
  assert.equal(bus.read(0x1000_0000, 4), 0x8182_8384);
  assert.equal(bus.high, 0);
  assert.equal(bus.write(0x1000_0001, 1, 0xfff, 0), true);
  assert.equal(bus.write(0x1000_0002, 2, -1, 0), true);
  assert.equal(bus.write(0x1000_0004, 4, -1, 0), true);
  assert.equal(bus.write(0x1000_0008, 8, -2, 0x8000_0000), true);
  assert.deepEqual(device.log, [
    "read 3 1",
    "read 2 2",
    "read 4 4",
    "read 8 4",
    "read 12 4",
    "read 0 4",
    "write 1 255 1",
    "write 2 65535 2",
    "write 4 4294967295 4",
    "write 8 4294967294 4",
    "write 12 2147483648 4",
  ]);
});

Deno.test("MmioBus reports holes, straddling accesses and windows without a device as nobody's", () => {
  const bus = new MmioBus();
  const device = recorder();
  assert.equal(bus.read(0, 4), -1);
  bus.add({ name: "a", owner: "p", base: 0x1000, size: 0x10 }, device);
  bus.add({ name: "b", owner: "p", base: 0x1010, size: 6 }, device);
  bus.add({ name: "later", owner: "p", base: 0x3000, size: 0x10 });
  bus.reserve("ram", 0x8000_0000, 0x1000);
  for (
    const [address, width] of [
      [0xfff, 1],
      [0xffe, 4],
      [0x100d, 4],
      [0x100c, 8],
      [0x1012, 8],
      [0x1016, 1],
      [0x3000, 4],
      [0x8000_0000, 8],
      [2 ** 50, 8],
    ] as [number, AccessWidth][]
  ) {
    assert.equal(bus.read(address, width), -1, `read ${address} ${width}`);
    assert.equal(bus.write(address, width, 0, 0), false, `write ${address} ${width}`);
  }
  assert.deepEqual(device.log, []);
  bus.attach("later", device);
  assert.equal(bus.read(0x3000, 4), 0);
  assert.equal(bus.read(0x100c, 4), 0);
  assert.equal(bus.find(0x1015)?.name, "b");
  assert.equal(bus.find(0x2000), undefined);
  assert.equal(bus.device("a"), device);
  assert.deepEqual(bus.windows.map((window) => window.name), ["a", "b", "later"]);
});

Deno.test("MmioBus.add refuses windows that overlap and names both parties", () => {
  const bus = new MmioBus();
  bus.add({ name: "uart0", owner: "uart plugin", base: 0x1000_0000, size: 0x100 });
  bus.reserve("ram", 0x8000_0000, 0x1000_0000);
  const both =
    /"x" at 0x100000ff\.\.0x1000010f for mine: it overlaps "uart0" at 0x10000000\.\.0x10000100 of uart plugin/;
  refuses(() => bus.add({ name: "x", owner: "mine", base: 0x1000_00ff, size: 16 }), both);
  refuses(() => bus.add({ name: "x", owner: "mine", base: 0x0fff_ffff, size: 2 }), /it overlaps "uart0"/);
  refuses(() => bus.add({ name: "x", owner: "mine", base: 0, size: 2 ** 40 }), /it overlaps "uart0"/);
  refuses(() => bus.add({ name: "x", owner: "mine", base: 0x1000_0010, size: 1 }), /it overlaps "uart0"/);
  refuses(() => bus.add({ name: "x", owner: "mine", base: 0x8fff_0000, size: 1 }), /it overlaps "ram" .* of the VM/);
  bus.add({ name: "below", owner: "mine", base: 0x0fff_fff0, size: 16 });
  bus.add({ name: "above", owner: "mine", base: 0x1000_0100, size: 16 });
  assert.equal(bus.windows.length, 3);
});

Deno.test("MmioBus.add refuses impossible windows, taken names and taken interrupts", () => {
  const bus = new MmioBus();
  const at = (base: number, size: number, irq?: number, name = "x") => () =>
    bus.add({ name, owner: "mine", base, size, irq });
  refuses(at(0x1000, 0), /Cannot register "x" at 0x1000\.\.0x1000 for mine: its window has no bytes/);
  refuses(at(0x1000, -4), /size -4 is no whole number of bytes/);
  refuses(at(-1, 4), /base address -1 is no whole number/);
  refuses(at(NaN, 4), /base address NaN is no whole number/);
  refuses(at(0.5, 4), /base address 0\.5/);
  refuses(at(2 ** 53 - 8, 16), /16 bytes at 0x1ffffffffffff8 end above the largest address/);
  refuses(at(0x1000, 4, 1.5), /interrupt 1\.5 is no whole number/);
  bus.add({ name: "uart0", owner: "uart plugin", base: 0x1000, size: 4, irq: 10 });
  refuses(at(0x2000, 4, 10), /interrupt 10 belongs to "uart0" at 0x1000\.\.0x1004 of uart plugin/);
  refuses(at(0x2000, 4, 11, "uart0"), /uart plugin registered "uart0" at 0x1000\.\.0x1004 already/);
  refuses(() => bus.attach("nobody", recorder()), /Cannot attach a device to "nobody"/);
  at(0x2000, 4, 11)();
});

Deno.test("MmioBus survives a device that throws: it is reported by name and the access reads 0", () => {
  const reports: [string, unknown][] = [];
  const bus = new MmioBus((name, error) => reports.push([name, error]));
  const bug = new Error("bug");
  const fails = () => {
    throw bug;
  };
  bus.add({ name: "bad", owner: "p", base: 0, size: 16 }, { state: {}, read: fails, write: fails });
  assert.equal(bus.read(0, 8), 0);
  assert.equal(bus.high, 0);
  assert.equal(bus.write(4, 4, 1, 0), true);
  assert.deepEqual(reports, [["bad", bug], ["bad", bug]]);
  const strange = {
    state: {},
    read: (offset: number) => [-1, NaN, undefined, 2 ** 40 + 5][offset] as number,
    write() {},
  };
  bus.add({ name: "strange", owner: "p", base: 32, size: 4 }, strange);
  assert.deepEqual([bus.read(32, 1), bus.read(33, 1), bus.read(34, 2), bus.read(35, 1)], [255, 0, 0, 5]);
});

Deno.test("MmioBus finds the right one of many windows in any order", () => {
  const bus = new MmioBus();
  const order = Array.from({ length: 64 }, (_, index) => (index * 37) % 64);
  for (const index of order) {
    bus.add({ name: `d${index}`, owner: "p", base: 0x1000 + index * 0x20, size: 0x10 }, recorder(() => index));
  }
  for (let address = 0xff0; address < 0x1000 + 65 * 0x20; address += 4) {
    const index = Math.floor((address - 0x1000) / 0x20);
    const inside = index >= 0 && index < 64 && address % 0x20 < 0x10;
    assert.equal(bus.read(address, 4), inside ? index : -1);
  }
});
