/**
 * The MMU of a hart as engines, CSRs, traps and hypervisor see it: slow paths of memory accesses, and flushes (Privileged ISA,
 * "Supervisor-Level ISA"; Hypervisor extension, "Two-Stage Address Translation").
 *
 * Generated code looks an address up in the tables of `tlb.ts` and calls in here when it misses.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import type { Hart, HartMmu } from "../hart.ts";
import { ExitRequest, STAGING } from "../layout.ts";
import { Cause } from "../trap/causes.ts";
import { raiseGuestPageFault, raiseMemoryFault } from "../trap/deliver.ts";
import type { CodePageTracker } from "./code_page_tracker.ts";
import { CurrentInstruction } from "./current_instruction.ts";
import { Devices, DeviceStore, NO_BANK, NO_DEVICE } from "./devices.ts";
import { FaultKind } from "./fault.ts";
import { Flusher } from "./flush.ts";
import { transformed } from "./instruction_bits.ts";
import { Access, Pte } from "./pte.ts";
import { MISS, Tlb } from "./tlb.ts";
import { Translator } from "./translator.ts";

const PAGE = 4096;
const OFFSET = PAGE - 1;

/** Translation and memory access of one hart. Addresses are (low, high) pairs; sizes are 1, 2, 4 or 8 bytes. */
export class Mmu extends Flusher implements HartMmu {
  readonly #hart: Hart;
  readonly #codePages: CodePageTracker;
  readonly #tlb: Tlb;
  readonly #translator: Translator;
  readonly #current: CurrentInstruction;
  readonly #devices: Devices;
  /** Low half of the address of the access in progress: a crossing access may fault at a later one. */
  #accessLow = 0;
  /**
   * Makes the MMU of a hart.
   *
   * @param codePages Which pages hold decoded code
   * @param area `mmuAreaSize(contexts)` zeroed bytes, see `MmuArea`
   * @param contexts Address spaces that have tables
   */
  constructor(hart: Hart, codePages: CodePageTracker, area: HostPhysAddr, contexts: number) {
    const tlb = new Tlb(hart.memory, area, contexts);
    const translator = new Translator(hart, area, codePages);
    super(hart, tlb, translator, codePages, contexts);
    this.#hart = hart;
    this.#codePages = codePages;
    this.#tlb = tlb;
    this.#translator = translator;
    this.#current = new CurrentInstruction(hart, tlb, translator);
    this.#devices = new Devices(hart, tlb, translator, this.#current);
  }

  /**
   * Prepares a load that missed.
   *
   * @returns host address where `size` bytes can be read, possibly misaligned; -1 after a trap or a request to leave
   */
  loadAddress(vaLow: number, vaHigh: number, size: number): HostPhysAddr | -1 {
    const known = this.#devices.loadKnown(this.dataBank, this.fetchBank, vaLow, vaHigh, size);
    if (known !== NO_DEVICE) return known;
    this.#translator.useData();
    return this.#load(vaLow, vaHigh, size, true);
  }

  /** Does a store that missed; false after a trap or a request to leave, with nothing written. */
  storeValue(vaLow: number, vaHigh: number, low: number, high: number, size: number): boolean {
    const known = this.#devices.storeKnown(this.dataBank, this.fetchBank, vaLow, vaHigh, low, high, size);
    if (known !== DeviceStore.NONE) return known === DeviceStore.DONE;
    this.#translator.useData();
    return this.#store(vaLow, vaHigh, low, high, size, true);
  }

  /**
   * Prepares an AMO or SC that missed; -1 after a trap. The page may be one of code: the engine reports what it wrote to the
   * `CodePageTracker` after every access that came here.
   */
  amoAddress(vaLow: number, vaHigh: number, size: number): HostPhysAddr | -1 {
    return this.#atomic(vaLow, vaHigh, size, Access.WRITE, Cause.STORE_MISALIGNED);
  }

