/**
 * The dirty log: which pages were written since it was last taken, as KVM's `KVM_GET_DIRTY_LOG` tells it.
 *
 * This is only the record. {@link AddrSpace} fills it: it takes the right to write from every leaf and repairs it at the fault.
 *
 * @module
 */
import { type GuestPhysAddr, PAGE_SIZE } from "../address.ts";

/** A set of written pages. */
export class DirtyLog {
  #pages: Set<number> = new Set();

  /** Records every page that the range touches. */
  mark(address: GuestPhysAddr, size: number): void {
    const last = Math.floor((address + size - 1) / PAGE_SIZE);
    for (let page = Math.floor(address / PAGE_SIZE); page <= last; page++) this.#pages.add(page);
  }

  /** Whether the page of an address is recorded. */
  has(address: GuestPhysAddr): boolean {
    return this.#pages.has(Math.floor(address / PAGE_SIZE));
  }

  /** Forgets a range of whole pages. */
  forget(start: GuestPhysAddr, size: number): void {
    for (const page of this.#pages) {
      if (page * PAGE_SIZE >= start && page * PAGE_SIZE < start + size) this.#pages.delete(page);
    }
  }

  /** Returns the addresses of all recorded pages in order, and forgets them. */
  take(): GuestPhysAddr[] {
    const pages = this.pagesIn(0, Infinity);
    this.#pages.clear();
    return pages;
  }

  /** Addresses of the recorded pages in a range, in order. */
  pagesIn(start: GuestPhysAddr, end: GuestPhysAddr): GuestPhysAddr[] {
    const found = [];
    for (const page of this.#pages) {
      const address = page * PAGE_SIZE;
      if (address >= start && address < end) found.push(address);
    }
    return found.sort((a, b) => a - b);
  }
}
