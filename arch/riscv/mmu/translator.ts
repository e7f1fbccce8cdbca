/**
 * Both stages and PMP in a row: from a virtual address and an access to a frame (Privileged ISA, "Virtual Address Translation
 * Process"; Hypervisor extension, "Two-Stage Address Translation").
 *
 * The access is described by fields that `use...` methods set, results stand in fields too: a refill allocates nothing.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import { HStatus, MPP_SHIFT, Status, StatusHigh } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { Privilege } from "../trap/mode.ts";
import type { CodePageTracker } from "./code_page_tracker.ts";
import { Fault, FaultKind, Pseudo } from "./fault.ts";
import { FirstStage } from "./first_stage.ts";
import { NestedStage } from "./nested_stage.ts";
import { Pmp } from "./pmp.ts";
import { Access, MODE_BARE, NEEDED, PHYSICAL_FRAMES, Pte, PTE_RWX } from "./pte.ts";
import { TableMemory } from "./table_memory.ts";

/** Translation for one hart. */
export class Translator {
  /** Why {@link translate} returned false. */
  readonly fault = new Fault();
  /** First stage; its caches are flushed by whoever owns this. */
  readonly first: FirstStage;
  /** Second stage; likewise. */
  readonly nested: NestedStage;
  /** PMP, if the hart has one. */
  readonly pmp: Pmp | undefined;
  /** Privilege of the access. */
  privilege = 0;
  /** Whether the address is a guest-virtual one. */
  virtual = false;

  /** Supervisor-physical frame number found. */
  frame = 0;
  /** Host frame number found, -1 if no RAM is there. */
  hostFrame = 0;
  /** What the same kind of user may do with the page without another walk, R, W, X bits. */
  permissions = 0;
  /** log2 of the bytes that the first-stage leaf maps. */
  shift = 12;
  /** Whether the result holds for the whole page. */
  cacheable = true;

  readonly #hart: Hart;
  readonly #tables: TableMemory;
  #executeOnly = false;
  #nestedMxr = false;

