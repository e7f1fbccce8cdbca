/**
 * The virtio-mmio transport, version 2 (virtio 1.2, section 4.2): registers, feature negotiation and queues for any kind of
 * virtio device behind it.
 *
 * @module
 */
import type { AccessWidth } from "../../core/address.ts";
import type { Device } from "../../core/device.ts";
import type { IrqLine } from "../../core/irq.ts";
import type { GuestDma } from "../../core/plugin_types.ts";
import {
  type AddressPair,
  type Chain,
  emptyQueue,
  type Malformed,
  popChain,
  pushUsed,
  type QueueFeatures,
  type QueueState,
  readChain,
  wantsInterrupt,
} from "./queue.ts";

/** What the transport offers a {@link VirtioDevice}. */
export interface VirtioTransport {
  /** The guest's memory. */
  readonly memory: GuestDma;
  /** Takes the next chain of a queue; undefined if there is none or the device does not run. */
  pop(queue: number): Chain | undefined;
  /** Resolves a chain again by its head: after a restore. */
  chain(queue: number, head: number): Chain | undefined;
  /** Gives a chain back with the number of bytes written from the start of its writable part. */
  push(queue: number, head: number, written: number): void;
  /** Interrupts if the driver wants to hear of what was given back. Once after a batch. */
  signal(queue: number): void;
  /** Tells the driver that the configuration space changed. */
  configChanged(): void;
  /** The driver broke the rules: the device stops until it is reset (DEVICE_NEEDS_RESET). */
  fail(reason: string): void;
}

/** A kind of virtio device: what is behind the transport. */
export interface VirtioDevice {
  /** Device ID (virtio 1.2, chapter 5). */
  readonly deviceId: number;
  /** Numbers of the feature bits of the device type; the transport adds its own. */
  readonly features: readonly number[];
  /** Largest size of each queue, a power of two. */
  readonly queueSizes: readonly number[];
  /** The device-specific configuration space, little-endian. */
  readonly config: Uint8Array;
  /** All that must survive a snapshot; the transport's state holds it. */
  readonly state: object;
  /** Called once, before anything else. */
  connect(transport: VirtioTransport): void;
  /** The driver says that a queue has new chains. */
  notify(queue: number): void;
  /** Forgets requests of one queue, or of all. */
  reset(queue?: number): void;
  /** Called after `state` was filled from a snapshot. */
  restored?(): void;
  /** Releases what is outside the VM. */
  dispose?(): void | Promise<void>;
}

/** Everything that a {@link VirtioMmio} remembers. */
export interface VirtioMmioState {
  /** Device status. */
  status: number;
  /** Which word of the device's features is read. */
  deviceFeaturesSel: number;
  /** Which word of the driver's features is written. */
  driverFeaturesSel: number;
  /** Features that the driver accepts: two words. */
  driverFeatures: [number, number];
  /** Which queue the queue registers mean. */
  queueSel: number;
  /** Bit 0: used buffers; bit 1: the configuration or status changed. */
  interruptStatus: number;
  /** Changes with the configuration space. */
  configGeneration: number;
  /** The queues. */
  queues: QueueState[];
  /** State of the device behind the transport. */
  device: object;
}

/** Device status (section 2.1). */
const ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64, FAILED = 128;

/** Feature bits of the transport and the queues (chapter 6). */
const INDIRECT_DESC = 28, EVENT_IDX = 29, VERSION_1 = 32, RING_RESET = 40;

/** "virt", 2, and a vendor that spells "DENO". */
const MAGIC = 0x74726976, VERSION = 2, VENDOR = 0x4f4e4544;

const USED_BUFFER = 1, CONFIG_CHANGE = 2;

/** Where the configuration space begins. */
const CONFIG = 0x100;

/** One slot: a transport with a virtio device behind it, or with none. */
export class VirtioMmio implements Device {
  /** Registers, queues and the state of the device behind them. */
  readonly state: VirtioMmioState;
  readonly #irq: IrqLine;
  readonly #device: VirtioDevice | undefined;
  readonly #log: (message: string) => void;
  readonly #offered: readonly [number, number];
  readonly #transport: VirtioTransport;

