/**
 * Channels between VMs: memory that one VM publishes and others map, as AxVisor's IVC hypercalls have them.
 *
 * What AxVisor gets wrong is right here: channels may be larger than a page, their pages carry the USER flag, the guest address
 * range is given back, and a refused request leaves nothing behind.
 *
 * @module
 */
import { type AddrRange, type GuestPhysAddr, type HostPhysAddr, overlaps, PAGE_SIZE } from "./address.ts";
import type { AddrSpace } from "./addrspace/addr_space.ts";
import { MappingFlags } from "./addrspace/nested_page_table.ts";
import type { HostMemory } from "./memory.ts";
import type { GuestDma } from "./plugin_types.ts";

/**
 * Why a channel operation failed: no window is configured; the window or host memory is full; the channel is there already;
 * there is no such channel; the size is not possible; the publisher's memory is not shared with this VM.
 */
export type IvcError = "no-window" | "no-memory" | "exists" | "not-found" | "invalid" | "not-shared";

/** What a channel operation answers: where the channel lies in the VM's window, or why not. */
export type IvcResult = { readonly ok: true; readonly base: GuestPhysAddr; readonly size: number } | {
  readonly ok: false;
  readonly error: IvcError;
};

/** What one VM may do with channels. Every call is answered with a value: guests make them. */
export interface IvcService {
  /**
   * Publishes a channel. Its first 16 bytes hold the publisher's number and the key, 64 bits each, little-endian.
   *
   * @param size Bytes; rounded up to whole pages
   */
  publish(key: bigint, size: number): IvcResult;
  /** Takes a channel of its own back. Its memory lives until the last subscriber leaves. */
  unpublish(key: bigint): IvcResult;
  /** Maps the channel of another VM. */
  subscribe(publisher: number, key: bigint): IvcResult;
  /** Leaves a channel. */
  unsubscribe(publisher: number, key: bigint): IvcResult;
}

/** Bytes of the largest channel. */
const MAX_CHANNEL = 64 * 2 ** 20;

/** A VM as the hub sees it. */
export interface IvcMember {
  /** Number of the VM. */
  readonly id: number;
  /** Its address space. */
  readonly space: AddrSpace;
  /** Where channels appear in it; undefined if none is configured. */
  readonly window: AddrRange | undefined;
}

interface Channel {
  readonly memory: HostMemory;
  readonly host: HostPhysAddr;
  readonly size: number;
  /** VMs that have it mapped, the publisher included. */
  users: number;
}

/** All channels of a hypervisor. */
export class IvcHub {
  #published: Map<string, Channel> = new Map();
  #doors: Map<number, IvcDoor> = new Map();

  /** Lets a VM in. */
  join(member: IvcMember): IvcService {
    const door = new IvcDoor(member, this.#published);
    this.#doors.set(member.id, door);
    return door;
  }

  /** Number of channels that a VM has mapped, published or subscribed. */
  mapped(id: number): number {
    return this.#doors.get(id)?.mapped ?? 0;
  }

  /** Takes back everything that a VM published and subscribed, as its reset does. */
  release(id: number): void {
    this.#doors.get(id)?.releaseAll();
  }

  /** Lets a VM go. */
  leave(id: number): void {
    this.release(id);
    this.#doors.delete(id);
  }
}

interface Mapped {
  readonly channel: Channel;
  readonly base: GuestPhysAddr;
}

class IvcDoor implements IvcService {
  #member: IvcMember;
  #published: Map<string, Channel>;
  #mapped: Map<string, Mapped> = new Map();

  constructor(member: IvcMember, published: Map<string, Channel>) {
    this.#member = member;
    this.#published = published;
  }

  get mapped(): number {
    return this.#mapped.size;
  }

