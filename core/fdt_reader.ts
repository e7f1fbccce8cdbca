/**
 * Reader of flattened device trees (Devicetree Specification v0.4, chapter 5) that trusts nothing in the blob.
 *
 * @module
 */
import { HypervisorError } from "./errors.ts";
import type { FdtNode } from "./fdt_types.ts";
import { FDT_HEADER_SIZE, FDT_MAGIC, type FdtReservation, FdtToken } from "./fdt_writer.ts";

/** What a blob holds. */
export interface FdtBlob {
  /** The tree. A property is `true` if it is empty, else bytes: the blob does not tell what they mean. */
  readonly root: FdtNode;
  /** Memory reservation block. */
  readonly reservations: FdtReservation[];
  /** Physical id of the CPU that boots. */
  readonly bootCpu: number;
}

/** Deeper trees are refused: no real one comes near. */
const MAX_DEPTH = 64;

/**
 * Reads a blob.
 *
 * @param name What to call the blob in messages, for example its file
 * @throws HypervisorError saying what is wrong and where, for every blob that is not a whole and sound one
 */
export function readFdt(bytes: Uint8Array, name = "device tree"): FdtBlob {
  return new Reader(bytes, name).read();
}

class Reader {
  #view: DataView;
  #bytes: Uint8Array;
  #name: string;
  #at = 0;
  #structureEnd = 0;
  #strings = 0;
  #stringsEnd = 0;

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#name = name;
  }

  read(): FdtBlob {
    const length = this.#bytes.length;
    if (length < FDT_HEADER_SIZE) this.#fail(`${length} bytes are less than its header has`);
    const word = (index: number) => this.#view.getUint32(index * 4);
    if (word(0) !== FDT_MAGIC) this.#fail("it does not start with 0xd00dfeed, so it is not a device-tree blob");
    const total = word(1);
    if (total > length || total < FDT_HEADER_SIZE) {
      this.#fail(`its header says ${total} bytes, but there are ${length}: it is truncated or damaged`);
    }
    const version = word(5);
    if (version < 16 || word(6) > 17) this.#fail(`version ${version} is not 16 or 17`);
    const [structure, strings, reserved] = [word(2), word(3), word(4)];
    this.#structureEnd = structure + (version >= 17 ? word(9) : total - structure);
    this.#strings = strings;
    this.#stringsEnd = strings + word(8);
    if (
      structure % 4 !== 0 || structure > this.#structureEnd || this.#structureEnd > total || this.#stringsEnd > total
    ) {
      this.#fail("its structure or strings block lies outside of it");
    }
    const reservations = this.#reservations(reserved, total);
    this.#at = structure;
    return { root: this.#tree(), reservations, bootCpu: word(7) };
  }

  #reservations(start: number, total: number): FdtReservation[] {
    const found: FdtReservation[] = [];
    for (let at = start;; at += 16) {
      if (at + 16 > total) this.#fail("its memory reservation block has no end");
      const address = Number(this.#view.getBigUint64(at));
      const size = Number(this.#view.getBigUint64(at + 8));
      if (address === 0 && size === 0) return found;
      found.push({ address, size });
    }
  }

  /** Reads the structure block without recursion: depth is the blob's to choose. */
  #tree(): FdtNode {
    const open: FdtNode[] = [];
    let root: FdtNode | undefined;
    for (;;) {
      const at = this.#at;
      const token = this.#u32();
      if (token === FdtToken.NOP) continue;
      if (token === FdtToken.END) break;
      if (token === FdtToken.BEGIN_NODE) {
        const node: FdtNode = { properties: Object.create(null), children: Object.create(null) };
        const name = this.#nodeName();
        if (open.length === MAX_DEPTH) this.#fail(`nodes are nested deeper than ${MAX_DEPTH} at offset ${at}`);
        const parent = open.at(-1);
        if (parent === undefined && root !== undefined) this.#fail(`a second root node begins at offset ${at}`);
        if (parent === undefined) root = node;
        else if (name === "" || name in parent.children) {
          this.#fail(`node name "${name}" at offset ${at} is empty or taken`);
        } else parent.children[name] = node;
        open.push(node);
      } else if (token === FdtToken.END_NODE) {
        if (open.pop() === undefined) this.#fail(`a node ends at offset ${at} that did not begin`);
      } else if (token === FdtToken.PROP) {
        const node = open.at(-1);
        if (node === undefined) this.#fail(`a property at offset ${at} belongs to no node`);
        this.#property(node);
      } else this.#fail(`offset ${at} holds ${token}, which is no token`);
    }
    if (root === undefined) this.#fail("it has no root node");
    if (open.length > 0) this.#fail("it ends inside a node");
    return root;
  }

  #property(node: FdtNode): void {
    const at = this.#at;
    const length = this.#u32();
    const name = this.#propertyName(this.#u32());
    if (length > this.#structureEnd - this.#at) this.#fail(`property "${name}" at offset ${at} has ${length} bytes`);
    node.properties[name] = length === 0 ? true : this.#bytes.slice(this.#at, this.#at + length);
    this.#skip(length);
  }

  #nodeName(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0 || end >= this.#structureEnd) this.#fail(`the node name at offset ${this.#at} has no end`);
    const name = decode(this.#bytes.subarray(this.#at, end));
    this.#skip(end + 1 - this.#at);
    return name;
  }

  #propertyName(offset: number): string {
    const start = this.#strings + offset;
    const end = start < this.#stringsEnd ? this.#bytes.indexOf(0, start) : -1;
    if (end < 0 || end >= this.#stringsEnd || end === start) {
      this.#fail(`property name ${offset} is not in the strings block`);
    }
    return decode(this.#bytes.subarray(start, end));
  }

  #u32(): number {
    if (this.#at + 4 > this.#structureEnd) this.#fail("its structure block ends in the middle");
    const value = this.#view.getUint32(this.#at);
    this.#at += 4;
    return value;
  }

  /** Moves over bytes and their padding. */
  #skip(length: number): void {
    this.#at = Math.min(this.#structureEnd, this.#at + length + (-length & 3));
  }

  #fail(problem: string): never {
    throw new HypervisorError(`Cannot read the device tree "${this.#name}": ${problem}; give another file`);
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.slice());
}
