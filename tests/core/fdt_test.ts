/** Device trees: writer, reader, hostile blobs, and the placing of devices. @module */
import assert from "node:assert/strict";
import { HypervisorError } from "../../core/errors.ts";
import {
  cells64,
  cellsOf,
  createTree,
  findNode,
  placeDevice,
  placeMemory,
  readFdt,
  stringsOf,
  writeFdt,
} from "../../core/fdt.ts";
import type { FdtNode } from "../../core/fdt_types.ts";
import { random } from "./addrspace/model.ts";

function node(properties: FdtNode["properties"] = {}, children: FdtNode["children"] = {}, label?: string): FdtNode {
  return { ...(label === undefined ? {} : { label }), properties, children };
}

function refuses(act: () => void, message: RegExp): void {
  assert.throws(
    act,
    (error) => error instanceof HypervisorError && message.test(error.message) || assert.fail(String(error)),
  );
}

/** A tree with every kind of value and references both ways. */
function sample(): FdtNode {
  return node({ compatible: ["a,b", "c"], model: "test", "#address-cells": [2], empty: true }, {
    chosen: node({ bootargs: "console=ttyS0", raw: Uint8Array.of(1, 2, 3) }),
    "pic@1000": node({ reg: [0, 0x1000], "interrupts-extended": [{ ref: "cpu" }, 9] }, {}, "pic"),
    cpus: node({}, { "cpu@0": node({ reg: [0], "#address-cells": [1], big: [0xffff_ffff, -1] }, {}, "cpu") }),
    "dev@2000": node({ "interrupt-parent": [{ ref: "pic" }] }, {}, "unused"),
  });
}

Deno.test("readFdt gives back what writeFdt wrote", () => {
  const blob = writeFdt(sample(), { reservations: [{ address: 0x1_8000_0000, size: 0x1000 }], bootCpu: 3 });
  const { root, reservations, bootCpu } = readFdt(blob);
  assert.equal(bootCpu, 3);
  assert.deepEqual(reservations, [{ address: 0x1_8000_0000, size: 0x1000 }]);
  assert.deepEqual(Object.keys(root.children), ["chosen", "pic@1000", "cpus", "dev@2000"]);
  assert.deepEqual(stringsOf(root.properties.compatible), ["a,b", "c"]);
  assert.equal(root.properties.empty, true);
  assert.deepEqual(findNode(root, "/chosen")!.properties.raw, Uint8Array.of(1, 2, 3));
  assert.deepEqual(stringsOf(findNode(root, "/chosen")!.properties.bootargs), ["console=ttyS0"]);
  assert.deepEqual(cellsOf(findNode(root, "/cpus/cpu@0")!.properties.big), [0xffff_ffff, 0xffff_ffff]);
  const cpu = cellsOf(findNode(root, "/cpus/cpu@0")!.properties.phandle)!;
  const pic = cellsOf(findNode(root, "/pic@1000")!.properties.phandle)!;
  assert.deepEqual(cellsOf(findNode(root, "/pic@1000")!.properties["interrupts-extended"]), [...cpu, 9]);
  assert.deepEqual(cellsOf(findNode(root, "/dev@2000")!.properties["interrupt-parent"]), pic);
  assert.notDeepEqual(cpu, pic);
  assert.equal(findNode(root, "/dev@2000")!.properties.phandle, undefined);
  assert.equal(findNode(root, "/cpus/cpu@1/x"), undefined);
  assert.deepEqual(writeFdt(root, { reservations, bootCpu }), blob, "writing what was read changes nothing");
});

Deno.test("writeFdt lays the blob out as version 17 demands and writes a property name once", () => {
  const blob = writeFdt(node({ abc: [1] }, { x: node({ abc: [2] }) }));
  const view = new DataView(blob.buffer);
  const word = (index: number) => view.getUint32(index * 4);
  assert.deepEqual(
    [word(0), word(1), word(4), word(5), word(6), word(8)],
    [0xd00dfeed, blob.length, 40, 17, 16, "abc\0".length],
  );
  assert.equal(word(2), 56);
  assert.equal(word(2) + word(9), word(3));
  assert.equal(word(3) + word(8), blob.length);
  assert.equal(view.getUint32(word(3) - 4), 9);
});

