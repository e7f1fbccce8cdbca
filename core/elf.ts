/**
 * Reader of ELF64 programs (System V ABI, chapters 4 and 5) that trusts no header: nothing outside of the file is ever read.
 *
 * @module
 */
import { type GuestPhysAddr, hex } from "./address.ts";
import type { LoadedImage } from "./arch_vcpu.ts";
import { HypervisorError } from "./errors.ts";

const EHDR_SIZE = 64;
const PHDR_SIZE = 56;
const SHDR_SIZE = 64;
const SYM_SIZE = 24;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;
const ET_EXEC = 2;
const ET_DYN = 3;
/** Symbol types that name places: no type, object, function. */
const LAST_PLACE_TYPE = 2;

/** A program. */
export interface ElfImage extends LoadedImage {
  /** Whether it may be loaded elsewhere (a shared object or position-independent executable). */
  readonly movable: boolean;
}

/** Whether a file starts as an ELF does. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Reads a program: its PT_LOAD segments at their physical addresses, entry and symbols translated to physical addresses too.
 *
 * @param machine `e_machine` that it must have
 * @param name What to call the file in messages
 * @throws HypervisorError naming the file and what is wrong with it
 */
export function readElf(bytes: Uint8Array, machine: number, name: string): ElfImage {
  return new ElfReader(bytes, name).read(machine);
}

interface Segment {
  virtual: bigint;
  physical: bigint;
  memory: bigint;
}

