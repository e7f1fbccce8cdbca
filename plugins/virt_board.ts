/**
 * The default board: the devices of QEMU's `virt` machine, each where `virt_map.ts` says.
 *
 * The board sets the single plugins up one by one, so a VM can have the whole board, the board without some parts, or single plugins.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";
import type { FdtValue } from "../core/fdt_types.ts";
import { type ExtensionPoint, extensionPoint, type Plugin, type PluginContext } from "../core/plugin_types.ts";
import clint from "./clint.ts";
import goldfishRtc from "./goldfish_rtc.ts";
import htif from "./htif.ts";
import plic from "./plic.ts";
import testFinisher from "./test_finisher.ts";
import uart from "./uart.ts";
import { VIRTIO_SLOTS } from "./virt_map.ts";
import virtioBlk from "./virtio_blk.ts";
import virtioEmpty from "./virtio_empty.ts";
import virtioRng from "./virtio_rng.ts";

/** The parts with one device each, in the order in which they are set up; the console first. */
const PARTS: Readonly<Record<string, Plugin>> = {
  uart,
  plic,
  clint,
  goldfish_rtc: goldfishRtc,
  test_finisher: testFinisher,
  htif,
};

/** What a virtio slot holds: a part and its options. */
interface SlotContent {
  readonly part: Plugin;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Properties of the device tree's root; the VM owns the point. */
const ROOT: ExtensionPoint<Readonly<Record<string, FdtValue>>> = extensionPoint("root-properties");

/** The board. */
const plugin: Plugin = {
  name: "virt_board",
  apiVersion: 1,
  options: {
    disks: "list of disks in slots 0, 1, ...: a path, or a table of options of virtio_blk (path, mode, backend, id)",
    rng: "true puts a source of random numbers into the last slot",
    without: "list of parts to leave out: uart, plic, clint, goldfish_rtc, test_finisher, htif, virtio0 to virtio7",
  },
  async setup(context) {
    const without = readWithout(context.options.without ?? []);
    const slots = readSlots(context.options, without);
    context.extend(ROOT, { compatible: ["denovisor,virt", "riscv-virtio"], model: "Denovisor virt board" });
    for (const [name, part] of Object.entries(PARTS)) {
      if (!without.has(name)) await setUpPart(context, part, {});
    }
    for (const [slot, { part, options }] of slots) {
      await setUpPart(context, part, { ...options, slot });
    }
  },
};

export default plugin;

/** Sets one part up as if the VM had, with options of its own. */
async function setUpPart(
  context: PluginContext,
  part: Plugin,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  await part.setup({
    device: (spec) => context.device(spec),
    extend: (point, value) => context.extend(point, value),
    irq: (name) => context.irq(name),
    memory: context.memory,
    clock: context.clock,
    console: (name) => context.console(name),
    options,
    onExit: (hook) => context.onExit(hook),
    onReset: (hook) => context.onReset(hook),
    vm: context.vm,
  });
}

function readWithout(value: unknown): Set<string> {
  const known = [...Object.keys(PARTS), ...Array.from({ length: VIRTIO_SLOTS }, (_, slot) => `virtio${slot}`)];
  const names = Array.isArray(value) ? value : [value];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const list = unknown.map((name) => JSON.stringify(name)).join(", ");
    throw new HypervisorError(`Option "without" names ${list}, but the board's parts are ${known.join(", ")}`);
  }
  return new Set(names);
}

/** What each slot holds that is not left out: disks from slot 0 on, random numbers in the last one. */
function readSlots(options: PluginContext["options"], without: ReadonlySet<string>): Map<number, SlotContent> {
  const slots = new Map<number, SlotContent>();
  for (let slot = 0; slot < VIRTIO_SLOTS; slot++) {
    if (!without.has(`virtio${slot}`)) slots.set(slot, { part: virtioEmpty, options: {} });
  }
  const free = [...slots.keys()];
  const { disks = [], rng = false } = options;
  if (typeof rng !== "boolean") {
    throw new HypervisorError(`Option "rng" must be true or false, not ${JSON.stringify(rng)}`);
  }
  if (!Array.isArray(disks)) {
    throw new HypervisorError(
      `Option "disks" must be a list, not ${JSON.stringify(disks)}; write disks = ["disk.img"]`,
    );
  }
  if (disks.length + Number(rng) > free.length) {
    throw new HypervisorError(
      `Option "disks" has ${disks.length} disks, but only ${free.length - Number(rng)} virtio slots are free`,
    );
  }
  disks.forEach((disk: unknown, index) => {
    if (typeof disk !== "string" && (typeof disk !== "object" || disk === null)) {
      throw new HypervisorError(`Option "disks" must hold paths or tables of options, not ${JSON.stringify(disk)}`);
    }
    if (typeof disk === "object" && "slot" in disk) {
      throw new HypervisorError('Option "disks" puts its disks into free slots in order; leave "slot" out of them');
    }
    slots.set(free[index], { part: virtioBlk, options: typeof disk === "string" ? { path: disk } : { ...disk } });
  });
  if (rng) slots.set(free[free.length - 1], { part: virtioRng, options: {} });
  return slots;
}
