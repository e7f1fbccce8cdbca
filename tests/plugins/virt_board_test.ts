/** Tests of the default board: its map, its parts, disks in slots, and what it refuses. @module */
import assert from "node:assert/strict";
import { MemoryBlock } from "../../devices/virtio/block_memory.ts";
import { cellsOf, createTree, findNode, placeDevice, readFdt, stringsOf, writeFdt } from "../../core/fdt.ts";
import type { FdtCell } from "../../core/fdt_types.ts";
import { UNCONNECTED } from "../../core/irq.ts";
import board from "../../plugins/virt_board.ts";
import { FakePluginContext, setUp } from "../contract/plugin_context.ts";

/** Name, base, size and irq of every device. */
function map(context: FakePluginContext): Record<string, string> {
  return Object.fromEntries(
    context.devices.map((
      { name, base, size, irq },
    ) => [name, `${base.toString(16)}+${size.toString(16)} ${irq ?? "-"}`]),
  );
}

/** Device ID that each virtio slot reads, by base address. */
function slots(context: FakePluginContext): number[] {
  return context.devices
    .filter(({ fdt }) => fdt?.node === "virtio_mmio")
    .sort((a, b) => a.base - b.base)
    .map((spec) => spec.create({ irq: UNCONNECTED }).read(8, 4));
}

async function refusal(options: Record<string, unknown>): Promise<string> {
  let message = "";
  await assert.rejects(setUp(board, new FakePluginContext(options)), (error: Error) => {
    message = error.message;
    return error.name === "HypervisorError";
  });
  return message;
}

Deno.test("virt_board has the devices of QEMU's virt machine at its addresses and interrupt numbers", async () => {
  const context = await setUp(board, new FakePluginContext({}, 2, "machine"));
  assert.deepEqual(map(context), {
    uart0: "10000000+100 10",
    plic: "c000000+600000 -",
    clint: "2000000+10000 -",
    rtc: "101000+1000 11",
    test: "100000+1000 -",
    htif: "1000000+1000 -",
    virtio0: "10001000+1000 1",
    virtio1: "10002000+1000 2",
    virtio2: "10003000+1000 3",
    virtio3: "10004000+1000 4",
    virtio4: "10005000+1000 5",
    virtio5: "10006000+1000 6",
    virtio6: "10007000+1000 7",
    virtio7: "10008000+1000 8",
  });
  assert.deepEqual(slots(context), [0, 0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("virt_board in guest mode has no CLINT and no HTIF, and PLIC contexts of supervisor mode only", async () => {
  const context = await setUp(board, new FakePluginContext({}, 2, "guest"));
  assert.deepEqual(
    context.devices.map(({ name }) => name).filter((name) => !name.startsWith("virtio")),
    ["uart0", "plic", "rtc", "test"],
  );
  const cells = context.spec("plic").fdt?.properties["interrupts-extended"] as FdtCell[];
  assert.deepEqual(cells, [
    { ref: "cpu0_intc" },
    0xffff_ffff,
    { ref: "cpu0_intc" },
    9,
    { ref: "cpu1_intc" },
    0xffff_ffff,
    { ref: "cpu1_intc" },
    9,
  ]);
});

Deno.test("virt_board's devices all come to life, and none writes reg or interrupts", async () => {
  const context = await setUp(board, new FakePluginContext({ rng: true }, 1, "machine"));
  for (const spec of context.devices) {
    const device = spec.create({ irq: UNCONNECTED });
    assert.equal(typeof device.read(0, 4), "number", spec.name);
    assert.ok(!("reg" in (spec.fdt?.properties ?? {})) && !("interrupts" in (spec.fdt?.properties ?? {})), spec.name);
  }
  assert.deepEqual(context.extensions.map(({ point }) => point), ["root-properties"]);
});

Deno.test("virt_board's nodes make a device tree whose references all lead somewhere", async () => {
  const context = await setUp(board, new FakePluginContext({}, 2, "machine"));
  const root = createTree("test", "test");
  for (const cpu of [0, 1]) root.children[`intc${cpu}`] = { label: `cpu${cpu}_intc`, properties: {}, children: {} };
  for (const { fdt, base, size, irq } of context.devices) {
    if (fdt) placeDevice(root, fdt, { base, size, irq, interruptParent: "plic" });
  }
  const tree = readFdt(writeFdt(root), "board").root;
  assert.equal(stringsOf(tree.children.chosen.properties["stdout-path"])?.[0], "/soc/serial@10000000");
  const phandle = (path: string): number[] | undefined => cellsOf(findNode(tree, path)?.properties.phandle);
  assert.deepEqual(cellsOf(findNode(tree, "/poweroff")?.properties.regmap), phandle("/soc/test@100000"));
  const slot = findNode(tree, "/soc/virtio_mmio@10008000");
  assert.deepEqual(cellsOf(slot?.properties["interrupt-parent"]), phandle("/soc/plic@c000000"));
  assert.deepEqual(cellsOf(slot?.properties.interrupts), [8]);
  assert.deepEqual(Object.keys(tree.children.soc.children).filter((name) => name.startsWith("virtio")).length, 8);
});

Deno.test("virt_board puts disks into slots from 0 on and random numbers into the last one", async () => {
  const context = new FakePluginContext({ disks: ["a.img", { path: "b.img", mode: "ro" }], rng: true });
  context.vm.disks.set("a.img", new MemoryBlock(512)).set("b.img", new MemoryBlock(512));
  await setUp(board, context);
  assert.deepEqual(slots(context), [2, 2, 0, 0, 0, 0, 0, 4]);
  assert.deepEqual(context.vm.opened, ["a.img rw", "b.img ro"]);
  assert.equal(context.spec("disk1").irq, 2);
});

Deno.test("virt_board leaves parts out, and gives disks the slots that remain", async () => {
  const disks = [{ backend: new MemoryBlock(512) }];
  const context = await setUp(board, new FakePluginContext({ without: ["uart", "goldfish_rtc", "virtio0"], disks }));
  const names = context.devices.map(({ name }) => name);
  assert.ok(!names.includes("uart0") && !names.includes("rtc") && !names.includes("virtio0"));
  assert.equal(context.spec("disk1").base, 0x1000_2000);
  assert.equal(context.consoles.size, 0);
});

Deno.test("virt_board refuses options that it cannot obey, with a sentence", async () => {
  assert.match(await refusal({ without: ["urat"] }), /"urat".*uart, plic/);
  assert.match(await refusal({ disks: "a.img" }), /must be a list/);
  assert.match(await refusal({ disks: [7] }), /paths or tables/);
  assert.match(await refusal({ rng: "yes" }), /true or false/);
  assert.match(await refusal({ disks: new Array(8).fill("a.img"), rng: true }), /8 disks, but only 7/);
  assert.match(await refusal({ disks: [{ path: "a.img", slot: 3 }] }), /free slots in order; leave "slot" out/);
  assert.match(await refusal({ disks: [{ path: "a.img", mdoe: "ro" }] }), /"mdoe".*mode/);
});
