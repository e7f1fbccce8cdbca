/**
 * Loads and stores that reach devices inside a run, without a trap and without an exit (Privileged ISA, Hypervisor extension,
 * "Two-Stage Address Translation": accesses that no RAM is found for).
 *
 * Pages of devices are kept in the translation tables, under a tag that generated code does not take for RAM, so that what makes
 * translations stale makes these stale too. What the second stage gains counts as well: it may be RAM in a device's place.
 *
 * What a device does meanwhile may ask the engine to leave, but engines only look between some instructions. Then the instruction is
 * finished here, and the engine told that it was abandoned.
 *
 * @module
 */
import type { AccessWidth } from "../../../core/address.ts";
import type { HostPhysAddr } from "../../../core/address.ts";
import { decodeAccess, stepOver, writeLoaded } from "../access_instruction.ts";
import type { Hart, HartDevices } from "../hart.ts";
import { FIELD, STAGING } from "../layout.ts";
import type { CurrentInstruction } from "./current_instruction.ts";
import { FaultKind, Pseudo } from "./fault.ts";
import { Access } from "./pte.ts";
import type { Tlb } from "./tlb.ts";
import type { Translator } from "./translator.ts";

const PAGE = 4096;
const OFFSET = PAGE - 1;

/** In place of a host address: no device takes the access, nothing was done. */
export const NO_DEVICE = -2;

/** What became of a store: no device takes it and nothing was done; it is done and the instruction too, so leave; it is done. */
export const DeviceStore = { NONE: 0, LEAVE: 1, DONE: 2 } as const;

/** In place of a bank: the translation is not kept, and the instruction finishes itself, whatever is asked for. */
export const NO_BANK = -1;

/** Frames that a translation table can hold. */
const FRAMES = 2 ** 31;

/** How one hart reaches devices. */
export class Devices {
  readonly #hart: Hart;
  readonly #tlb: Tlb;
  readonly #translator: Translator;
  readonly #current: CurrentInstruction;
  readonly #devices: HartDevices | undefined;
  /** Counts changes of the second stage: entries of before do not count. */
  #era = 0;
  /** Bank that fetches use, {@link NO_BANK} if the instruction finishes itself. */
  #fetchBank = NO_BANK;
  /** The instruction that makes the access, as it lay in memory before; 0 if the fetch table does not tell. */
  #bits = 0;

  /** Made by `Mmu`. */
  constructor(hart: Hart, tlb: Tlb, translator: Translator, current: CurrentInstruction) {
    this.#hart = hart;
    this.#tlb = tlb;
    this.#translator = translator;
    this.#current = current;
    this.#devices = hart.host.devices;
  }

  /** Mappings behind the first stage changed, be it that there are more of them: what runs may rely on others. */
  mappingsChanged(): void {
    this.#era = (this.#era + 1) | 0;
  }

  /**
   * Loads from a page that is known to be a device's.
   *
   * @param bank The bank for data that is in use
   * @param fetchBank The bank for fetches that is in use
   * @returns Where the value is; -1 if the instruction is done and the engine must leave; {@link NO_DEVICE}
   */
  loadKnown(bank: number, fetchBank: number, vaLow: number, vaHigh: number, size: number): HostPhysAddr | -1 | -2 {
    const frame = this.#tlb.findDevice(bank, Access.READ, vaLow, vaHigh, this.#era);
    if (frame < 0 || (vaLow & (size - 1)) !== 0) return NO_DEVICE;
    this.#fetchBank = fetchBank;
    return this.#load(frame, vaLow, size);
  }

  /** Stores to a page that is known to be a device's; a {@link DeviceStore}. */
  storeKnown(
    bank: number,
    fetchBank: number,
    vaLow: number,
    vaHigh: number,
    low: number,
    high: number,
    size: number,
  ): number {
    const frame = this.#tlb.findDevice(bank, Access.WRITE, vaLow, vaHigh, this.#era);
    if (frame < 0 || (vaLow & (size - 1)) !== 0) return DeviceStore.NONE;
    this.#fetchBank = fetchBank;
    return this.#store(frame, vaLow, low, high, size);
  }

  /**
   * Loads where the translator has just found no RAM; like {@link loadKnown}.
   *
   * @param found What `translate` returned
   * @param bank The bank for data that is in use, or {@link NO_BANK}
   */
  load(
    found: boolean,
    bank: number,
    fetchBank: number,
    vaLow: number,
    vaHigh: number,
    size: number,
  ): HostPhysAddr | -1 | -2 {
    const frame = this.#frameOutside(found, vaLow, size);
    if (frame < 0) return NO_DEVICE;
    const { shift } = this.#translator;
    const era = this.#era;
    this.#fetchBank = bank === NO_BANK ? NO_BANK : fetchBank;
    const host = this.#load(frame, vaLow, size);
    if (host !== NO_DEVICE) this.#keep(bank, Access.READ, vaLow, vaHigh, frame, shift, era);
    return host;
  }