  /**
   * Zeroes the aligned block that holds an address; faults as a store of the byte there.
   *
   * @param size Bytes of the block, a power of two
   * @returns false after a trap
   */
  zeroBlock(vaLow: number, vaHigh: number, size: number): boolean {
    const distance = this.#tlb.peekData(this.dataBank, Access.WRITE, vaLow, vaHigh);
    const hit = distance !== MISS;
    const host = hit ? (vaLow + distance) >>> 0 : this.#writableBlock(vaLow, vaHigh, size);
    if (host === -1) return false;
    const block = host - host % size;
    const words = this.#hart.memory.i32;
    for (let word = block / 4; word < (block + size) / 4; word++) words[word] = 0;
    if (!hit) this.#codePages.written(block, size);
    return true;
  }

  /**
   * Whether the aligned block that holds an address may be managed: by who may load from it or store to it.
   *
   * @param size Bytes of the block, a power of two
   * @returns false after a trap, that of a store to the byte there
   */
  manageBlock(vaLow: number, vaHigh: number, size: number): boolean {
    const translator = this.#translator;
    translator.useData();
    const readable = translator.peek(vaLow, vaHigh, Access.READ, 1) && translator.hostFrame >= 0 &&
      translator.allowsBlock(vaLow, size, Access.READ);
    return readable || this.#writableBlock(vaLow, vaHigh, size) !== -1;
  }

  /** Prepares an LR that missed; -1 after a trap. */
  reserveAddress(vaLow: number, vaHigh: number, size: number): HostPhysAddr | -1 {
    return this.#atomic(vaLow, vaHigh, size, Access.READ, Cause.LOAD_MISALIGNED);
  }

  /** Host address of the page to fetch from, -1 after a trap. */
  fetchPage(vaLow: number, vaHigh: number): HostPhysAddr | -1 {
    const translator = this.#translator;
    translator.useFetch();
    this.#accessLow = vaLow;
    if (!translator.translate(vaLow, vaHigh, Access.EXECUTE, 2)) return this.#raise(vaLow, vaHigh, Access.EXECUTE);
    if (translator.hostFrame < 0) return this.#raiseAccess(vaLow, vaHigh, Access.EXECUTE);
    return translator.hostFrame * PAGE;
  }

  /** Host address of the page to fetch from if the fetch table has it, else -1. Nothing is looked up. */
  cachedFetchPage(vaLow: number, vaHigh: number): HostPhysAddr | -1 {
    return this.#tlb.peekFetch(this.fetchBank, vaLow, vaHigh);
  }

  /** Whether the page that {@link fetchPage} found last may be executed as a whole, not just the two bytes that were asked for. */
  get fetchIsWhole(): boolean {
    return this.#translator.cacheable;
  }

  /** Enters the page that {@link fetchPage} found last into the fetch table. */
  fillFetch(vaLow: number, vaHigh: number, hostPage: HostPhysAddr, recordsAddress: HostPhysAddr): void {
    const { cacheable, shift } = this.#translator;
    if (cacheable) this.#tlb.fill(this.fetchBank, Access.EXECUTE, vaLow, vaHigh, recordsAddress, hostPage, shift);
  }

  /**
   * Reads for HLV and HLVX.
   *
   * @param executable HLVX
   * @returns like {@link loadAddress}
   */
  guestLoad(vaLow: number, vaHigh: number, size: number, executable: boolean): HostPhysAddr | -1 {
    this.#translator.useGuest(executable);
    return this.#load(vaLow, vaHigh, size, false);
  }

  /** Writes for HSV; like {@link storeValue}. */
  guestStore(vaLow: number, vaHigh: number, low: number, high: number, size: number): boolean {
    this.#translator.useGuest(false);
    return this.#store(vaLow, vaHigh, low, high, size, false);
  }

  /**
   * Guest-physical address of what a guest's supervisor means by a virtual one, for hypervisor calls that pass pointers.
   *
   * @returns Below 0, minus the exception code of the fault that a load there would raise
   */
  guestPhysical(vaLow: number, vaHigh: number): number {
    return this.#translator.peekGuestPhysical(vaLow, vaHigh);
  }

