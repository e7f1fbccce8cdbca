/**
 * The alloc backend: guest memory in frames of its own, taken at once or when the guest first touches them.
 *
 * A lazy area takes frames in aligned chunks where it can: fresh host memory is committed by the operating system only when it
 * is touched, so a large chunk costs no more than a small one, saves faults, and can be mapped by a huge leaf.
 *
 * @module
 */
import { type GuestPhysAddr, type HostPhysAddr, PAGE_SIZE } from "../address.ts";
import type { HostMemory } from "../memory.ts";
import type { MemoryArea } from "./area.ts";

/** Bytes that a lazy area tries to take at once, largest first. */
const CHUNKS = [2 << 20, 64 << 10, PAGE_SIZE] as const;

/** Frames that one fault brought in. */
export interface Chunk {
  /** First guest address. */
  readonly start: GuestPhysAddr;
  /** Host address of the contiguous frames. */
  readonly host: HostPhysAddr;
  /** Bytes. */
  readonly size: number;
}

/** An area that owns its frames. */
export class AllocArea implements MemoryArea {
  /** Backend. */
  readonly kind = "alloc";
  #end: GuestPhysAddr;
  /** Frame number of each page; 0 if it has none (host page 0 is never handed out). */
  #frames: Uint32Array;
  /** Whether any page may have a frame. */
  #isPopulated: boolean;

  /** Makes an area without frames. */
  constructor(
    readonly name: string,
    readonly start: GuestPhysAddr,
    end: GuestPhysAddr,
    public flags: number,
    readonly shared: boolean,
    frames?: Uint32Array,
  ) {
    this.#end = end;
    this.#frames = frames ?? new Uint32Array((end - start) / PAGE_SIZE);
    this.#isPopulated = frames !== undefined;
  }

  /** First address above. */
  get end(): GuestPhysAddr {
    return this.#end;
  }

  /** Host address behind `address`; -1 if no frame is there yet. */
  hostOf(address: GuestPhysAddr): number {
    const offset = address - this.start;
    const frame = this.#frames[Math.floor(offset / PAGE_SIZE)];
    return frame === 0 ? -1 : frame * PAGE_SIZE + offset % PAGE_SIZE;
  }

  /** First address above `address` where frames stop being contiguous, or where one is if `address` has none. */
  runEnd(address: GuestPhysAddr, limit: GuestPhysAddr): GuestPhysAddr {
    const stop = Math.min(limit, this.#end);
    if (!this.#isPopulated) return stop;
    let page = Math.floor((address - this.start) / PAGE_SIZE);
    const pages = Math.ceil((stop - this.start) / PAGE_SIZE);
    const step = this.#frames[page] === 0 ? 0 : 1;
    for (let next = this.#frames[page++] + step; page < pages && this.#frames[page] === next; page++) next += step;
    return Math.min(stop, this.start + page * PAGE_SIZE);
  }

  /** Shortens the area to end at `address` and returns the rest with its frames. */
  splitAt(address: GuestPhysAddr): AllocArea {
    const page = (address - this.start) / PAGE_SIZE;
    const upper = new AllocArea(this.name, address, this.#end, this.flags, this.shared, this.#frames.subarray(page));
    this.#frames = this.#frames.subarray(0, page);
    this.#end = address;
    return upper;
  }

  /** Gives every frame back. */
  release(free: (frame: HostPhysAddr) => void): void {
    for (const frame of this.#frames) if (frame !== 0) free(frame * PAGE_SIZE);
    this.#frames.fill(0);
    this.#isPopulated = false;
  }

  /**
   * Takes frames for the page of `address`, which has none, and for its neighbours as long as that is one aligned chunk.
   *
   * @param take Takes that many contiguous bytes of frames, aligned to their size; undefined if there are none
   * @returns undefined if host memory is used up
   */
  populate(address: GuestPhysAddr, take: (size: number) => HostPhysAddr | undefined): Chunk | undefined {
    for (const size of CHUNKS) {
      const start = Math.floor(address / size) * size;
      if (start < this.start || start + size > this.#end || !this.#isEmpty(start, size)) continue;
      const host = take(size);
      if (host === undefined) continue;
      this.#assign(start, host, size);
      return { start, host, size };
    }
    return undefined;
  }

  /** Takes frames for every page. False, and nothing taken, if host memory is too small. */
  populateAll(memory: HostMemory): boolean {
    const size = this.#end - this.start;
    const align = size >= CHUNKS[0] ? CHUNKS[0] : PAGE_SIZE;
    const host = memory.allocContiguous(size / PAGE_SIZE, align);
    if (host !== undefined) {
      this.#assign(this.start, host, size);
      return true;
    }
    this.#isPopulated = true;
    for (let page = 0; page < this.#frames.length; page++) {
      const frame = memory.allocFrame();
      if (frame === undefined) {
        this.release((taken) => memory.freeFrame(taken));
        return false;
      }
      this.#frames[page] = frame / PAGE_SIZE;
    }
    return true;
  }

  /** Forgets the frames of a chunk without freeing them. */
  forget(chunk: Chunk): void {
    const page = (chunk.start - this.start) / PAGE_SIZE;
    this.#frames.fill(0, page, page + chunk.size / PAGE_SIZE);
  }

  #isEmpty(start: GuestPhysAddr, size: number): boolean {
    return this.hostOf(start) < 0 && this.runEnd(start, start + size) === start + size;
  }

  #assign(start: GuestPhysAddr, host: HostPhysAddr, size: number): void {
    this.#isPopulated = true;
    const page = (start - this.start) / PAGE_SIZE;
    for (let i = 0; i < size / PAGE_SIZE; i++) this.#frames[page + i] = host / PAGE_SIZE + i;
  }
}