  /** Stores where the translator has just found no RAM; a {@link DeviceStore}. */
  store(
    found: boolean,
    bank: number,
    fetchBank: number,
    vaLow: number,
    vaHigh: number,
    low: number,
    high: number,
    size: number,
  ): number {
    const frame = this.#frameOutside(found, vaLow, size);
    if (frame < 0) return DeviceStore.NONE;
    const { shift } = this.#translator;
    const era = this.#era;
    this.#fetchBank = bank === NO_BANK ? NO_BANK : fetchBank;
    const done = this.#store(frame, vaLow, low, high, size);
    if (done !== DeviceStore.NONE) this.#keep(bank, Access.WRITE, vaLow, vaHigh, frame, shift, era);
    return done;
  }

  /** Physical frame that an access failed at for want of RAM; -1 if it failed otherwise, or no device can take it. */
  #frameOutside(found: boolean, vaLow: number, size: number): number {
    if (this.#devices === undefined || (vaLow & (size - 1)) !== 0) return -1;
    const frame = this.#hart.options.mode === "machine" ? this.#physicalFrame(found) : this.#guestFrame(found);
    return frame >= FRAMES || this.#devices.isRam(frame * PAGE) ? -1 : frame;
  }

  #physicalFrame(found: boolean): number {
    return found ? this.#translator.frame : -1;
  }

  /** In guest mode the second stage only maps RAM. */
  #guestFrame(found: boolean): number {
    const { kind, pseudo, guestLow, guestHigh } = this.#translator.fault;
    if (found || kind !== FaultKind.GUEST_PAGE || pseudo !== Pseudo.NONE) return -1;
    return (guestLow >>> 12) + (guestHigh >>> 0) * 0x100000;
  }

  #keep(
    bank: number,
    access: number,
    vaLow: number,
    vaHigh: number,
    frame: number,
    shift: number,
    era: number,
  ): void {
    if (bank === NO_BANK || !this.#translator.cacheable) return;
    this.#tlb.fillDevice(bank, access, vaLow, vaHigh, frame, era, shift);
  }

  #load(frame: number, vaLow: number, size: number): HostPhysAddr | -1 | -2 {
    const hart = this.#hart;
    const { access } = this.#devices!;
    this.#begin();
    const low = access.read(hart.options.id, frame * PAGE + (vaLow & OFFSET), size as AccessWidth);
    if (low < 0) return NO_DEVICE;
    const high = size === 8 ? access.high : 0;
    if (this.#mustLeave() && this.#finish(low, high)) return -1;
    const staging = hart.state.base + STAGING;
    hart.memory.i32[staging >>> 2] = low;
    hart.memory.i32[(staging >>> 2) + 1] = high;
    return staging;
  }

  #store(frame: number, vaLow: number, low: number, high: number, size: number): number {
    const { access } = this.#devices!;
    this.#begin();
    const address = frame * PAGE + (vaLow & OFFSET);
    if (!access.write(this.#hart.options.id, address, size as AccessWidth, low, high)) return DeviceStore.NONE;
    return this.#mustLeave() && this.#finish(low, high) ? DeviceStore.LEAVE : DeviceStore.DONE;
  }

  /** The device may change anything, the code too: what may be needed of the instruction is read before. */
  #begin(): void {
    this.#bits = this.#fetchBank === NO_BANK ? 0 : this.#current.peek(this.#fetchBank);
  }

  /** Whether somebody asks the engine or regions to leave. As an exit would, the access has ended a reservation. */
  #mustLeave(): boolean {
    const { state, options } = this.#hart;
    if (options.mode === "guest") state.setWord(FIELD.reservation, -1);
    return (state.word(FIELD.exitRequest) | state.word(FIELD.leaveRegions)) !== 0;
  }

  /**
   * Finishes the instruction: then pc is behind it.
   *
   * @returns false if it cannot be found any more: the engine finishes it, and leaves when it looks
   */
  #finish(low: number, high: number): boolean {
    if (this.#fetchBank === NO_BANK) return false;
    const hart = this.#hart;
    const current = this.#current;
    const bits = this.#bits !== 0 ? current.expand(this.#bits) : current.read(this.#fetchBank);
    const instruction = decodeAccess(bits, current.length);
    if (instruction === undefined) return false;
    if (instruction.kind === "load") {
      writeLoaded(hart, instruction, low, high, hart.state.word(FIELD.virtual) !== 0);
    }
    stepOver(hart, FIELD.pc, current.length);
    return true;
  }
}