Deno.test("writeFdt keeps phandles that nodes have and numbers others around them", () => {
  const tree = node({ a: [{ ref: "x" }, { ref: "y" }] }, { x: node({ phandle: [1] }, {}, "x"), y: node({}, {}, "y") });
  const { root } = readFdt(writeFdt(tree));
  assert.deepEqual(cellsOf(root.properties.a), [1, 2]);
  assert.deepEqual(cellsOf(root.children.y.properties.phandle), [2]);
});

Deno.test("writeFdt names what it cannot write", () => {
  refuses(
    () => writeFdt(node({}, { s: node({ p: [{ ref: "nope" }] }) })),
    /"\/s\/p" refers to the label "nope", which no node has/,
  );
  refuses(() => writeFdt(node({}, { a: node({}, {}, "l"), b: node({}, {}, "l") })), /two nodes have the label "l"/);
  refuses(() => writeFdt(node({ p: [2 ** 32] })), /"\/p" has the cell 4294967296/);
  refuses(() => writeFdt(node({ p: [1.5] })), /"\/p" has the cell 1\.5/);
  refuses(() => writeFdt(node({}, { "a/b": node() })), /"\/a\/b" has a name that is empty or not plain text/);
  refuses(() => writeFdt(node({ "": true })), /is empty or not plain text/);
});

Deno.test("readFdt refuses every truncation of a blob with a sentence", () => {
  const blob = writeFdt(sample());
  for (let length = 0; length < blob.length; length++) {
    refuses(
      () => readFdt(blob.subarray(0, length), "x.dtb"),
      /^Cannot read the device tree "x\.dtb": .*; give another file$/,
    );
  }
  // The same with a header that lies about the size.
  for (let length = 40; length < blob.length; length++) {
    const cut = blob.slice(0, length);
    new DataView(cut.buffer).setUint32(4, length);
    refuses(() => readFdt(cut), /Cannot read the device tree/);
  }
});

Deno.test("readFdt answers random damage with a tree or a HypervisorError, nothing else", () => {
  const blob = writeFdt(sample());
  const next = random(7);
  let refused = 0;
  for (let i = 0; i < 5000; i++) {
    const damaged = blob.slice();
    for (let n = 1 + next(3); n > 0; n--) damaged[next(damaged.length)] = [0, 0xff, 1, 2, 3, 9, next(256)][next(7)];
    try {
      readFdt(damaged);
    } catch (error) {
      assert(error instanceof HypervisorError, String(error));
      refused++;
    }
  }
  assert(refused > 1000, `only ${refused} refused`);
});

Deno.test("readFdt names what is wrong with a blob", () => {
  const structure = (...words: number[]) => {
    const blob = new Uint8Array(56 + words.length * 4 + 4);
    const view = new DataView(blob.buffer);
    const header = [0xd00dfeed, blob.length, 56, 56 + words.length * 4, 40, 17, 16, 0, 4, words.length * 4];
    header.forEach((word, index) => view.setUint32(index * 4, word));
    words.forEach((word, index) => view.setUint32(56 + index * 4, word));
    blob[56 + words.length * 4] = 0x61;
    return blob;
  };
  const deep = Array.from({ length: 65 }, (_, index) => index === 0 ? [1, 0] : [1, 0x61000000]).flat();
  refuses(() => readFdt(new TextEncoder().encode("MZ".repeat(40))), /does not start with 0xd00dfeed/);
  refuses(() => readFdt(structure(9)), /has no root node/);
  refuses(() => readFdt(structure(2, 9)), /a node ends at offset 56 that did not begin/);
  refuses(() => readFdt(structure(3, 0, 0, 9)), /a property at offset 56 belongs to no node/);
  refuses(() => readFdt(structure(1, 0, 9)), /ends inside a node/);
  refuses(() => readFdt(structure(1, 0, 2, 1, 0, 2, 9)), /a second root node begins/);
  refuses(() => readFdt(structure(1, 0, 7)), /offset 64 holds 7, which is no token/);
  refuses(() => readFdt(structure(1, 0, 3, 0xffff_ffff, 0, 2, 9)), /property "a" at offset 68 has 4294967295 bytes/);
  refuses(() => readFdt(structure(1, 0, 3, 0, 99, 2, 9)), /property name 99 is not in the strings block/);
  refuses(() => readFdt(structure(...deep)), /nested deeper than 64/);
  refuses(
    () => readFdt(structure(1, 0, 1, 0x61000000, 2, 1, 0x61000000)),
    /node name "a" at offset 76 is empty or taken/,
  );
  const proto = readFdt(writeFdt(node({}, { ["__proto__" as string]: node() })));
  assert.equal(Object.getPrototypeOf(proto.root.children), null);
});

