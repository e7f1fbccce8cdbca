/**
 * The virtio block device (virtio 1.2, section 5.2): one request queue over a {@link BlockBackend}.
 *
 * @module
 */
import type { BlockBackend } from "../../core/block.ts";
import type { VmControl } from "../../core/plugin_types.ts";
import type { VirtioDevice, VirtioTransport } from "./mmio.ts";
import { type Buffer, type Chain, gather, scatter, sliceBuffers, totalLength } from "./queue.ts";

const SECTOR = 512;

/** Request types (section 5.2.6). */
const IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13;

/** Status byte of a request. */
const OK = 0, IOERR = 1, UNSUPP = 2;

/** Feature bits (section 5.2.3). */
const F_SIZE_MAX = 1, F_SEG_MAX = 2, F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_DISCARD = 13, F_WRITE_ZEROES = 14;

const QUEUE_SIZE = 128;

/** Segments of a request and bytes of a segment that are offered; together they bound what a request may move. */
const SEG_MAX = QUEUE_SIZE - 2, SIZE_MAX = 1 << 18, REQUEST_MAX = SEG_MAX * SIZE_MAX;

/** Sectors that one discard or one write of zeroes may cover. */
const DISCARD_MAX = 1 << 22, ZEROES_MAX = 1 << 13;

const HEADER_LENGTH = 16, RANGE_LENGTH = 16, ID_LENGTH = 20;

/** A request that the back-end works on. */
export interface BlkRequest {
  /** Head of its descriptor chain, by which it is begun again after a restore. */
  head: number;
  /** Bytes that it moves. */
  bytes: number;
}

/** Everything that a {@link VirtioBlk} remembers. */
export interface VirtioBlkState {
  /** Requests in flight. */
  inflight: BlkRequest[];
  /** The back-end's state, if it lives inside the VM. */
  disk: object;
}

/** How a request ended. */
interface Outcome {
  readonly status: number;
  /** What the driver asked to read. */
  readonly data?: Uint8Array;
}

/** How a disk is made. */
export interface VirtioBlkOptions {
  /** Where the bytes are. A part of a sector at its end is not shown. */
  readonly backend: BlockBackend;
  /** Completes requests whose back-end answers with a Promise. */
  readonly vm: Pick<VmControl, "later">;
  /** Name of the device, unique in its plugin. */
  readonly name?: string;
  /** What GET_ID answers: up to 20 ASCII characters. */
  readonly id?: string;
}

/** The disk. */
export class VirtioBlk implements VirtioDevice {
  /** Block device. */
  readonly deviceId = 2;
  /** What the back-end can do. */
  readonly features: readonly number[];
  /** One request queue. */
  readonly queueSizes: readonly number[] = [QUEUE_SIZE];
  /** Capacity and limits. */
  readonly config: Uint8Array;
  /** Requests in flight, and a disk that lives inside the VM. */
  readonly state: VirtioBlkState;
  readonly #backend: BlockBackend;
  readonly #vm: Pick<VmControl, "later">;
  readonly #name: string | undefined;
  readonly #id: Uint8Array = new Uint8Array(ID_LENGTH);
  #transport!: VirtioTransport;
  /** Tells completions of requests from before a reset or restore. */
  #epoch = 0;

