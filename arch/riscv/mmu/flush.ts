/**
 * Which translation tables are in use, and what becomes stale when: modes, CSR writes, fences (Privileged ISA, "Supervisor
 * Memory-Management Fence Instruction"; "Svinval"; Hypervisor extension, "Hypervisor Memory-Management Fence Instructions").
 *
 * Which address spaces there are entries of is kept by `contexts.ts`; the cache of the second stage only holds the current VMID's.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import { MPP_SHIFT, Status, StatusHigh } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { ContextBank, MACHINE_BANK } from "./area.ts";
import { Privilege } from "../trap/mode.ts";
import type { CodePageTracker } from "./code_page_tracker.ts";
import { ANY, Contexts } from "./contexts.ts";
import { Access } from "./pte.ts";
import type { Tlb, TlbCounts } from "./tlb.ts";
import type { Translator } from "./translator.ts";

/** Fields of the CSRs that decide about translation, beside PMP. */
const WATCHED: readonly number[] = [FIELD.satp, FIELD.vsatp, FIELD.hgatp, FIELD.menvcfg, FIELD.henvcfg];

/** Bits in {@link WATCHED} order: what {@link Flusher.translationChanged} found. */
const Changed = { SATP: 1, VSATP: 2, HGATP: 4, MENVCFG: 8, HENVCFG: 16 } as const;

/** The part of the MMU that keeps its caches true. */
export class Flusher {
  /** Bank that loads and stores use. */
  protected dataBank: number = MACHINE_BANK;
  /** Bank that fetches use. */
  protected fetchBank: number = MACHINE_BANK;
  readonly #hart: Hart;
  readonly #tlb: Tlb;
  readonly #translator: Translator;
  readonly #contexts: Contexts;
  readonly #codePages: CodePageTracker;
  readonly #seen = new Int32Array(WATCHED.length * 2);

  /** Made by `Mmu`. */
  constructor(hart: Hart, tlb: Tlb, translator: Translator, codePages: CodePageTracker, contexts: number) {
    this.#hart = hart;
    this.#tlb = tlb;
    this.#translator = translator;
    this.#codePages = codePages;
    this.#contexts = new Contexts(tlb, translator.first, MACHINE_BANK + 1, contexts);
  }

  /** What generated code calls first when it misses: (va, access) -> 1 if the page was entered for the hart in the window. */
  get refill(): (va: bigint, access: number) => number {
    return this.#tlb.refill;
  }

  /** How often translation tables were filled and emptied. */
  get tlbCounts(): Readonly<TlbCounts> {
    return this.#tlb.counts;
  }

