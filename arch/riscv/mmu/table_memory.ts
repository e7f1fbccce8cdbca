/**
 * Reading and updating page-table entries in physical memory, under PMP (Privileged ISA, "Virtual Address Translation Process":
 * PMP applies to implicit accesses too, as in S-mode).
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { Privilege } from "../trap/mode.ts";
import type { CodePageTracker } from "./code_page_tracker.ts";
import { type Fault, FaultKind } from "./fault.ts";
import type { Pmp } from "./pmp.ts";
import { PHYSICAL_FRAMES, Pte, PTE_RWX } from "./pte.ts";

/** Page tables of one hart, as its walker sees them. */
export class TableMemory {
  /** While true nothing is written: a debugger looks. */
  peeking = false;
  /** What the VM lets the frame be used for that {@link hostFrame} found last, R, W, X bits. */
  granted: number = PTE_RWX;
  readonly #hart: Hart;
  readonly #pmp: Pmp | undefined;
  readonly #codePages: CodePageTracker;
  /** Physical address of the entry that {@link entryAt} found last. */
  #address = 0;
  /** The VM keeps the entry from being written. */
  #withheld = false;

  /** @param pmp Undefined if the hart has none */
  constructor(hart: Hart, pmp: Pmp | undefined, codePages: CodePageTracker) {
    this.#hart = hart;
    this.#pmp = pmp;
    this.#codePages = codePages;
  }

  /** Host frame number of a physical frame, -1 if it is not RAM. */
  hostFrame(frame: number): number {
    const { physical } = this.#hart.host;
    const host = physical.toHost(frame * 4096);
    if (host < 0) return -1;
    // MappingFlags are R, W, X from bit 0 on.
    this.granted = physical.hitFlags === undefined ? PTE_RWX : (physical.hitFlags << 1) & PTE_RWX;
    return host >>> 12;
  }

  /**
   * Index into `HostMemory.i32` of an entry, -1 if it cannot be read.
   *
   * @param frame Physical frame number of the table; a G-stage root goes on in the next three
   */
  entryAt(frame: number, index: number): number {
    if (frame >= PHYSICAL_FRAMES) return -1;
    const address = frame * 4096 + index * 8;
    if (this.#pmp !== undefined && (this.#pmp.allowed(address, 8, Privilege.S) & Pte.R) === 0) return -1;
    this.#address = address;
    const host = this.#hart.host.physical.toHost(address);
    return host < 0 ? -1 : host >>> 2;
  }

  /** Like {@link entryAt}, where the second stage has found the frame and what {@link hostFrame} says of it; not for {@link setBits}. */
  entryIn(frame: number, hostFrame: number, index: number): number {
    const pmp = this.#pmp;
    if (pmp !== undefined && (pmp.allowed(frame * 4096 + index * 8, 8, Privilege.S) & Pte.R) === 0) return -1;
    return hostFrame < 0 ? -1 : hostFrame * 1024 + index * 2;
  }

  /** Whether all entries of a table can be read if one can: not if PMP splits the page. */
  allOfPage(frame: number): boolean {
    return this.#pmp === undefined || this.#pmp.allowedPage(frame * 4096, Privilege.S) >= 0;
  }

  /** Sets bits in the low half of the entry that {@link entryAt} found last; false if it cannot be written. */
  setBits(entry: number, bits: number): boolean {
    this.#withheld = false;
    if (this.#pmp !== undefined && (this.#pmp.allowed(this.#address, 8, Privilege.S) & Pte.W) === 0) return false;
    if (this.peeking) return true;
    this.hostFrame(Math.floor(this.#address / 4096));
    this.#withheld = (this.granted & Pte.W) === 0;
    if (this.#withheld) return false;
    this.#hart.memory.i32[entry] |= bits;
    const host = entry * 4;
    if (this.#codePages.guard(host - host % 4096) !== 0) this.#codePages.written(host, 8);
    return true;
  }

  /** Notes why {@link setBits} could not write. Returns false, for the caller to return. */
  refused(fault: Fault): false {
    return this.#withheld ? fault.host(this.#address, true) : fault.plain(FaultKind.ACCESS);
  }
}
