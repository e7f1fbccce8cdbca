/**
 * Copy-on-write over another disk: writes stay in memory, the disk below is only read.
 *
 * @module
 */
import type { BlockBackend } from "../../core/block.ts";

/** Bytes that are copied at once: a page of the guest's file system. */
const CLUSTER = 4096;

/** What an {@link OverlayBlock} holds. */
export interface OverlayBlockState {
  /** Clusters that were written, by number. */
  clusters: Record<number, Uint8Array>;
}

/** Storage that keeps what is written to itself. */
export class OverlayBlock implements BlockBackend {
  /** The written clusters, which snapshots carry. */
  readonly state: OverlayBlockState = { clusters: {} };
  /** Bytes of the disk. */
  readonly size: number;
  /** Never: the overlay takes every write. */
  readonly readOnly = false;
  readonly #base: BlockBackend;

  /**
   * Makes one.
   *
   * @param base The disk below
   */
  constructor(base: BlockBackend) {
    this.#base = base;
    this.size = base.size;
  }

  /** Reads from the overlay where it was written, from below elsewhere. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    if (this.#covers(offset, length)) return this.#patch(offset, new Uint8Array(length));
    const below = this.#base.read(offset, length);
    // A copy, for the array below may be the base's own.
    const patch = (bytes: Uint8Array): Uint8Array => this.#patch(offset, bytes.slice());
    return below instanceof Promise ? below.then(patch) : patch(below);
  }

  /** Writes into the overlay; clusters written in part are first copied from below. */
  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    if (bytes.length === 0) return;
    const end = offset + bytes.length;
    const copies = [...new Set([clusterOf(offset), clusterOf(end - 1)])]
      .filter((cluster) => offset > cluster * CLUSTER || end < (cluster + 1) * CLUSTER)
      .map((cluster) => this.#copyUp(cluster))
      .filter((copy) => copy instanceof Promise);
    if (copies.length === 0) return this.#put(offset, bytes);
    const own = bytes.slice(); // the caller may reuse its array while we wait
    return Promise.all(copies).then(() => this.#put(offset, own));
  }

  /** Nothing goes below, so nothing has to be made durable. */
  flush(): void {}

  /** Gives the memory of whole clusters back; they read as the disk below again, which a discard allows. */
  discard(offset: number, length: number): void {
    const end = offset + length;
    for (const key of Object.keys(this.state.clusters)) {
      const start = Number(key) * CLUSTER;
      if (start >= offset && Math.min(start + CLUSTER, this.size) <= end) delete this.state.clusters[Number(key)];
    }
  }

  /** Releases the disk below. */
  close(): void | Promise<void> {
    return this.#base.close?.();
  }

  #covers(offset: number, length: number): boolean {
    for (let cluster = clusterOf(offset); cluster * CLUSTER < offset + length; cluster++) {
      if (!this.state.clusters[cluster]) return false;
    }
    return true;
  }

  /** Puts what the overlay has over bytes that begin at `offset`. */
  #patch(offset: number, bytes: Uint8Array): Uint8Array {
    this.#forEachPart(offset, bytes.length, (cluster, inside, at, length) => {
      const written = this.state.clusters[cluster];
      if (written) bytes.set(written.subarray(inside, inside + length), at);
    });
    return bytes;
  }

  #put(offset: number, bytes: Uint8Array): void {
    this.#forEachPart(offset, bytes.length, (cluster, inside, at, length) => {
      this.state.clusters[cluster] ??= new Uint8Array(CLUSTER);
      this.state.clusters[cluster].set(bytes.subarray(at, at + length), inside);
    });
  }

  #copyUp(cluster: number): void | Promise<void> {
    if (this.state.clusters[cluster]) return;
    const keep = (bytes: Uint8Array): void => {
      if (this.state.clusters[cluster]) return; // another write was faster
      const copy = new Uint8Array(CLUSTER);
      copy.set(bytes);
      this.state.clusters[cluster] = copy;
    };
    const below = this.#base.read(cluster * CLUSTER, Math.min(CLUSTER, this.size - cluster * CLUSTER));
    return below instanceof Promise ? below.then(keep) : keep(below);
  }

  #forEachPart(
    offset: number,
    length: number,
    visit: (cluster: number, inside: number, at: number, length: number) => void,
  ): void {
    for (let at = 0; at < length;) {
      const inside = (offset + at) % CLUSTER;
      const part = Math.min(CLUSTER - inside, length - at);
      visit(clusterOf(offset + at), inside, at, part);
      at += part;
    }
  }
}

function clusterOf(offset: number): number {
  return Math.floor(offset / CLUSTER);
}