  /** Privilege, V, or one of MPRV, MPP, MPV, SUM, MXR of mstatus and vsstatus changed: switches tables. */
  modeChanged(): void {
    const { state } = this.#hart;
    const privilege = state.word(FIELD.privilege);
    const virtual = state.word(FIELD.virtual);
    const status = state.low(FIELD.mstatus);
    this.fetchBank = this.#plainBank(privilege, virtual);
    if (privilege === Privilege.M && (status & Status.MPRV) !== 0) {
      const previous = (status & Status.MPP) >> MPP_SHIFT;
      const previousVirtual = (state.high(FIELD.mstatus) & StatusHigh.MPV) !== 0 ? 1 : 0;
      this.dataBank = this.#bankFor(previous, previous === Privilege.M ? 0 : previousVirtual, status);
    } else {
      this.dataBank = this.#bankFor(privilege, virtual, status);
    }
    state.setWord(FIELD.readTable, this.#tlb.table(this.dataBank, Access.READ));
    state.setWord(FIELD.writeTable, this.#tlb.table(this.dataBank, Access.WRITE));
    state.setWord(FIELD.fetchTable, this.#tlb.table(this.fetchBank, Access.EXECUTE));
  }

  /**
   * One of satp, vsatp, hgatp, menvcfg, henvcfg was written: goes to the address spaces that they name, and forgets what their new values
   * make stale.
   */
  translationChanged(): void {
    const changed = this.#findChanges();
    if (changed === 0) return;
    if ((changed & Changed.MENVCFG) !== 0) this.#flushEverything();
    if ((changed & Changed.HENVCFG) !== 0) this.#contexts.forget(true, ANY, ANY);
    if ((changed & Changed.HGATP) !== 0) this.#translator.nested.flush();
    this.#useContexts(changed);
    this.modeChanged();
  }

  /** The PMP was written. */
  protectionChanged(): void {
    if (this.#translator.pmp?.update()) this.#flushEverything();
  }

  /** SFENCE.VMA or SINVAL.VMA: the first stage of the current mode, with V=1 that of the current VMID. */
  sfenceVma(vaLow: number, vaHigh: number, hasAddress: boolean, asid: number, hasAsid: boolean): void {
    if (this.#hart.state.word(FIELD.virtual) !== 0) this.hfenceVvma(vaLow, vaHigh, hasAddress, asid, hasAsid);
    else this.#fence(false, 0, vaLow, vaHigh, hasAddress, hasAsid ? asid : ANY);
  }

  /** HFENCE.VVMA or HINVAL.VVMA: the VS-stage of the current VMID. */
  hfenceVvma(vaLow: number, vaHigh: number, hasAddress: boolean, asid: number, hasAsid: boolean): void {
    this.#fence(true, this.#vmid(), vaLow, vaHigh, hasAddress, hasAsid ? asid : ANY);
  }

  /**
   * HFENCE.GVMA or HINVAL.GVMA. The address (guest-physical, shifted right by 2) does not narrow it: nobody knows which virtual
   * addresses lead there.
   */
  hfenceGvma(_gpaLow: number, _gpaHigh: number, _hasAddress: boolean, vmid: number, hasVmid: boolean): void {
    if (!hasVmid || vmid === this.#vmid()) this.#translator.nested.flush();
    this.#contexts.forget(true, hasVmid ? vmid : ANY, ANY);
  }

  /** The VM changed what lies at physical addresses: the G-stage table in guest mode, the physical map itself in machine mode. */
  nestedChanged(): void {
    if (this.#hart.options.mode !== "guest") return this.#flushEverything();
    this.#translator.nested.flush();
    this.#contexts.forget(true, ANY, ANY);
  }

  /** Forgets everything and takes all CSRs over: after a reset or a restored snapshot. */
  flushAll(): void {
    this.#hart.state.setWord(FIELD.mmuArea, this.#tlb.area);
    this.#hart.state.setWord(FIELD.recordTable, this.#codePages.table);
    this.#hart.state.setWord(FIELD.walksTables, this.#hart.options.mode === "guest" ? 1 : 0);
    this.#findChanges();
    this.#translator.pmp?.update();
    this.#flushEverything();
    this.#useContexts(Changed.SATP | Changed.VSATP);
  }

  /**
   * No write entry may be used any more: a page became code, or writes shall be noticed anew.
   *
   * @param hostPage If given, only entries that lead to this host page
   */
  dropWrites(hostPage?: HostPhysAddr): void {
    if (hostPage === undefined) this.#tlb.drop(Access.WRITE);
    else this.#tlb.dropWritesTo(hostPage);
  }

  /** No fetch entry may be used any more: decoded records moved. */
  dropFetches(): void {
    this.#tlb.drop(Access.EXECUTE);
  }

  #flushEverything(): void {
    this.#tlb.flush(MACHINE_BANK);
    this.#translator.nested.flush();
    this.#contexts.forget(false, ANY, ANY);
    this.#contexts.forget(true, ANY, ANY);
  }

  #fence(virtual: boolean, vmid: number, vaLow: number, vaHigh: number, hasAddress: boolean, asid: number): void {
    if (hasAddress) this.#contexts.forgetAddress(virtual, vmid, asid, vaLow, vaHigh);
    else this.#contexts.forget(virtual, vmid, asid);
  }

  #useContexts(changed: number): void {
    const { state } = this.#hart;
    if ((changed & Changed.SATP) !== 0) this.#contexts.useSupervisor(state.low(FIELD.satp), state.high(FIELD.satp));
    if ((changed & (Changed.VSATP | Changed.HGATP)) === 0) return;
    const { vsatp, hgatp } = FIELD;
    this.#contexts.useGuest(state.low(vsatp), state.high(vsatp), state.low(hgatp), state.high(hgatp));
  }

  #bankFor(privilege: number, virtual: number, status: number): number {
    if (privilege === Privilege.M) return MACHINE_BANK;
    const own = virtual !== 0 ? this.#hart.state.low(FIELD.vsstatus) : status;
    if (((own | status) & Status.MXR) !== 0) {
      const context = virtual !== 0 ? this.#contexts.guest : this.#contexts.supervisor;
      const meaning = privilege | (own & (Status.SUM | Status.MXR)) | (status & Status.MXR) << 1;
      return this.#contexts.oddBank(context, meaning);
    }
    const bank = this.#plainBank(privilege, virtual);
    if (privilege !== Privilege.S || (own & Status.SUM) === 0) return bank;
    return bank + ContextBank.SUPERVISOR_SUM - ContextBank.SUPERVISOR;
  }

  /** Bank of a mode with neither SUM nor MXR. */
  #plainBank(privilege: number, virtual: number): number {
    if (privilege === Privilege.M) return MACHINE_BANK;
    const { bank } = virtual !== 0 ? this.#contexts.guest : this.#contexts.supervisor;
    return bank + (privilege === Privilege.U ? ContextBank.USER : ContextBank.SUPERVISOR);
  }

  /** Compares the watched CSRs with what they were; one `Changed` bit each. */
  #findChanges(): number {
    const { state } = this.#hart;
    let changed = 0;
    for (let i = 0; i < WATCHED.length; i++) {
      const low = state.low(WATCHED[i]);
      const high = state.high(WATCHED[i]);
      if (this.#seen[i * 2] === low && this.#seen[i * 2 + 1] === high) continue;
      this.#seen[i * 2] = low;
      this.#seen[i * 2 + 1] = high;
      changed |= 1 << i;
    }
    return changed;
  }

  #vmid(): number {
    return (this.#hart.state.high(FIELD.hgatp) >>> 12) & 0x3fff;
  }
}
