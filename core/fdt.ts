/**
 * Device trees as a VM builds them: the root, one node per device in its place, and helpers for values.
 *
 * The formats are in fdt_writer.ts and fdt_reader.ts; both are re-exported here.
 *
 * @module
 */
import { isTable, show } from "./config_checks.ts";
import { HypervisorError } from "./errors.ts";
import type { FdtBody, FdtNode, FdtValue } from "./fdt_types.ts";

export { type FdtBlob, readFdt } from "./fdt_reader.ts";
export { type FdtExtras, type FdtReservation, writeFdt } from "./fdt_writer.ts";

/** Where a device is, for {@link placeDevice}. */
export interface FdtPlacement {
  /** Guest-physical address of its registers. */
  readonly base: number;
  /** Bytes of its registers. */
  readonly size: number;
  /** Number of its interrupt wire. */
  readonly irq?: number;
  /** Label of the interrupt controller that the wire goes to. */
  readonly interruptParent?: string;
}

/** Interrupt type of a second specifier cell: level-sensitive, active high. */
const LEVEL_HIGH = 4;

/** A 64-bit value as two cells, high one first. */
export function cells64(value: number | bigint): [high: number, low: number] {
  const wide = BigInt.asUintN(64, BigInt(value));
  return [Number(wide >> 32n), Number(wide & 0xffff_ffffn)];
}

/** An empty tree with `/chosen` and `/soc`; addresses and sizes have two cells everywhere. */
export function createTree(model: string, compatible: string | readonly string[]): FdtNode {
  const cells = { "#address-cells": [2], "#size-cells": [2] };
  const soc = { ...cells, compatible: "simple-bus", ranges: true as const };
  return {
    properties: { ...cells, compatible, model },
    children: { chosen: { properties: {}, children: {} }, soc: { properties: soc, children: {} } },
  };
}

/**
 * Puts a device into a tree: its node under `/soc` with unit address, `reg` and interrupt; its siblings under the root; its
 * properties of `/chosen` that nobody has given before: of two serial ports the first is the console.
 *
 * The interrupt is written if the placement has one, as `interruptCells` cells (default 1; 0 leaves it out; the second one says
 * level-sensitive, active high).
 *
 * @returns The device's path
 * @throws HypervisorError if a node of that name is there already
 */
export function placeDevice(root: FdtNode, body: FdtBody, placement: FdtPlacement): string {
  const { base, size, irq, interruptParent } = placement;
  const soc = childOf(root, "soc");
  const name = `${body.node}@${base.toString(16)}`;
  const path = `/soc/${name}`;
  const properties: Record<string, FdtValue> = {};
  const compatible = body.properties.compatible;
  if (compatible !== undefined) properties.compatible = compatible;
  properties.reg = [...cells64(base), ...cells64(size)];
  const cells = body.interruptCells ?? 1;
  if (irq !== undefined && cells > 0) {
    properties.interrupts = [irq, LEVEL_HIGH, 0].slice(0, cells);
    if (interruptParent !== undefined) properties["interrupt-parent"] = [{ ref: interruptParent }];
  }
  add(soc, name, path, {
    ...(body.label === undefined ? {} : { label: body.label }),
    properties: { ...properties, ...body.properties },
    children: { ...body.children },
  });
  for (const [sibling, node] of Object.entries(body.siblings ?? {})) add(root, sibling, `/${sibling}`, node);
  for (const [key, value] of Object.entries(body.chosen ?? {})) {
    childOf(root, "chosen").properties[key] ??= replacePath(value, path);
  }
  return path;
}

/**
 * Checks what a plugin says about a device, which need not be TypeScript.
 *
 * @throws HypervisorError that names what is wrong
 */
export function checkFdtBody({ node, properties }: FdtBody): void {
  if (typeof node !== "string" || !isTable(properties)) {
    throw new HypervisorError('its fdt must have a "node", the name, and "properties", a table');
  }
  for (const [name, value] of Object.entries(properties)) {
    if (value === true || typeof value === "string" || Array.isArray(value) || value instanceof Uint8Array) continue;
    const list = typeof value === "number" ? `; write [${value}]` : "";
    throw new HypervisorError(
      `property "${name}" of its fdt must be true, a string, a list or bytes, not ${show(value)}${list}`,
    );
  }
}

/** The node at a path as `/soc/serial@10000000`; undefined if there is none. */
export function findNode(root: FdtNode, path: string): FdtNode | undefined {
  let node: FdtNode | undefined = root;
  for (const name of path.split("/").filter((part) => part !== "")) {
    node = node !== undefined && Object.hasOwn(node.children, name) ? node.children[name] : undefined;
  }
  return node;
}

/** The child of a name, made if it is missing. */
export function childOf(node: FdtNode, name: string): FdtNode {
  return node.children[name] ??= { properties: {}, children: {} };
}

/** The cells of a property that was read or written; undefined if it has none or refers to labels. */
export function cellsOf(value: FdtValue | undefined): number[] | undefined {
  if (value instanceof Uint8Array) {
    if (value.length % 4 !== 0) return undefined;
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    return Array.from({ length: value.length / 4 }, (_, index) => view.getUint32(index * 4));
  }
  return Array.isArray(value) && value.every((cell) => typeof cell === "number") ? [...value] : undefined;
}

/** The strings of a property that was read or written; undefined if it is not NUL-terminated text. */
export function stringsOf(value: FdtValue | undefined): string[] | undefined {
  if (typeof value === "string") return [value];
  if (value instanceof Uint8Array) {
    return value.at(-1) === 0 ? new TextDecoder().decode(value.slice(0, -1)).split("\0") : undefined;
  }
  return Array.isArray(value) && value.every((text) => typeof text === "string") ? [...value] : undefined;
}

function add(parent: FdtNode, name: string, path: string, node: FdtNode): void {
  if (Object.hasOwn(parent.children, name)) {
    throw new HypervisorError(
      `Cannot add "${path}" to the device tree: it is there already; give one device another name or base`,
    );
  }
  parent.children[name] = node;
}

function replacePath(value: FdtValue, path: string): FdtValue {
  if (typeof value === "string") return value.replaceAll("$path", path);
  if (Array.isArray(value) && value.every((text) => typeof text === "string")) {
    return value.map((text) => text.replaceAll("$path", path));
  }
  return value;
}

/** Adds RAM to a tree as `/memory@...`. */
export function placeMemory(root: FdtNode, base: number, size: number): void {
  const name = `memory@${base.toString(16)}`;
  const properties = { device_type: "memory", reg: [...cells64(base), ...cells64(size)] };
  add(root, name, `/${name}`, { properties, children: {} });
}
