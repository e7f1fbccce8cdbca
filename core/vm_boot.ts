/**
 * Power-on and reset: memory, devices and CPUs in their first state, images and device tree in their places.
 *
 * @module
 */
import { type AddrRange, hex, overlaps, PAGE_SIZE } from "./address.ts";
import type { LoadedImage } from "./arch_vcpu.ts";
import { HypervisorError } from "./errors.ts";
import { type ImageBytes, releaseImage } from "./image_bytes.ts";
import { type DeviceSet, resetDevices } from "./vm_devices.ts";
import { freshSchedule, type VmMachine } from "./vm_machine.ts";
import { writeTree } from "./vm_tree.ts";

/** Images that are placed by the VM go into this much of the first region: kernels map no more of it early on. */
const REACH = 512 * 2 ** 20;

/** Alignment of the device tree: early kernels map it with one large page. */
const TREE_ALIGN = 2 * 2 ** 20;

/** Something that lies in guest memory at boot. */
interface Placed extends AddrRange {
  readonly what: string;
}

/**
 * Puts the machine into its power-off state: nothing in memory, devices and CPUs reset, nothing in flight.
 *
 * @param untouched The machine was just built, so its memory is zero already
 */
export function resetMachine(machine: VmMachine, deviceSet: DeviceSet, untouched: boolean): void {
  const { hub, id, completions, clock, guest, space, vcpus, schedule } = machine;
  machine.power = undefined;
  machine.failure = undefined;
  hub.release(id);
  completions.clear();
  clock.disarm();
  guest.reset();
  for (const cpu of vcpus) cpu.reset(machine.entry, space.root);
  if (!untouched) space.resetRam();
  resetDevices(deviceSet);
  for (const hook of machine.resetHooks) hook();
  const { started, suspended } = freshSchedule(vcpus.length);
  Object.assign(schedule, { current: 0, left: 0, started, suspended });
}

/** Loads the images and prepares the CPUs for their first instruction. The machine was reset before. */
export function loadMachine(machine: VmMachine): void {
  const { images, config, vcpus, guest, space, schedule } = machine;
  const placed: Placed[] = [];
  if (images.kernel) placeImage(machine, "the kernel", images.kernel, placed);
  if (images.bios) placeImage(machine, "the firmware", images.bios, placed);
  const deviceTree = placeTreeAndRamdisk(machine, placed);
  const firmwareFirst = config.base.mode === "machine" && images.bios !== undefined;
  machine.entry = config.kernel.entry_point ?? (firmwareFirst ? images.bios! : images.kernel ?? images.bios!).entry;
  if (guest.startsAllCpus) schedule.started.fill(true);
  for (const cpu of vcpus) {
    cpu.reset(machine.entry, space.root);
    if (schedule.started[cpu.id]) guest.boot(cpu.arch, cpu.id, deviceTree);
  }
}

function placeImage(machine: VmMachine, what: string, image: LoadedImage, placed: Placed[]): void {
  for (const { address, bytes, size } of image.segments) {
    const range = { what, start: address, size: Math.max(size, bytes.length) };
    if (range.size > 0) load(machine, range, bytes, placed);
  }
}

/** Copies something into RAM, unless it runs into something that lies there already. */
function load(machine: VmMachine, range: Placed, bytes: ImageBytes, placed: Placed[]): void {
  const other = placed.find((earlier) => earlier.what !== range.what && overlaps(earlier, range));
  const where = `${hex(range.start)}..${hex(range.start + range.size)}`;
  if (other) {
    throw new HypervisorError(
      `Cannot load ${range.what} at ${where}: ${other.what} lies at ${hex(other.start)}..${
        hex(other.start + other.size)
      }; ` +
        "give one of them another load address, or the VM more memory",
    );
  }
  let isRam: boolean;
  try {
    isRam = machine.ram.load(range.start, bytes, range.size);
  } finally {
    releaseImage(bytes);
  }
  if (!isRam) {
    const regions = machine.config.kernel.memory_regions.map(({ gpa, size }) => `${hex(gpa)}..${hex(gpa + size)}`).join(
      ", ",
    );
    throw new HypervisorError(
      `Cannot load ${range.what} at ${where}: RAM is ${regions}; give the VM more memory, or another load address`,
    );
  }
  placed.push(range);
}

/**
 * The device tree goes to the top of the first region, the RAM disk below it, both as high as kernels reach: nothing that a
 * kernel grows into from below is in their way.
 *
 * @returns the address of the device tree
 */
function placeTreeAndRamdisk(machine: VmMachine, placed: Placed[]): number {
  const { kernel } = machine.config;
  const { ramdisk } = machine.images;
  const [region] = kernel.memory_regions;
  const top = region.gpa + Math.min(region.size, REACH);
  // The size of the tree is known before the addresses in it are.
  const draft = writeTree(machine, ramdisk && { start: region.gpa, end: region.gpa });
  const treeStart = kernel.dtb_load_addr ?? Math.max(region.gpa, alignDown(top - draft.length, TREE_ALIGN));
  let place: { start: number; end: number } | undefined;
  if (ramdisk) {
    const below = treeStart > region.gpa && treeStart < top ? treeStart : top;
    const start = kernel.ramdisk_load_addr ?? alignDown(below - ramdisk.length, PAGE_SIZE);
    place = { start, end: start + ramdisk.length };
    load(machine, { what: "the initial RAM disk", start, size: ramdisk.length }, ramdisk, placed);
  }
  const tree = ramdisk ? writeTree(machine, place) : draft;
  load(machine, { what: "the device tree", start: treeStart, size: tree.length }, tree, placed);
  return treeStart;
}

function alignDown(value: number, align: number): number {
  return Math.floor(value / align) * align;
}
