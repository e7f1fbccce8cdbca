/**
 * The device tree that a VM hands to its guest: generated from what is there, or a given one with `/chosen` completed.
 *
 * @module
 */
import { HypervisorError } from "./errors.ts";
import { cells64, childOf, createTree, findNode, placeDevice, placeMemory, readFdt, writeFdt } from "./fdt.ts";
import type { FdtNode } from "./fdt_types.ts";
import { findController } from "./vm_devices.ts";
import type { VmMachine } from "./vm_machine.ts";

/** Bytes of the seed that the guest's random number generator starts with. */
const SEED_BYTES = 32;

/** Where the initial RAM disk lies. */
export interface RamdiskPlace {
  /** First guest-physical address. */
  readonly start: number;
  /** First guest-physical address above. */
  readonly end: number;
}

/** Writes the device tree of a VM. */
export function writeTree(machine: VmMachine, ramdisk: RamdiskPlace | undefined): Uint8Array {
  const given = machine.images.dtb;
  if (given) {
    const { cmdline, dtb_path } = machine.config.kernel;
    // Read in any case: a guest that is given something else fails without a word.
    const blob = readFdt(given, dtb_path ?? "kernel.dtb");
    if (cmdline === "" && ramdisk === undefined) return given;
    complete(machine, blob.root, ramdisk);
    return writeFdt(blob.root, blob);
  }
  const root = createTree("denovisor", "denovisor");
  Object.assign(root.properties, machine.rootProperties);
  complete(machine, root, ramdisk);
  const seed = new Uint8Array(SEED_BYTES);
  machine.random(seed);
  childOf(root, "chosen").properties["rng-seed"] = seed;
  machine.guest.describe(root);
  for (const { gpa, size } of machine.config.kernel.memory_regions) placeMemory(root, gpa, size);
  placeDevices(machine, root);
  for (const path of machine.config.devices.excluded_devices) exclude(root, path);
  return writeFdt(root);
}

function placeDevices({ devices }: VmMachine, root: FdtNode): void {
  const interruptParent = findController(devices)?.spec.fdt?.label;
  for (const { spec, base, irq } of devices) {
    if (spec.fdt) placeDevice(root, spec.fdt, { base, size: spec.size, irq, interruptParent });
  }
}

/** Fills in what the configuration says about the boot. */
function complete({ config }: VmMachine, root: FdtNode, ramdisk: RamdiskPlace | undefined): void {
  const { properties } = childOf(root, "chosen");
  if (config.kernel.cmdline !== "") properties.bootargs = config.kernel.cmdline;
  if (ramdisk) {
    properties["linux,initrd-start"] = cells64(ramdisk.start);
    properties["linux,initrd-end"] = cells64(ramdisk.end);
  }
}

function exclude(root: FdtNode, path: string): void {
  const parent = findNode(root, path.slice(0, path.lastIndexOf("/")));
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (parent === undefined || name === "" || !Object.hasOwn(parent.children, name)) {
    throw new HypervisorError(
      `Cannot exclude "${path}" from the device tree: there is no such node; correct devices.excluded_devices`,
    );
  }
  delete parent.children[name];
}
