/**
 * Host memory: one `WebAssembly.Memory` that plays the physical memory of the machine, with a page-frame allocator.
 *
 * The memory is made at its full size at once (`minimum == maximum`: growing would cost every generated access a check); the
 * operating system commits a page only when it is touched. Reserved areas grow from the bottom, frames are handed out above them.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SIZE } from "./address.ts";
import { HypervisorError } from "./errors.ts";
import type { VmHost } from "./vm_host.ts";

/** Bytes of a WebAssembly page. */
const WASM_PAGE = 65536;

/** Smaller areas have no huge page in them. */
const HUGE_PAGE = 2 << 20;

/** Largest memory that WebAssembly addresses with 32 bits. */
const WASM_LIMIT = 65536 * WASM_PAGE;

/** How a {@link HostMemory} is made. */
export interface HostMemoryOptions {
  /** Bytes in all. */
  size: number;
  /** Whether the memory can be shared with workers (default true). The wasm encoder reads it from here. */
  shared?: boolean;
  /** Told of areas that will be used all over, before they are. */
  host?: Pick<VmHost, "adviseHugePages">;
}

/** The machine's physical memory. An address is an offset in it. */
export class HostMemory {
  /** The memory, for import by generated code. */
  readonly wasm: WebAssembly.Memory;
  /** Whether {@link wasm} is shared. */
  readonly shared: boolean;
  /** Bytes in all. */
  readonly size: number;
  /** Bytes as unsigned 8-bit values. */
  readonly u8: Uint8Array;
  /** The same memory as 16-bit words. */
  readonly u16: Uint16Array;
  /** The same memory as signed 32-bit words. */
  readonly i32: Int32Array;
  /** The same memory as unsigned 32-bit words. */
  readonly u32: Uint32Array;
  /** The same memory as 64-bit words: never on a hot path. */
  readonly u64: BigUint64Array;
  /** Areas that {@link reserve} gave out, in order. */
  readonly reservations: { start: HostPhysAddr; size: number }[] = [];
  #reserved: number = WASM_PAGE;
  #next: number;
  #free: number[] = [];
  #top: number;
  #sealed = false;
  /** Frames below {@link #reserved} that were given back. */
  #released = 0;
  /** Areas that will be used all over, of which the host was not told yet: to be told costs it milliseconds. */
  readonly #dense: Uint8Array[] = [];
  readonly #host: HostMemoryOptions["host"];