  publish(key: bigint, size: number): IvcResult {
    const { id, space } = this.#member;
    if (!Number.isInteger(size) || size <= 0 || size > MAX_CHANNEL) return failure("invalid");
    const name = channelName(id, key);
    if (this.#published.has(name)) return failure("exists");
    const bytes = Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
    const base = this.#findRoom(bytes);
    if (typeof base !== "number") return base;
    const host = space.memory.allocContiguous(bytes / PAGE_SIZE);
    if (host === undefined) return failure("no-memory");
    const channel: Channel = { memory: space.memory, host, size: bytes, users: 0 };
    const result = this.#map(`published ${name}`, channel, base);
    if (!result.ok) {
      freeChannel(channel);
      return result;
    }
    writeHeader(channel, id, key);
    this.#published.set(name, channel);
    return result;
  }

  unpublish(key: bigint): IvcResult {
    const name = channelName(this.#member.id, key);
    const result = this.#unmap(`published ${name}`);
    if (result.ok) this.#published.delete(name);
    return result;
  }

  subscribe(publisher: number, key: bigint): IvcResult {
    const name = channelName(publisher, key);
    const channel = this.#published.get(name);
    if (channel === undefined) return failure("not-found");
    if (channel.memory !== this.#member.space.memory) return failure("not-shared");
    if (this.#mapped.has(`subscribed ${name}`)) return failure("exists");
    const base = this.#findRoom(channel.size);
    return typeof base === "number" ? this.#map(`subscribed ${name}`, channel, base) : base;
  }

  unsubscribe(publisher: number, key: bigint): IvcResult {
    return this.#unmap(`subscribed ${channelName(publisher, key)}`);
  }

  releaseAll(): void {
    for (const name of [...this.#mapped.keys()]) {
      this.#unmap(name);
      if (name.startsWith("published ")) this.#published.delete(name.slice("published ".length));
    }
  }

  #map(name: string, channel: Channel, base: GuestPhysAddr): IvcResult {
    const flags = MappingFlags.READ | MappingFlags.WRITE | MappingFlags.USER;
    try {
      this.#member.space.mapLinear(base, channel.host, channel.size, flags, { name: `channel ${name}`, shared: true });
    } catch {
      // The page table has no frames left: the guest asked for too much, which is its own affair.
      return failure("no-memory");
    }
    this.#mapped.set(name, { channel, base });
    channel.users++;
    return { ok: true, base, size: channel.size };
  }

  #unmap(name: string): IvcResult {
    const mapped = this.#mapped.get(name);
    if (mapped === undefined) return failure("not-found");
    const { channel, base } = mapped;
    this.#mapped.delete(name);
    this.#member.space.unmap(base, channel.size);
    channel.users--;
    if (channel.users === 0) freeChannel(channel);
    return { ok: true, base, size: channel.size };
  }

  /** First free piece of the window. */
  #findRoom(size: number): GuestPhysAddr | IvcResult {
    const { window } = this.#member;
    if (window === undefined) return failure("no-window");
    const used = [...this.#mapped.values()].sort((a, b) => a.base - b.base);
    let base = window.start;
    for (const { base: start, channel } of used) {
      if (!overlaps({ start: base, size }, { start, size: channel.size })) break;
      base = start + channel.size;
    }
    return base + size <= window.start + window.size ? base : failure("no-memory");
  }
}

function failure(error: IvcError): IvcResult {
  return { ok: false, error };
}

function channelName(publisher: number, key: bigint): string {
  return `${publisher}:${key}`;
}

function freeChannel(channel: Channel): void {
  for (let at = 0; at < channel.size; at += PAGE_SIZE) channel.memory.freeFrame(channel.host + at);
}

function writeHeader(channel: Channel, publisher: number, key: bigint): void {
  const { u64 } = channel.memory;
  u64[channel.host / 8] = BigInt(publisher);
  u64[channel.host / 8 + 1] = key;
}

/** AxVisor's number of a hypercall (axhvc 0.2). */
export const HyperCallCode = {
  HypervisorDisable: 0,
  HypervisorPrepareDisable: 1,
  HypervisorDebug: 2,
  HIVCPublishChannel: 3,
  HIVCSubscribChannel: 4,
  HIVCUnPublishChannel: 5,
  HIVCUnSubscribChannel: 6,
} as const;

/**
 * Answers a channel hypercall: 0, or -1 for whatever is not possible, unknown numbers included.
 *
 * Publish takes (key, address of base, address of size), subscribe (publisher, key, address of base, address of size), both with
 * 64-bit little-endian words that are written back; the other two take (key) and (publisher, key).
 *
 * @param args Six arguments as low/high pairs: 12 numbers
 */
export function ivcHypercall(service: IvcService, memory: GuestDma, nr: number, args: ArrayLike<number>): number {
  const wide = (index: number): bigint => BigInt(args[2 * index] >>> 0) | (BigInt(args[2 * index + 1] >>> 0) << 32n);
  const small = (index: number): number => Number(wide(index));
  switch (nr) {
    case HyperCallCode.HIVCPublishChannel: {
      const size = memory.read(small(2), 8);
      // Both pointers are checked before anything happens, so that a bad one leaves no channel behind.
      if (size === undefined || !isWritable(memory, small(1)) || !isWritable(memory, small(2))) return -1;
      const wanted = Number(new DataView(size.slice().buffer).getBigUint64(0, true));
      return writeBack(memory, service.publish(wide(0), wanted), small(1), small(2));
    }
    case HyperCallCode.HIVCSubscribChannel:
      if (!isWritable(memory, small(2)) || !isWritable(memory, small(3))) return -1;
      return writeBack(memory, service.subscribe(small(0), wide(1)), small(2), small(3));
    case HyperCallCode.HIVCUnPublishChannel:
      return service.unpublish(wide(0)).ok ? 0 : -1;
    case HyperCallCode.HIVCUnSubscribChannel:
      return service.unsubscribe(small(0), wide(1)).ok ? 0 : -1;
    default:
      return -1;
  }
}

function isWritable(memory: GuestDma, address: GuestPhysAddr): boolean {
  const old = memory.read(address, 8);
  return old !== undefined && memory.write(address, old);
}

function writeBack(memory: GuestDma, result: IvcResult, base: GuestPhysAddr, size: GuestPhysAddr): number {
  if (!result.ok) return -1;
  memory.write(base, word(result.base));
  memory.write(size, word(result.size));
  return 0;
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}
