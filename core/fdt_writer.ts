/**
 * Writer of flattened device trees: a node tree becomes a blob of version 17 (Devicetree Specification v0.4, chapter 5).
 *
 * @module
 */
import { HypervisorError } from "./errors.ts";
import type { FdtCell, FdtNode, FdtValue } from "./fdt_types.ts";

const TEXT = new TextEncoder();

/** `FDT_MAGIC`. */
export const FDT_MAGIC = 0xd00d_feed;

/** Bytes of the header. */
export const FDT_HEADER_SIZE = 40;

/** Tokens of the structure block (section 5.4.1). */
export const FdtToken = { BEGIN_NODE: 1, END_NODE: 2, PROP: 3, NOP: 4, END: 9 } as const;

/** A range of memory that the guest must not use (section 5.3). */
export interface FdtReservation {
  /** First address. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
}

/** What a blob holds besides the tree. */
export interface FdtExtras {
  /** Memory reservation block. */
  readonly reservations?: readonly FdtReservation[];
  /** Physical id of the CPU that boots (default 0). */
  readonly bootCpu?: number;
}

/**
 * Writes a tree. Every node whose label is referred to gets a `phandle`; one that it has already is kept.
 *
 * @throws HypervisorError if a reference has no target, a label names two nodes, or a name or cell cannot be written
 */
export function writeFdt(root: FdtNode, extras: FdtExtras = {}): Uint8Array<ArrayBuffer> {
  const phandles = assignPhandles(root);
  const structure = new Bytes();
  const strings = new StringTable();
  writeNode(structure, strings, phandles, "", root, "/");
  structure.u32(FdtToken.END);
  const reservations = new Bytes();
  for (const { address, size } of extras.reservations ?? []) {
    reservations.u64(address);
    reservations.u64(size);
  }
  reservations.u64(0);
  reservations.u64(0);
  const structureAt = FDT_HEADER_SIZE + reservations.length;
  const stringsAt = structureAt + structure.length;
  const blob = new Bytes();
  const words = [
    FDT_MAGIC,
    stringsAt + strings.bytes.length,
    structureAt,
    stringsAt,
    FDT_HEADER_SIZE,
    17,
    16,
    extras.bootCpu ?? 0,
    strings.bytes.length,
    structure.length,
  ];
  for (const word of words) blob.u32(word);
  for (const part of [reservations, structure, strings.bytes]) blob.append(part.take());
  return blob.take();
}

function writeNode(
  out: Bytes,
  strings: StringTable,
  phandles: Map<FdtNode, number>,
  name: string,
  node: FdtNode,
  path: string,
): void {
  out.u32(FdtToken.BEGIN_NODE);
  out.text(name);
  out.pad();
  const phandle = phandles.get(node);
  const properties = Object.entries(node.properties);
  if (phandle !== undefined && node.properties.phandle === undefined) properties.push(["phandle", [phandle]]);
  for (const [key, value] of properties) {
    const where = `${path}${path === "/" ? "" : "/"}${key}`;
    out.u32(FdtToken.PROP);
    const lengthAt = out.length;
    out.u32(0);
    out.u32(strings.offsetOf(checkName(key, where)));
    const start = out.length;
    writeValue(out, value, (label) => lookUp(phandles, label, where), where);
    out.u32At(lengthAt, out.length - start);
    out.pad();
  }
  for (const [key, child] of Object.entries(node.children)) {
    const where = `${path === "/" ? "" : path}/${key}`;
    writeNode(out, strings, phandles, checkName(key, where), child, where);
  }
  out.u32(FdtToken.END_NODE);
}

function checkName(name: string, where: string): string {
  // deno-lint-ignore no-control-regex -- a NUL or any other control character would end or spoil the name
  if (name === "" || /[\x00-\x20/\x7f-\uffff]/.test(name)) {
    throw new HypervisorError(`Cannot write the device tree: "${where}" has a name that is empty or not plain text`);
  }
  return name;
}

function writeValue(out: Bytes, value: FdtValue, phandleOf: (label: string) => number, where: string): void {
  if (value === true) return;
  if (value instanceof Uint8Array) return out.append(value);
  if (typeof value === "string") return out.text(value);
  for (const item of value as readonly (FdtCell | string)[]) {
    if (typeof item === "string") out.text(item);
    else out.u32(typeof item === "number" ? checkCell(item, where) : phandleOf(item.ref));
  }
}

function checkCell(cell: number, where: string): number {
  if (Number.isInteger(cell) && cell >= -0x8000_0000 && cell <= 0xffff_ffff) return cell;
  throw new HypervisorError(
    `Cannot write the device tree: "${where}" has the cell ${cell}, which is not a 32-bit number; use cells64 for wider ones`,
  );
}

function lookUp(phandles: Map<FdtNode, number>, label: string, where: string): number {
  for (const [node, phandle] of phandles) if (node.label === label) return phandle;
  throw new HypervisorError(
    `Cannot write the device tree: "${where}" refers to the label "${label}", which no node has`,
  );
}

/** Numbers every node that is referred to by label, and those that are numbered already. */
function assignPhandles(root: FdtNode): Map<FdtNode, number> {
  const labels = new Map<string, FdtNode>();
  const references = new Set<string>();
  const phandles = new Map<FdtNode, number>();
  visit(root, (node) => {
    if (node.label !== undefined) {
      if (labels.has(node.label)) {
        throw new HypervisorError(`Cannot write the device tree: two nodes have the label "${node.label}"`);
      }
      labels.set(node.label, node);
    }
    const own = ownPhandle(node.properties.phandle);
    if (own !== undefined) phandles.set(node, own);
    for (const value of Object.values(node.properties)) {
      if (!Array.isArray(value)) continue;
      for (const cell of value) if (typeof cell === "object") references.add(cell.ref);
    }
  });
  const taken = new Set(phandles.values());
  let next = 1;
  for (const label of references) {
    const node = labels.get(label);
    if (node === undefined || phandles.has(node)) continue;
    while (taken.has(next)) next++;
    phandles.set(node, next++);
  }
  return phandles;
}

function ownPhandle(value: FdtValue | undefined): number | undefined {
  if (value instanceof Uint8Array && value.length === 4) {
    return new DataView(value.buffer, value.byteOffset).getUint32(0);
  }
  return Array.isArray(value) && typeof value[0] === "number" ? value[0] : undefined;
}

function visit(node: FdtNode, see: (node: FdtNode) => void): void {
  see(node);
  for (const child of Object.values(node.children)) visit(child, see);
}

/** Names of properties, each once. */
class StringTable {
  readonly bytes = new Bytes();
  #offsets = new Map<string, number>();

  offsetOf(name: string): number {
    let offset = this.#offsets.get(name);
    if (offset === undefined) {
      offset = this.bytes.length;
      this.bytes.text(name);
      this.#offsets.set(name, offset);
    }
    return offset;
  }
}

/** Growing big-endian bytes. */
class Bytes {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  text(text: string): void {
    this.append(TEXT.encode(text + "\0"));
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
  }

  /** Changes a word that is there. */
  u32At(offset: number, value: number): void {
    this.#view.setUint32(offset, value);
  }

  u64(value: number): void {
    this.u32(Math.floor(value / 2 ** 32));
    this.u32(value % 2 ** 32);
  }

  /** To the next word, with zeros. */
  pad(): void {
    this.#reserve(-this.#length & 3);
    this.#length += -this.#length & 3;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