  /**
   * Makes one.
   *
   * @param irq Driven while InterruptStatus is not 0
   * @param memory The guest's memory
   * @param device What is behind the transport; undefined for an empty slot, which reads device ID 0
   * @param log Told once why a device stopped
   */
  constructor(irq: IrqLine, memory: GuestDma, device?: VirtioDevice, log: (message: string) => void = () => {}) {
    this.#irq = irq;
    this.#device = device;
    this.#log = log;
    this.#offered = featureWords([...device?.features ?? [], INDIRECT_DESC, EVENT_IDX, VERSION_1, RING_RESET]);
    this.#transport = {
      memory,
      pop: (queue) =>
        this.#runs(queue) ? this.#checked(popChain(this.#queue(queue), memory, this.#features())) : undefined,
      chain: (queue, head) => this.#checked(readChain(this.#queue(queue), memory, this.#features(), head)),
      push: (queue, head, written) => {
        if (!this.#queue(queue).ready) return;
        if (!pushUsed(this.#queue(queue), memory, head, written)) this.#fail("the used ring is not in RAM");
      },
      signal: (queue) => {
        if (this.#checked(wantsInterrupt(this.#queue(queue), memory, this.#features()))) this.#interrupt(USED_BUFFER);
      },
      configChanged: () => this.#configChanged(),
      fail: (reason) => this.#fail(reason),
    };
    this.state = { ...this.#powerOn(), device: device?.state ?? {} };
    device?.connect(this.#transport);
  }

  #powerOn(): Omit<VirtioMmioState, "device"> {
    return {
      status: 0,
      deviceFeaturesSel: 0,
      driverFeaturesSel: 0,
      driverFeatures: [0, 0],
      queueSel: 0,
      interruptStatus: 0,
      configGeneration: 0,
      queues: (this.#device?.queueSizes ?? []).map(emptyQueue),
    };
  }

  /** Reads a register (4 bytes, aligned) or the configuration space (any width). */
  read(offset: number, width: AccessWidth): number {
    if (offset >= CONFIG) return this.#readConfig(offset - CONFIG, width);
    if (width !== 4) return 0;
    if (offset === 0x000) return MAGIC;
    if (offset === 0x004) return VERSION;
    if (offset === 0x00c) return VENDOR;
    return this.#device ? this.#readRegister(offset, this.#device) >>> 0 : 0;
  }

  /** Writes a register (4 bytes, aligned); the configuration space is read-only. */
  write(offset: number, value: number, width: AccessWidth): void {
    if (width === 4 && this.#device) this.#writeRegister(offset, value >>> 0, this.#device);
  }

  /** Back to power-on. What a disk holds stays. */
  reset(): void {
    Object.assign(this.state, this.#powerOn());
    this.#device?.reset();
    this.#irq.set(false);
  }

  /** Drives the wire and hands the device its state. */
  restored(): void {
    const device = this.#device;
    if (device) {
      Object.assign(device.state, this.state.device);
      this.state.device = device.state;
      device.restored?.();
    }
    this.#irq.set(this.state.interruptStatus !== 0);
  }

  /** Releases what the device holds outside. */
  dispose(): void | Promise<void> {
    return this.#device?.dispose?.();
  }

  #readConfig(offset: number, width: AccessWidth): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.#device?.config[offset + i] ?? 0);
    return value;
  }

  #readRegister(offset: number, device: VirtioDevice): number {
    const { state } = this;
    switch (offset) {
      case 0x008:
        return device.deviceId;
      case 0x010:
        return this.#offered[state.deviceFeaturesSel] ?? 0;
      case 0x034:
        return device.queueSizes[state.queueSel] ?? 0;
      case 0x044:
        return this.#selected()?.ready ? 1 : 0;
      case 0x060:
        return state.interruptStatus;
      case 0x070:
        return state.status;
      case 0x0b0: // there is no shared memory region: its length reads as -1, its base too
      case 0x0b4:
      case 0x0b8:
      case 0x0bc:
        return 0xffff_ffff;
      case 0x0fc:
        return state.configGeneration;
      default:
        return 0;
    }
  }

  #writeRegister(offset: number, value: number, device: VirtioDevice): void {
    const { state } = this;
    switch (offset) {
      case 0x014:
        state.deviceFeaturesSel = value;
        break;
      case 0x020:
        if (!(state.status & FEATURES_OK) && state.driverFeaturesSel < 2) {
          state.driverFeatures[state.driverFeaturesSel] = value;
        }
        break;
      case 0x024:
        state.driverFeaturesSel = value;
        break;
      case 0x030:
        state.queueSel = value;
        break;
      case 0x050:
        if (this.#runs(value)) device.notify(value);
        break;
      case 0x064:
        state.interruptStatus &= ~value;
        this.#irq.set(state.interruptStatus !== 0);
        break;
      case 0x070:
        this.#writeStatus(value);
        break;
      default:
        this.#writeQueue(offset, value, device);
    }
  }

  #writeQueue(offset: number, value: number, device: VirtioDevice): void {
    const queue = this.#selected();
    if (!queue) return;
    if (offset === 0x044 && value === 0) {
      queue.ready = false;
      device.reset(this.state.queueSel);
    }
    if (offset === 0x0c0 && value === 1 && this.#has(RING_RESET)) {
      Object.assign(queue, emptyQueue());
      device.reset(this.state.queueSel);
    }
    if (queue.ready) return; // a queue that was handed over does not move
    const half = (pair: AddressPair): void => void (pair[offset & 4 ? 1 : 0] = value);
    switch (offset) {
      case 0x038:
        queue.size = value;
        break;
      case 0x044:
        if (value === 1 && isQueueSize(queue.size, device.queueSizes[this.state.queueSel])) {
          Object.assign(queue, { ready: true, next: 0, used: 0, signalled: 0 });
        }
        break;
      case 0x080:
      case 0x084:
        half(queue.desc);
        break;
      case 0x090:
      case 0x094:
        half(queue.driver);
        break;
      case 0x0a0:
      case 0x0a4:
        half(queue.device);
        break;
    }
  }

  /** Bits are only ever added, until 0 resets the device. FEATURES_OK stays clear if the features cannot be had (3.1.1). */
  #writeStatus(value: number): void {
    const { state } = this;
    if (value === 0) return this.reset();
    let added = value & (ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED);
    const { driverFeatures: [low, high] } = state;
    const acceptable = !(low & ~this.#offered[0]) && !(high & ~this.#offered[1]) && this.#has(VERSION_1);
    if (!acceptable) added &= ~FEATURES_OK;
    if (!((state.status | added) & FEATURES_OK)) added &= ~DRIVER_OK;
    state.status |= added;
  }

  #selected(): QueueState | undefined {
    return this.state.queues[this.state.queueSel];
  }

  #queue(index: number): QueueState {
    return this.state.queues[index];
  }

  /** Whether a queue exists, was handed over, and the device works. */
  #runs(queue: number): boolean {
    const { status, queues } = this.state;
    return (status & (DRIVER_OK | NEEDS_RESET)) === DRIVER_OK && queues[queue]?.ready === true;
  }

  #has(feature: number): boolean {
    return (this.state.driverFeatures[feature >> 5] & (1 << (feature & 31))) !== 0;
  }