  /**
   * Translates as the current mode would, without side effects: for debuggers.
   *
   * @param access A kind of `Access`: 0 read, 1 write, 2 execute
   * @returns host address, undefined if there is a fault or no RAM
   */
  debugTranslate(va: bigint, access: number): HostPhysAddr | undefined {
    const translator = this.#translator;
    if (access === Access.EXECUTE) translator.useFetch();
    else translator.useData();
    const low = Number(BigInt.asIntN(32, va));
    if (!translator.peek(low, Number(BigInt.asIntN(32, va >> 32n)), access, 1)) return undefined;
    return translator.hostFrame < 0 ? undefined : translator.hostFrame * PAGE + (low & OFFSET);
  }

  /** The instruction at pc as 32 bits, expanded if compressed, 0 if it cannot be read; {@link instructionLength} tells its length. */
  currentInstruction(): number {
    return this.#current.read(this.fetchBank);
  }

  /** Bytes of the instruction that {@link currentInstruction} found. */
  get instructionLength(): 2 | 4 {
    return this.#current.length;
  }

  /** The VM changed what lies at physical addresses. */
  override nestedChanged(): void {
    super.nestedChanged();
    this.nestedGained();
  }

  /** The VM put memory where none was. What a run relies on may be other than it was, so it ends. */
  nestedGained(): void {
    this.#devices.mappingsChanged();
    this.#hart.requestExit(ExitRequest.RESCHEDULE);
  }