  /**
   * @param area Where `MmuArea` begins
   * @param codePages Hears of A and D bits that are set in pages of code
   */
  constructor(hart: Hart, area: HostPhysAddr, codePages: CodePageTracker) {
    this.#hart = hart;
    // In guest mode the machine below the guest is the hypervisor, which needs no protection from itself.
    this.pmp = hart.options.mode === "machine" ? new Pmp(hart.state) : undefined;
    this.#tables = new TableMemory(hart, this.pmp, codePages);
    this.nested = new NestedStage(hart, area, this.#tables, this.fault);
    this.first = new FirstStage(hart, this.nested, this.#tables, this.fault);
  }

  /** The next access is a load, store or AMO: MPRV counts. */
  useData(): void {
    const { state } = this.#hart;
    const privilege = state.word(FIELD.privilege);
    const status = state.low(FIELD.mstatus);
    if (privilege === Privilege.M && (status & Status.MPRV) !== 0) {
      const previous = (status & Status.MPP) >> MPP_SHIFT;
      const virtual = previous !== Privilege.M && (state.high(FIELD.mstatus) & StatusHigh.MPV) !== 0;
      this.#use(previous, virtual, status);
    } else {
      this.#use(privilege, state.word(FIELD.virtual) !== 0, status);
    }
  }

  /** The next access is an instruction fetch. */
  useFetch(): void {
    const { state } = this.#hart;
    this.#use(state.word(FIELD.privilege), state.word(FIELD.virtual) !== 0, 0);
  }

  /**
   * The next access is one of HLV, HLVX, HSV: as in VS-mode or VU-mode by hstatus.SPVP.
   *
   * @param executeOnly HLVX: execute permission takes the place of read permission
   */
  useGuest(executeOnly: boolean): void {
    const { state } = this.#hart;
    const privilege = (state.low(FIELD.hstatus) & HStatus.SPVP) === 0 ? Privilege.U : Privilege.S;
    this.#use(privilege, true, state.low(FIELD.mstatus));
    this.#executeOnly = executeOnly;
  }

  /**
   * Translates; false after a fault was noted in {@link fault}.
   *
   * @param access A kind of `Access`
   * @param size Bytes of the access, inside one page
   */
  translate(vaLow: number, vaHigh: number, access: number, size: number): boolean {
    const { first } = this;
    const field = this.virtual ? FIELD.vsatp : FIELD.satp;
    if (this.privilege === Privilege.M || this.#hart.state.high(field) >>> 28 === MODE_BARE) {
      this.shift = 12;
      this.permissions = PTE_RWX;
      if (this.virtual) return this.#second(vaLow, vaHigh, access, size);
      this.frame = (vaLow >>> 12) + (vaHigh >>> 0) * 0x100000;
      if (this.frame >= PHYSICAL_FRAMES) return this.fault.plain(FaultKind.ACCESS);
      this.hostFrame = this.#tables.hostFrame(this.frame);
      return this.pmp === undefined || this.#protect(vaLow, access, size, this.#tables.granted);
    }
    first.access = access;
    first.needed = this.#executeOnly ? Pte.X : NEEDED[access];
    if (!first.walk(vaLow, vaHigh)) return false;
    this.shift = first.shift;
    this.permissions = first.permissions;
    if (this.virtual) return this.#second(first.low, first.high, access, size);
    const frame = this.frame = (first.low >>> 12) + first.high * 0x100000;
    if (frame >= PHYSICAL_FRAMES) return this.fault.plain(FaultKind.ACCESS);
    this.hostFrame = this.#tables.hostFrame(frame);
    return this.pmp === undefined || this.#protect(vaLow, access, size, this.#tables.granted);
  }

  /** Whether PMP lets the whole aligned block around the address that was just translated be accessed, not just its byte. */
  allowsBlock(vaLow: number, size: number, access: number): boolean {
    if (this.cacheable) return true;
    const block = this.frame * 4096 + (vaLow & 4095 & -size);
    return (this.pmp!.allowed(block, size, this.privilege) & NEEDED[access]) !== 0;
  }

  /** Like {@link translate}, but changes nothing: no A and D bits, no caches. */
  peek(vaLow: number, vaHigh: number, access: number, size: number): boolean {
    this.#tables.peeking = true;
    const found = this.translate(vaLow, vaHigh, access, size);
    this.#tables.peeking = false;
    return found;
  }

  /**
   * Guest-physical address that a load by HLV would reach, by the first stage alone and without side effects; after a fault, minus
   * its exception code. What the second stage refuses of page tables is an access fault to the guest.
   */
  peekGuestPhysical(vaLow: number, vaHigh: number): number {
    const { first, fault } = this;
    this.useGuest(false);
    if (this.#hart.state.high(FIELD.vsatp) >>> 28 === MODE_BARE) return (vaHigh >>> 0) * 2 ** 32 + (vaLow >>> 0);
    first.access = Access.READ;
    first.needed = Pte.R;
    this.#tables.peeking = true;
    const found = first.walk(vaLow, vaHigh);
    this.#tables.peeking = false;
    if (found) return first.high * 0x100000000 + (first.low >>> 0);
    if (fault.kind === FaultKind.GUEST_PAGE) fault.plain(FaultKind.ACCESS);
    return -fault.cause(Access.READ);
  }

  #use(privilege: number, virtual: boolean, status: number): void {
    const { first } = this;
    this.privilege = privilege;
    this.virtual = virtual;
    this.#executeOnly = false;
    this.#nestedMxr = (status & Status.MXR) !== 0;
    const own = virtual ? this.#hart.state.low(FIELD.vsstatus) : status;
    first.virtual = virtual;
    first.user = privilege === Privilege.U;
    first.sum = (own & Status.SUM) !== 0;
    first.mxr = ((own | status) & Status.MXR) !== 0;
  }

  #second(low: number, high: number, access: number, size: number): boolean {
    const { nested } = this;
    const needed = this.#executeOnly ? Pte.X : NEEDED[access];
    if (!nested.translate(low, high, needed, this.#nestedMxr, Pseudo.NONE)) return false;
    const granted = nested.permissions;
    this.permissions &= this.#nestedMxr && (granted & Pte.X) !== 0 ? granted | Pte.R : granted;
    this.frame = nested.frame;
    this.hostFrame = nested.hostFrame;
    return this.pmp === undefined || this.#protect(low, access, size, nested.granted);
  }

  /**
   * PMP on the access itself, then what the VM grants. HLVX needs read permission here: it does not override PMP.
   *
   * @param granted What the VM lets the frame be used for, if it is RAM
   */
  #protect(low: number, access: number, size: number, granted: number): boolean {
    const pmp = this.pmp!;
    let allowed = pmp.allowedPage(this.frame * 4096, this.privilege);
    this.cacheable = allowed >= 0;
    if (allowed < 0) allowed = pmp.allowed(this.frame * 4096 + (low & 4095), size, this.privilege);
    if ((allowed & NEEDED[access]) === 0) return this.fault.plain(FaultKind.ACCESS);
    this.permissions &= allowed;
    if (this.hostFrame < 0 || granted === PTE_RWX) return true;
    this.permissions &= granted;
    if ((granted & NEEDED[access]) !== 0) return true;
    return this.fault.host(this.frame * 4096 + (low & 4095), access === Access.WRITE);
  }
}