  #features(): QueueFeatures {
    return { indirect: this.#has(INDIRECT_DESC), eventIdx: this.#has(EVENT_IDX) };
  }

  /** Lets a result through; a malformed ring stops the device. */
  #checked<Result>(result: Result | Malformed): Result | undefined {
    if (!isMalformed(result)) return result;
    this.#fail(result.malformed);
    return undefined;
  }

  #fail(reason: string): void {
    if (this.state.status & NEEDS_RESET) return;
    this.#log(`The driver broke the rules of virtio: ${reason}; the device stops until it is reset`);
    this.state.status |= NEEDS_RESET;
    if (this.state.status & DRIVER_OK) this.#interrupt(CONFIG_CHANGE);
  }

  #configChanged(): void {
    this.state.configGeneration = (this.state.configGeneration + 1) >>> 0;
    if (this.state.status & DRIVER_OK) this.#interrupt(CONFIG_CHANGE);
  }

  #interrupt(cause: number): void {
    this.state.interruptStatus |= cause;
    this.#irq.set(true);
  }
}

/** Feature bits as two words. */
function featureWords(bits: readonly number[]): [number, number] {
  const words: [number, number] = [0, 0];
  for (const bit of bits) words[bit >> 5] |= 1 << (bit & 31);
  return words;
}

/** Sizes of split queues are powers of two. */
function isQueueSize(size: number, largest: number): boolean {
  return size > 0 && size <= largest && (size & (size - 1)) === 0;
}

function isMalformed(result: unknown): result is Malformed {
  return typeof result === "object" && result !== null && "malformed" in result;
}