Deno.test("cells64 splits values high half first", () => {
  assert.deepEqual(cells64(0x1_8000_0002), [1, 0x8000_0002]);
  assert.deepEqual(cells64(0xffff_ffff_ffff_fff0n), [0xffff_ffff, 0xffff_fff0]);
});

Deno.test("placeDevice adds address, interrupt, siblings and chosen to a device's body", () => {
  const root = createTree("a machine", "test,machine");
  placeMemory(root, 0x8000_0000, 0x1_0000_0000);
  placeDevice(root, {
    node: "interrupt-controller",
    label: "pic",
    properties: { compatible: "test,pic", "interrupt-controller": true, "#interrupt-cells": [1] },
  }, { base: 0xc00_0000, size: 0x60_0000 });
  const path = placeDevice(root, {
    node: "serial",
    label: "uart0",
    properties: { compatible: "ns16550a", "clock-frequency": [3686400] },
    siblings: { poweroff: node({ regmap: [{ ref: "uart0" }] }) },
    chosen: { "stdout-path": "$path" },
  }, { base: 0x1000_0000, size: 0x100, irq: 10, interruptParent: "pic" });
  assert.equal(path, "/soc/serial@10000000");
  const serial = findNode(root, path)!;
  assert.deepEqual(Object.keys(serial.properties), [
    "compatible",
    "reg",
    "interrupts",
    "interrupt-parent",
    "clock-frequency",
  ]);
  assert.deepEqual(serial.properties.reg, [0, 0x1000_0000, 0, 0x100]);
  assert.deepEqual(serial.properties.interrupts, [10]);
  assert.equal(root.children.chosen.properties["stdout-path"], path);
  placeDevice(root, { node: "second", properties: {}, chosen: { "stdout-path": "$path" } }, { base: 0x9000, size: 1 });
  assert.equal(root.children.chosen.properties["stdout-path"], path, "the first console stays the one");
  const read = readFdt(writeFdt(root)).root;
  assert.deepEqual(cellsOf(findNode(read, "/memory@80000000")!.properties.reg), [0, 0x8000_0000, 1, 0]);
  assert.deepEqual(
    cellsOf(findNode(read, "/poweroff")!.properties.regmap),
    cellsOf(findNode(read, path)!.properties.phandle),
  );
});

Deno.test("placeDevice writes as many interrupt cells as the body says and refuses a second node of a name", () => {
  const root = createTree("m", "c");
  const place = (interruptCells: number, base: number) => {
    const path = placeDevice(root, { node: "d", properties: {}, interruptCells }, {
      base,
      size: 8,
      irq: 5,
      interruptParent: "p",
    });
    return findNode(root, path)!.properties;
  };
  assert.equal(place(0, 0x100).interrupts, undefined);
  assert.deepEqual(place(2, 0x200).interrupts, [5, 4]);
  refuses(() => place(1, 0x200), /Cannot add "\/soc\/d@200" to the device tree: it is there already/);
});