  /** Makes a disk. */
  constructor({ backend, vm, name, id = "" }: VirtioBlkOptions) {
    this.#backend = backend;
    this.#vm = vm;
    this.#name = name;
    new TextEncoder().encodeInto(id, this.#id);
    this.features = [F_SIZE_MAX, F_SEG_MAX, F_BLK_SIZE, F_FLUSH];
    if (backend.readOnly) this.features = [...this.features, F_RO];
    else this.features = [...this.features, ...(backend.discard ? [F_DISCARD] : []), F_WRITE_ZEROES];
    this.config = configSpace(backend.size);
    this.state = { inflight: [], disk: backend.state ?? {} };
  }

  /** Takes its transport. */
  connect(transport: VirtioTransport): void {
    this.#transport = transport;
  }

  /** Serves what waits, as far as the requests in flight leave room. */
  notify(): void {
    while (this.state.inflight.reduce((sum, { bytes }) => sum + bytes, 0) < REQUEST_MAX) {
      const chain = this.#transport.pop(0);
      if (!chain) break;
      this.#begin(chain);
    }
    this.#transport.signal(0);
  }

  /** Forgets requests in flight; what the back-end still answers is dropped. */
  reset(): void {
    this.#epoch++;
    this.state.inflight = [];
  }

  /** Begins requests that were in flight once more: reading or writing twice does no harm. */
  restored(): void {
    if (this.#backend.state) {
      Object.assign(this.#backend.state, this.state.disk);
      this.state.disk = this.#backend.state;
    }
    const requests = this.state.inflight;
    this.reset();
    for (const { head } of requests) {
      const chain = this.#transport.chain(0, head);
      if (chain) this.#begin(chain);
    }
    if (requests.length > 0) this.#transport.signal(0);
  }

  /** Makes writes durable and releases the back-end. */
  async dispose(): Promise<void> {
    try {
      await this.#backend.flush();
    } finally {
      await this.#backend.close?.();
    }
  }

  #begin(chain: Chain): void {
    const header = gather(this.#transport.memory, sliceBuffers(chain.readable, 0, HEADER_LENGTH));
    if (header?.length !== HEADER_LENGTH) return this.#transport.fail("a block request has no header in RAM");
    if (totalLength(chain.writable) === 0) return this.#transport.fail("a block request has no status byte");
    const outcome = this.#attempt(chain, new DataView(header.buffer, header.byteOffset));
    if (!(outcome instanceof Promise)) return this.#finish(chain, outcome);
    const request = { head: chain.head, bytes: totalLength(chain.readable) + totalLength(chain.writable) };
    this.state.inflight.push(request);
    const epoch = this.#epoch;
    this.#vm.later(outcome.catch((): Outcome => ({ status: IOERR })), (result) => {
      if (epoch !== this.#epoch) return;
      this.state.inflight.splice(this.state.inflight.indexOf(request), 1);
      this.#finish(chain, result);
      this.notify();
    }, this.#name);
  }

  /** Asks the back-end; what it throws is an I/O error in the guest. */
  #attempt(chain: Chain, header: DataView): Outcome | Promise<Outcome> {
    const type = header.getUint32(0, true);
    const offset = (header.getUint32(12, true) * 2 ** 32 + header.getUint32(8, true)) * SECTOR;
    const given = sliceBuffers(chain.readable, HEADER_LENGTH, Infinity);
    try {
      switch (type) {
        case IN:
          return this.#readSectors(offset, totalLength(chain.writable) - 1);
        case OUT:
          return this.#writeSectors(offset, given);
        case FLUSH:
          return done(this.#backend.flush());
        case GET_ID:
          return { status: OK, data: this.#id.subarray(0, totalLength(chain.writable) - 1) };
        case DISCARD:
        case WRITE_ZEROES:
          return this.#clearSectors(type, given);
        default:
          return { status: UNSUPP };
      }
    } catch {
      return { status: IOERR };
    }
  }

  #readSectors(offset: number, length: number): Outcome | Promise<Outcome> {
    if (length > REQUEST_MAX || !this.#holds(offset, length)) return { status: IOERR };
    const check = (data: Uint8Array): Outcome => data.length === length ? { status: OK, data } : { status: IOERR };
    const data = this.#backend.read(offset, length);
    return data instanceof Promise ? data.then(check) : check(data);
  }

  #writeSectors(offset: number, given: readonly Buffer[]): Outcome | Promise<Outcome> {
    const length = totalLength(given);
    if (this.#backend.readOnly || length > REQUEST_MAX || !this.#holds(offset, length)) return { status: IOERR };
    const bytes = gather(this.#transport.memory, given);
    return bytes ? done(this.#backend.write(offset, bytes)) : { status: IOERR };
  }

  /** Discards or zeroes one range (section 5.2.6.1). */
  #clearSectors(type: number, given: readonly Buffer[]): Outcome | Promise<Outcome> {
    if (type === DISCARD && !this.#backend.discard) return { status: UNSUPP };
    if (this.#backend.readOnly || totalLength(given) !== RANGE_LENGTH) return { status: IOERR };
    const bytes = gather(this.#transport.memory, given);
    if (!bytes) return { status: IOERR };
    const range = new DataView(bytes.buffer, bytes.byteOffset);
    const offset = (range.getUint32(4, true) * 2 ** 32 + range.getUint32(0, true)) * SECTOR;
    const sectors = range.getUint32(8, true);
    const flags = range.getUint32(12, true);
    // Bit 0 lets zeroes be unmapped, which is a hint; a discard has no flags.
    if (flags & ~(type === DISCARD ? 0 : 1)) return { status: UNSUPP };
    if (sectors > (type === DISCARD ? DISCARD_MAX : ZEROES_MAX) || !this.#holds(offset, sectors * SECTOR)) {
      return { status: IOERR };
    }
    if (type === DISCARD) return done(this.#backend.discard?.(offset, sectors * SECTOR));
    return done(this.#backend.write(offset, new Uint8Array(sectors * SECTOR)));
  }

  /** Whether a range is whole sectors inside the disk. */
  #holds(offset: number, length: number): boolean {
    const capacity = Math.floor(this.#backend.size / SECTOR) * SECTOR;
    return length % SECTOR === 0 && offset + length <= capacity;
  }

  /** Writes data and status into the chain and gives it back. */
  #finish(chain: Chain, { status, data }: Outcome): void {
    const { memory } = this.#transport;
    const room = totalLength(chain.writable) - 1;
    let written = 0;
    if (data && scatter(memory, sliceBuffers(chain.writable, 0, room), data)) written = data.length;
    else if (data) status = IOERR;
    if (!scatter(memory, sliceBuffers(chain.writable, room, 1), Uint8Array.of(status))) {
      return this.#transport.fail("the status byte of a block request is not in RAM");
    }
    // Only bytes written from the start without a gap count (section 2.7.8.2).
    this.#transport.push(0, chain.head, written === room ? room + 1 : written);
  }
}

/** The outcome of work that yields nothing. */
function done(work: void | Promise<void>): Outcome | Promise<Outcome> {
  return work instanceof Promise ? work.then(() => ({ status: OK })) : { status: OK };
}

/** The configuration space (section 5.2.4). */
function configSpace(size: number): Uint8Array {
  const config = new Uint8Array(60);
  const view = new DataView(config.buffer);
  const sectors = Math.floor(size / SECTOR);
  view.setUint32(0, sectors >>> 0, true);
  view.setUint32(4, Math.floor(sectors / 2 ** 32), true);
  view.setUint32(8, SIZE_MAX, true);
  view.setUint32(12, SEG_MAX, true);
  view.setUint32(20, SECTOR, true);
  view.setUint32(36, DISCARD_MAX, true);
  view.setUint32(40, 1, true); // ranges of a discard
  view.setUint32(44, 1, true); // its alignment in sectors
  view.setUint32(48, ZEROES_MAX, true);
  view.setUint32(52, 1, true); // ranges of a write of zeroes
  view.setUint8(56, 1); // which may unmap
  return config;
}
