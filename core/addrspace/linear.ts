/**
 * The linear backend: guest memory at a fixed distance from a piece of host memory that someone else owns.
 *
 * @module
 */
import type { GuestPhysAddr, HostPhysAddr } from "../address.ts";
import type { MemoryArea } from "./area.ts";

/** An area whose host memory is one piece. */
export class LinearArea implements MemoryArea {
  /** Backend. */
  readonly kind = "linear";
  #end: GuestPhysAddr;

  /**
   * Makes an area.
   *
   * @param host Host address of the first byte
   */
  constructor(
    readonly name: string,
    readonly start: GuestPhysAddr,
    end: GuestPhysAddr,
    readonly host: HostPhysAddr,
    public flags: number,
    readonly shared: boolean,
  ) {
    this.#end = end;
  }

  /** First address above. */
  get end(): GuestPhysAddr {
    return this.#end;
  }

  /** Host address behind `address`. */
  hostOf(address: GuestPhysAddr): number {
    return this.host + (address - this.start);
  }

  /** All of a linear area is contiguous. */
  runEnd(_address: GuestPhysAddr, limit: GuestPhysAddr): GuestPhysAddr {
    return Math.min(limit, this.#end);
  }

  /** Shortens the area to end at `address` and returns the rest. */
  splitAt(address: GuestPhysAddr): LinearArea {
    const upper = new LinearArea(this.name, address, this.#end, this.hostOf(address), this.flags, this.shared);
    this.#end = address;
    return upper;
  }

  /** A linear area owns no frames. */
  release(): void {}
}