  #load(vaLow: number, vaHigh: number, size: number, fill: boolean): HostPhysAddr | -1 {
    const translator = this.#translator;
    const offset = vaLow & OFFSET;
    this.#accessLow = vaLow;
    if (offset + size > PAGE) return this.#loadCrossing(vaLow, vaHigh, size, fill);
    const found = translator.translate(vaLow, vaHigh, Access.READ, size);
    if (!found || translator.hostFrame < 0) {
      const host = this.#devices.load(found, fill ? this.dataBank : NO_BANK, this.fetchBank, vaLow, vaHigh, size);
      if (host !== NO_DEVICE) return host;
      return found ? this.#leaveRam(vaLow, vaHigh, size, Access.READ) : this.#raise(vaLow, vaHigh, Access.READ);
    }
    if (fill && translator.cacheable) this.#fillData(vaLow, vaHigh);
    return translator.hostFrame * PAGE + offset;
  }

  #store(vaLow: number, vaHigh: number, low: number, high: number, size: number, fill: boolean): boolean {
    const translator = this.#translator;
    const offset = vaLow & OFFSET;
    this.#accessLow = vaLow;
    if (offset + size > PAGE) return this.#storeCrossing(vaLow, vaHigh, low, high, size, fill);
    const found = translator.translate(vaLow, vaHigh, Access.WRITE, size);
    if (!found || translator.hostFrame < 0) {
      const bank = fill ? this.dataBank : NO_BANK;
      const done = this.#devices.store(found, bank, this.fetchBank, vaLow, vaHigh, low, high, size);
      if (done !== DeviceStore.NONE) return done === DeviceStore.DONE;
      this.#hart.mmio.low = low;
      this.#hart.mmio.high = high;
      if (found) this.#leaveRam(vaLow, vaHigh, size, Access.WRITE);
      else this.#raise(vaLow, vaHigh, Access.WRITE);
      return false;
    }
    const host = translator.hostFrame * PAGE + offset;
    this.#write(host, low, high, size);
    if (fill && translator.cacheable) this.#fillData(vaLow, vaHigh);
    return true;
  }

  #atomic(vaLow: number, vaHigh: number, size: number, access: number, misaligned: number): HostPhysAddr | -1 {
    const translator = this.#translator;
    translator.useData();
    this.#accessLow = vaLow;
    if ((vaLow & (size - 1)) !== 0) {
      raiseMemoryFault(this.#hart, misaligned, vaLow, vaHigh, translator.virtual);
      return -1;
    }
    if (!translator.translate(vaLow, vaHigh, access, size)) return this.#raise(vaLow, vaHigh, access);
    if (translator.hostFrame < 0) return this.#atomicOutsideRam(vaLow, vaHigh, size, access);
    if (translator.cacheable) this.#fillData(vaLow, vaHigh);
    return translator.hostFrame * PAGE + (vaLow & OFFSET);
  }

  /** Host address of a byte whose block takes stores, -1 after a trap. */
  #writableBlock(vaLow: number, vaHigh: number, size: number): HostPhysAddr | -1 {
    const host = this.amoAddress(vaLow, vaHigh, 1);
    if (host === -1 || this.#translator.allowsBlock(vaLow, size, Access.WRITE)) return host;
    return this.#raiseAccess(vaLow, vaHigh, Access.WRITE);
  }

  /** Puts a load that crosses a page together in the staging bytes. */
  #loadCrossing(vaLow: number, vaHigh: number, size: number, fill: boolean): HostPhysAddr | -1 {
    const inFirst = PAGE - (vaLow & OFFSET);
    const first = this.#locate(vaLow, vaHigh, Access.READ, inFirst, fill);
    if (first < 0) return -1;
    const nextLow = (vaLow + inFirst) | 0;
    const nextHigh = nextLow === 0 ? (vaHigh + 1) | 0 : vaHigh;
    const second = this.#locate(nextLow, nextHigh, Access.READ, size - inFirst, fill);
    if (second < 0) return -1;
    const { u8 } = this.#hart.memory;
    const staging = this.#hart.state.base + STAGING;
    for (let i = 0; i < size; i++) u8[staging + i] = i < inFirst ? u8[first + i] : u8[second + i - inFirst];
    return staging;
  }

  /** Stores across a page boundary, once both pages are known to take it. */
  #storeCrossing(vaLow: number, vaHigh: number, low: number, high: number, size: number, fill: boolean): boolean {
    const inFirst = PAGE - (vaLow & OFFSET);
    const first = this.#locate(vaLow, vaHigh, Access.WRITE, inFirst, fill);
    if (first < 0) return false;
    const nextLow = (vaLow + inFirst) | 0;
    const nextHigh = nextLow === 0 ? (vaHigh + 1) | 0 : vaHigh;
    const second = this.#locate(nextLow, nextHigh, Access.WRITE, size - inFirst, fill);
    if (second < 0) return false;
    const { u8 } = this.#hart.memory;
    for (let i = 0; i < size; i++) {
      u8[i < inFirst ? first + i : second + i - inFirst] = i < 4 ? low >> (i * 8) : high >> (i * 8 - 32);
    }
    this.#noteWrite(first, inFirst);
    this.#noteWrite(second, size - inFirst);
    return true;
  }

  /** Host address of one part of a crossing access, which devices do not take; -1 after a trap. */
  #locate(vaLow: number, vaHigh: number, access: number, size: number, fill: boolean): HostPhysAddr | -1 {
    const translator = this.#translator;
    if (!translator.translate(vaLow, vaHigh, access, size)) return this.#raise(vaLow, vaHigh, access);
    if (translator.hostFrame < 0) return this.#raiseAccess(vaLow, vaHigh, access);
    if (fill && translator.cacheable) this.#fillData(vaLow, vaHigh);
    return translator.hostFrame * PAGE + (vaLow & OFFSET);
  }

  #write(host: HostPhysAddr, low: number, high: number, size: number): void {
    const { memory } = this.#hart;
    if ((host & (size - 1)) !== 0) {
      for (let i = 0; i < size; i++) memory.u8[host + i] = i < 4 ? low >> (i * 8) : high >> (i * 8 - 32);
    } else if (size >= 4) {
      memory.i32[host / 4] = low;
      if (size === 8) memory.i32[host / 4 + 1] = high;
    } else if (size === 2) {
      memory.u16[host / 2] = low;
    } else {
      memory.u8[host] = low;
    }
    this.#noteWrite(host, size);
  }

  #noteWrite(host: HostPhysAddr, size: number): void {
    if (this.#codePages.guard(host - (host & OFFSET)) !== 0) this.#codePages.written(host, size);
  }

  /** Enters the page just translated for loads, and for stores if those need no further check. */
  #fillData(vaLow: number, vaHigh: number): void {
    const { hostFrame, permissions, shift } = this.#translator;
    const hostPage = hostFrame * PAGE;
    const distance = (hostPage - (vaLow & -PAGE)) | 0;
    if ((permissions & Pte.R) !== 0) this.#tlb.fill(this.dataBank, Access.READ, vaLow, vaHigh, distance, 0, shift);
    if ((permissions & Pte.W) !== 0) {
      const guard = this.#codePages.guard(hostPage);
      this.#tlb.fill(this.dataBank, Access.WRITE, vaLow, vaHigh, distance, guard, shift);
    }
  }

  /** An AMO is a read and a write to a device; nothing can be reserved there, and it has no cache blocks (size 1). */
  #atomicOutsideRam(vaLow: number, vaHigh: number, size: number, access: number): -1 {
    if (access === Access.READ || size === 1) return this.#raiseAccess(vaLow, vaHigh, access);
    return this.#leaveRam(vaLow, vaHigh, size, access);
  }

  /** An access that found no RAM: in machine mode the VM finishes it, if it is one that a device can take. */
  #leaveRam(vaLow: number, vaHigh: number, size: number, access: number): -1 {
    if (this.#hart.options.mode !== "machine" || (vaLow & (size - 1)) !== 0) {
      return this.#raiseAccess(vaLow, vaHigh, access);
    }
    this.#hart.mmio.addr = this.#translator.frame * PAGE + (vaLow & OFFSET);
    this.#hart.mmio.width = size as 1 | 2 | 4 | 8;
    this.#hart.mmio.write = access === Access.WRITE;
    return this.#leave(ExitRequest.MMIO, vaLow, vaHigh, access);
  }

  #leave(request: number, vaLow: number, vaHigh: number, access: number): -1 {
    const { mmio } = this.#hart;
    mmio.access = access as 0 | 1 | 2;
    mmio.virtual = this.#translator.virtual;
    mmio.vaLow = vaLow;
    mmio.vaHigh = vaHigh;
    this.#hart.requestExit(request);
    return -1;
  }

  #raiseAccess(vaLow: number, vaHigh: number, access: number): -1 {
    this.#translator.fault.plain(FaultKind.ACCESS);
    return this.#raise(vaLow, vaHigh, access);
  }

  /** Raises the exception for the fault that the translator noted, or leaves to the VM if it is none of the guest's. */
  #raise(vaLow: number, vaHigh: number, access: number): -1 {
    const { fault, virtual } = this.#translator;
    if (fault.kind === FaultKind.HOST) {
      this.#hart.mmio.addr = fault.hostAddress;
      this.#hart.mmio.write = fault.hostWrite;
      return this.#leave(ExitRequest.NESTED_FAULT, vaLow, vaHigh, access);
    }
    const cause = fault.cause(access);
    if (fault.kind !== FaultKind.GUEST_PAGE) {
      raiseMemoryFault(this.#hart, cause, vaLow, vaHigh, virtual);
      return -1;
    }
    // To find the instruction may note another fault.
    const { guestLow, guestHigh } = fault;
    let tinst = fault.pseudo;
    if (tinst === 0 && access !== Access.EXECUTE) {
      const bits = this.currentInstruction();
      tinst = transformed(bits, this.instructionLength === 2, (vaLow - this.#accessLow) & 31);
    }
    raiseGuestPageFault(this.#hart, cause, vaLow, vaHigh, guestLow, guestHigh, tinst);
    return -1;
  }
}