class ElfReader {
  #bytes: Uint8Array;
  #view: DataView;
  #name: string;
  #segments: Segment[] = [];

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#name = name;
  }

  read(machine: number): ElfImage {
    const type = this.#header(machine);
    const segments = this.#loadSegments();
    if (segments.length === 0) this.#fail("it has no PT_LOAD segment, so there is nothing to load");
    const entry = this.#u64(24);
    const physical = this.#physical(entry, false);
    if (physical === undefined) this.#fail(`its entry point ${hex(entry)} lies in no segment`);
    return { entry: physical, segments, symbols: this.#symbols(), movable: type === ET_DYN };
  }

  /** Checks the ELF header and returns the type of the file. */
  #header(machine: number): number {
    if (this.#bytes.length < EHDR_SIZE) this.#fail(`${this.#bytes.length} bytes are less than an ELF header has`);
    if (this.#bytes[4] !== 2) this.#fail("it is not a 64-bit ELF");
    if (this.#bytes[5] !== 1) this.#fail("it is not little-endian");
    const found = this.#u16(18);
    if (found !== machine) this.#fail(`it is for machine ${found}, but the VM's architecture is machine ${machine}`);
    const type = this.#u16(16);
    if (type !== ET_EXEC && type !== ET_DYN) {
      this.#fail(`it is not a program but an ELF of type ${type}; link it first`);
    }
    return type;
  }

  #loadSegments(): LoadedImage["segments"] {
    const count = this.#u16(56);
    const stride = this.#u16(54);
    if (count > 0 && stride < PHDR_SIZE) this.#fail(`its program headers have ${stride} bytes instead of ${PHDR_SIZE}`);
    const table = this.#range(this.#u64(32), BigInt(count * stride), "its program headers");
    const segments = [];
    for (let index = 0; index < count; index++) {
      const at = table + index * stride;
      if (this.#view.getUint32(at, true) !== PT_LOAD) continue;
      const what = `segment ${index}`;
      const fileSize = this.#u64(at + 32);
      const memory = this.#u64(at + 40);
      const physical = this.#u64(at + 24);
      if (memory < fileSize) this.#fail(`${what} has ${fileSize} bytes in the file but only ${memory} in memory`);
      if (physical + memory > BigInt(Number.MAX_SAFE_INTEGER)) {
        this.#fail(`${what} goes to physical address ${hex(physical)}, which no memory has`);
      }
      if (memory === 0n) continue;
      const start = this.#range(this.#u64(at + 8), fileSize, what);
      const bytes = this.#bytes.subarray(start, start + Number(fileSize));
      this.#segments.push({ virtual: this.#u64(at + 16), physical, memory });
      segments.push({ address: Number(physical), bytes, size: Number(memory) });
    }
    return segments;
  }

  #symbols(): Map<string, GuestPhysAddr> {
    const symbols = new Map<string, GuestPhysAddr>();
    const count = this.#u16(60);
    const stride = this.#u16(58);
    const offset = this.#u64(40);
    if (count === 0 || offset === 0n) return symbols;
    if (stride < SHDR_SIZE) this.#fail(`its section headers have ${stride} bytes instead of ${SHDR_SIZE}`);
    const table = this.#range(offset, BigInt(count * stride), "its section headers");
    for (let index = 0; index < count; index++) {
      const at = table + index * stride;
      if (this.#view.getUint32(at + 4, true) !== SHT_SYMTAB) continue;
      const link = this.#view.getUint32(at + 40, true);
      if (link >= count) this.#fail(`its symbol table has its names in section ${link}, which does not exist`);
      const names = this.#section(table + link * stride, "its symbol names");
      this.#readSymbols(this.#section(at, "its symbol table"), names, symbols);
    }
    return symbols;
  }

  #section(header: number, what: string): Uint8Array {
    const size = this.#u64(header + 32);
    const start = this.#range(this.#u64(header + 24), size, what);
    return this.#bytes.subarray(start, start + Number(size));
  }

  #readSymbols(table: Uint8Array, names: Uint8Array, symbols: Map<string, GuestPhysAddr>): void {
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    const globals = new Set<string>();
    for (let at = 0; at + SYM_SIZE <= table.length; at += SYM_SIZE) {
      const start = view.getUint32(at, true);
      const info = table[at + 4];
      const isUndefined = view.getUint16(at + 6, true) === 0;
      const end = start < names.length ? names.indexOf(0, start) : -1;
      if (isUndefined || (info & 15) > LAST_PLACE_TYPE || end <= start) continue;
      const value = this.#physical(view.getBigUint64(at + 8, true), true);
      if (value === undefined) continue;
      const name = new TextDecoder().decode(names.slice(start, end));
      // Several local symbols may share a name, also with a global one: the global one is meant.
      if (globals.has(name)) continue;
      if (info >> 4 !== 0) globals.add(name);
      symbols.set(name, value);
    }
  }

  /**
   * Translates a virtual address to the physical one that the segments give it.
   *
   * @param isSymbol Whether the end of a segment counts too (`_end`), and an address in none is taken as it is
   */
  #physical(address: bigint, isSymbol: boolean): GuestPhysAddr | undefined {
    const inside = this.#segments.find(({ virtual, memory }) => address >= virtual && address < virtual + memory) ??
      this.#segments.find(({ physical, memory }) => address >= physical && address < physical + memory && !isSymbol) ??
      (isSymbol ? this.#segments.find(({ virtual, memory }) => address === virtual + memory) : undefined);
    if (inside === undefined) {
      return isSymbol && address <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(address) : undefined;
    }
    const isVirtual = address >= inside.virtual && address <= inside.virtual + inside.memory;
    return Number(isVirtual ? address - inside.virtual + inside.physical : address);
  }

  /** Checks that a piece lies inside the file and returns its start as a number. */
  #range(start: bigint, size: bigint, what: string): number {
    const length = this.#bytes.length;
    if (start + size <= BigInt(length)) return Number(start);
    return this.#fail(
      `${what} should be at bytes ${start}..${
        start + size
      }, but the file ends at ${length}: it is truncated or damaged`,
    );
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  #u64(at: number): bigint {
    return this.#view.getBigUint64(at, true);
  }

  #fail(problem: string): never {
    throw new HypervisorError(`Cannot load "${this.#name}": ${problem}; give another file`);
  }
}