  /** Makes a memory. Throws if it is larger than 4 GiB or the host refuses it. */
  constructor(options: HostMemoryOptions) {
    const pages = Math.ceil(options.size / WASM_PAGE);
    if (pages * WASM_PAGE > WASM_LIMIT) {
      throw new HypervisorError(
        `Cannot create a memory of ${options.size} bytes: 4 GiB is the limit; give the VM less memory (3 GiB at most)`,
      );
    }
    this.shared = options.shared ?? true;
    this.#host = options.host;
    try {
      this.wasm = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: this.shared });
    } catch (cause) {
      throw new HypervisorError(`Cannot create a memory of ${options.size} bytes: the host refuses it`, { cause });
    }
    this.size = pages * WASM_PAGE;
    const buffer = this.wasm.buffer;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.#next = WASM_PAGE;
    this.#top = this.size;
  }

  /** Pages of WebAssembly memory: what an import declaration must name. */
  get wasmPages(): number {
    return this.size / WASM_PAGE;
  }

  /** Frames that are handed out now. */
  get framesInUse(): number {
    return (this.#next - this.#reserved) / PAGE_SIZE + this.#released - this.#free.length;
  }

  /**
   * Sets an area aside, zeroed. After the first frame was allocated (another VM lives in this memory) it is made of frames.
   *
   * @param size Bytes; rounded up to whole pages
   * @param align Alignment in bytes, a power of two of at least a page
   * @param isDense Whether it will be used from one end to the other, and not a page here and there
   */
  reserve(size: number, align: number = PAGE_SIZE, isDense: boolean = false): HostPhysAddr {
    const start = this.#sealed ? this.#reserveFrames(size, align) : this.#reserveBottom(size, align);
    this.reservations.push({ start, size });
    if (isDense && !this.#sealed) this.#noteDense(start, size);
    return start;
  }

  /** Gives an area of {@link reserve} back; its pages become frames. */
  release({ start, size }: { start: HostPhysAddr; size: number }): void {
    const index = this.reservations.findIndex((area) => area.start === start);
    if (index < 0) return;
    this.reservations.splice(index, 1);
    for (let at = start; at < start + size; at += PAGE_SIZE) {
      if (at < this.#reserved) this.#released++;
      this.freeFrame(at);
    }
  }

  /** Takes one zeroed frame; undefined if none is left. */
  allocFrame(): HostPhysAddr | undefined {
    const reused = this.#free.pop();
    if (reused !== undefined) {
      this.u8.fill(0, reused, reused + PAGE_SIZE);
      return reused;
    }
    this.#seal();
    if (this.#next + PAGE_SIZE > this.#top) return undefined;
    const frame = this.#next;
    this.#next += PAGE_SIZE;
    return frame;
  }

  /**
   * Takes `count` contiguous frames that were never used, so their pages are zero and not yet committed; undefined if there
   * are not so many in one piece.
   *
   * @param align Alignment of the first frame in bytes, a power of two of at least a page
   */
  allocContiguous(count: number, align: number = PAGE_SIZE): HostPhysAddr | undefined {
    this.#seal();
    const start = Math.ceil(this.#next / align) * align;
    const end = start + count * PAGE_SIZE;
    if (end > this.#top) return this.#allocContiguousFromFree(count, align);
    for (let skipped = this.#next; skipped < start; skipped += PAGE_SIZE) this.#free.push(skipped);
    this.#next = end;
    return start;
  }

  /** Gives a frame back. */
  freeFrame(frame: HostPhysAddr): void {
    this.#free.push(frame);
  }

  /** From now on there are frames: nearly all of them are guest memory. */
  #seal(): void {
    if (this.#sealed) return;
    this.#sealed = true;
    this.#noteDense(this.#next, this.#top - this.#next);
    if (this.#dense.length > 0) this.#host?.adviseHugePages?.(this.#dense.splice(0));
  }

  #noteDense(start: HostPhysAddr, size: number): void {
    if (size >= HUGE_PAGE) this.#dense.push(this.u8.subarray(start, start + size));
  }

  #reserveBottom(size: number, align: number): HostPhysAddr {
    const start = Math.ceil(this.#reserved / align) * align;
    const end = start + Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
    if (end > this.#top) {
      throw new HypervisorError(`Cannot reserve ${size} bytes of host memory: ${this.size} bytes are too few`);
    }
    this.#reserved = end;
    this.#next = end;
    return start;
  }

  #reserveFrames(size: number, align: number): HostPhysAddr {
    const start = this.allocContiguous(Math.ceil(size / PAGE_SIZE), align);
    if (start !== undefined) return start;
    throw new HypervisorError(`Cannot reserve ${size} bytes of host memory: no piece of ${this.size} bytes is free`);
  }

  /** Looks for a run among frames that were given back; zeroes what it takes. */
  #allocContiguousFromFree(count: number, align: number): HostPhysAddr | undefined {
    const sorted = this.#free.toSorted((a, b) => a - b);
    for (let i = 0; i + count <= sorted.length; i++) {
      if (sorted[i] % align !== 0 || sorted[i + count - 1] !== sorted[i] + (count - 1) * PAGE_SIZE) continue;
      const start = sorted[i];
      sorted.splice(i, count);
      this.#free = sorted;
      this.u8.fill(0, start, start + count * PAGE_SIZE);
      return start;
    }
    return undefined;
  }
}
