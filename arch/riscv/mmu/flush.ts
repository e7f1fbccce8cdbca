/**
 * Which translation tables are in use, and what becomes stale when: modes, CSR writes, fences (Privileged ISA, "Supervisor
 * Memory-Management Fence Instruction"; "Svinval"; Hypervisor extension, "Hypervisor Memory-Management Fence Instructions").
 *
 * The tables and the cache of first-stage tables only hold entries of the current ASID and VMID; they are emptied when those change.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import { MPP_SHIFT, Status, StatusHigh } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { Privilege } from "../trap/mode.ts";
import { Access } from "./pte.ts";
import { ALL_BANKS, Bank, SUPERVISOR_BANKS, type Tlb, VIRTUAL_BANKS } from "./tlb.ts";
import type { Translator } from "./translator.ts";

/** Fields of the CSRs that decide about translation, beside PMP. */
const WATCHED: readonly number[] = [FIELD.satp, FIELD.vsatp, FIELD.hgatp, FIELD.menvcfg, FIELD.henvcfg];

/** Bits in {@link WATCHED} order: what {@link Flusher.translationChanged} found. */
const Changed = { SATP: 1, VSATP: 2, HGATP: 4, MENVCFG: 8, HENVCFG: 16 } as const;

/** The part of the MMU that keeps its caches true. */
export class Flusher {
  /** Bank that loads and stores use. */
  protected dataBank: number = Bank.MACHINE;
  /** Bank that fetches use. */
  protected fetchBank: number = Bank.MACHINE;
  readonly #hart: Hart;
  readonly #tlb: Tlb;
  readonly #translator: Translator;
  readonly #seen = new Int32Array(WATCHED.length * 2);
  /** What the entries of the odd bank mean: mode, SUM and both MXR bits. */
  #oddMeaning = -1;

  /** Made by `Mmu`. */
  constructor(hart: Hart, tlb: Tlb, translator: Translator) {
    this.#hart = hart;
    this.#tlb = tlb;
    this.#translator = translator;
  }

  /** Privilege, V, or one of MPRV, MPP, MPV, SUM, MXR of mstatus and vsstatus changed: switches tables. */
  modeChanged(): void {
    const { state } = this.#hart;
    const privilege = state.word(FIELD.privilege);
    const virtual = state.word(FIELD.virtual);
    const status = state.low(FIELD.mstatus);
    this.fetchBank = plainBank(privilege, virtual);
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

  /** One of satp, vsatp, hgatp, menvcfg, henvcfg or the PMP was written: forgets what that makes stale, if its value changed. */
  translationChanged(): void {
    const changed = this.#findChanges();
    if (this.#translator.pmp?.update() || (changed & Changed.MENVCFG) !== 0) return this.#flushEverything();
    if ((changed & Changed.SATP) !== 0) this.#flushSupervisor();
    if ((changed & Changed.HGATP) !== 0) this.#flushNested();
    else if ((changed & (Changed.VSATP | Changed.HENVCFG)) !== 0) this.#flushVirtual();
  }

  /** SFENCE.VMA or SINVAL.VMA: the first stage of the current mode, with V=1 that of the current VMID. */
  sfenceVma(vaLow: number, vaHigh: number, hasAddress: boolean, asid: number, hasAsid: boolean): void {
    if (this.#hart.state.word(FIELD.virtual) !== 0) {
      this.hfenceVvma(vaLow, vaHigh, hasAddress, asid, hasAsid);
    } else if (!hasAsid || asid === this.#asid(FIELD.satp)) {
      if (!hasAddress) return this.#flushSupervisor();
      this.#tlb.flushAddress(SUPERVISOR_BANKS, vaLow, vaHigh);
      this.#translator.first.flushAddress(vaLow, vaHigh, false);
    }
  }

  /** HFENCE.VVMA or HINVAL.VVMA: the VS-stage of the current VMID. */
  hfenceVvma(vaLow: number, vaHigh: number, hasAddress: boolean, asid: number, hasAsid: boolean): void {
    if (hasAsid && asid !== this.#asid(FIELD.vsatp)) return;
    if (!hasAddress) return this.#flushVirtual();
    this.#tlb.flushAddress(VIRTUAL_BANKS, vaLow, vaHigh);
    this.#translator.first.flushAddress(vaLow, vaHigh, true);
  }

  /**
   * HFENCE.GVMA or HINVAL.GVMA. The address (guest-physical, shifted right by 2) does not narrow it: nobody knows which virtual
   * addresses lead there.
   */
  hfenceGvma(_gpaLow: number, _gpaHigh: number, _hasAddress: boolean, vmid: number, hasVmid: boolean): void {
    if (!hasVmid || vmid === this.#vmid()) this.#flushNested();
  }

  /** The VM changed what lies at physical addresses: the G-stage table in guest mode, the physical map itself in machine mode. */
  nestedChanged(): void {
    if (this.#hart.options.mode === "guest") this.#flushNested();
    else this.#flushEverything();
  }

  /** Forgets everything and takes all CSRs over: after a reset or a restored snapshot. */
  flushAll(): void {
    this.#findChanges();
    this.#translator.pmp?.update();
    this.#flushEverything();
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
    this.#tlb.flush(ALL_BANKS);
    this.#translator.first.flush();
    this.#translator.first.flushVirtual();
    this.#translator.nested.flush();
  }

  #flushSupervisor(): void {
    this.#tlb.flush(SUPERVISOR_BANKS);
    this.#translator.first.flush();
  }

  #flushNested(): void {
    this.#translator.nested.flush();
    this.#flushVirtual();
  }

  #flushVirtual(): void {
    this.#tlb.flush(VIRTUAL_BANKS);
    this.#translator.first.flushVirtual();
  }

  #bankFor(privilege: number, virtual: number, status: number): number {
    if (privilege === Privilege.M) return Bank.MACHINE;
    const own = virtual !== 0 ? this.#hart.state.low(FIELD.vsstatus) : status;
    if (((own | status) & Status.MXR) !== 0) return this.#oddBank(privilege, virtual, own, status);
    const bank = plainBank(privilege, virtual);
    return privilege === Privilege.S && (own & Status.SUM) !== 0 ? bank + 1 : bank;
  }

  #oddBank(privilege: number, virtual: number, own: number, status: number): number {
    const meaning = privilege | virtual << 2 | (own & (Status.SUM | Status.MXR)) | (status & Status.MXR) << 1;
    if (meaning !== this.#oddMeaning) {
      this.#oddMeaning = meaning;
      this.#tlb.flush(1 << Bank.ODD);
    }
    return Bank.ODD;
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

  #asid(field: number): number {
    return (this.#hart.state.high(field) >>> 12) & 0xffff;
  }

  #vmid(): number {
    return (this.#hart.state.high(FIELD.hgatp) >>> 12) & 0x3fff;
  }
}

/** Bank of a mode with neither SUM nor MXR. */
function plainBank(privilege: number, virtual: number): number {
  if (privilege === Privilege.M) return Bank.MACHINE;
  if (virtual !== 0) return privilege === Privilege.U ? Bank.VIRTUAL_USER : Bank.VIRTUAL_SUPERVISOR;
  return privilege === Privilege.U ? Bank.USER : Bank.SUPERVISOR;
}
