/**
 * The address spaces that a hart keeps translations of, each in banks of its own: who comes back to one finds its entries (Privileged ISA,
 * "Supervisor Address Translation and Protection Register", "Supervisor Memory-Management Fence Instruction"; Hypervisor extension,
 * "Hypervisor Guest Address Translation and Protection Register").
 *
 * No two have the same ASID, or the same ASID and VMID: another root under it empties the context, which is more than software may expect.
 * Global pages are in every context that met them, so a fence without an ASID reaches all contexts.
 *
 * @module
 */
import { ContextBank, TLB_CONTEXT_BANKS } from "./area.ts";
import type { FirstStage } from "./first_stage.ts";
import type { Tlb } from "./tlb.ts";

/** In place of an ASID or VMID: all of them. */
export const ANY = -1;

/** Generations of first-stage tables until their numbers are used anew. */
const GENERATIONS = 0x7fffffff;

/** One address space. */
export class Context {
  /** Whether it is one of vsatp and hgatp. */
  virtual = false;
  /** ASID. */
  asid = 0;
  /** VMID; 0 if it is one of satp. */
  vmid = 0;
  /** Low half of satp or vsatp. */
  low = 0;
  /** High half of satp or vsatp. */
  high = 0;
  /** Low half of hgatp; 0 if it is one of satp. */
  nestedLow = 0;
  /** High half of hgatp; 0 if it is one of satp. */
  nestedHigh = 0;
  /** What its first-stage tables are cached under. */
  generation = 0;
  /** What the odd bank's entries mean. */
  oddMeaning = -1;
  /** When it was chosen last, counted in choices; 0 if it was forgotten since. */
  lastUse = 0;
  /** Whether it must be emptied before it is used again. */
  stale = true;

  /** @param bank Its first bank */
  constructor(readonly bank: number) {}

  /** Whether it is one of those that a fence names. */
  matches(virtual: boolean, vmid: number, asid: number): boolean {
    return this.virtual === virtual && (vmid === ANY || this.vmid === vmid) && (asid === ANY || this.asid === asid);
  }
}

/** The contexts of one hart, two of them in use: satp's, and that of vsatp and hgatp. */
export class Contexts {
  /** The context of satp. */
  supervisor: Context;
  /** The context of vsatp and hgatp. */
  guest: Context;
  readonly #tlb: Tlb;
  readonly #first: FirstStage;
  readonly #all: readonly Context[];
  readonly #generations: number;
  #choices = 0;
  #lastGeneration = 0;

  /**
   * @param firstBank The first of their banks, TLB_CONTEXT_BANKS for each
   * @param count How many there are, at least TLB_LEAST_CONTEXTS
   * @param generations Numbers that first-stage tables can be cached under, for tests
   */
  constructor(tlb: Tlb, first: FirstStage, firstBank: number, count: number, generations = GENERATIONS) {
    this.#tlb = tlb;
    this.#first = first;
    this.#generations = generations;
    this.#all = Array.from({ length: count }, (_, i) => new Context(firstBank + i * TLB_CONTEXT_BANKS));
    [this.supervisor, this.guest] = this.#all;
    this.guest.virtual = true;
    for (const context of [this.supervisor, this.guest]) this.#empty(context);
  }

  /** satp has this value now. */
  useSupervisor(low: number, high: number): void {
    this.supervisor = this.#choose(false, low, high, 0, 0);
    this.#first.generation = this.supervisor.generation;
  }

  /** vsatp and hgatp have these values now. */
  useGuest(low: number, high: number, nestedLow: number, nestedHigh: number): void {
    this.guest = this.#choose(true, low, high, nestedLow, nestedHigh);
    this.#first.guestGeneration = this.guest.generation;
  }

  /** Bank of a context for loads and stores with an MXR bit: emptied if it meant something else. */
  oddBank(context: Context, meaning: number): number {
    const bank = context.bank + ContextBank.ODD;
    if (meaning !== context.oddMeaning) {
      context.oddMeaning = meaning;
      this.#tlb.flush(bank);
    }
    return bank;
  }

  /** Forgets the contexts with a VMID and an ASID, or {@link ANY}. */
  forget(virtual: boolean, vmid: number, asid: number): void {
    for (const context of this.#all) {
      if (!context.matches(virtual, vmid, asid)) continue;
      // A supervisor does this when a process ends: the next one should get its tables, which the host has committed, and no others.
      context.lastUse = 0;
      if (context === this.supervisor || context === this.guest) this.#empty(context);
      else context.stale = true;
    }
  }

  /** Forgets what the contexts with a VMID and an ASID, or {@link ANY}, have of one address. */
  forgetAddress(virtual: boolean, vmid: number, asid: number, vaLow: number, vaHigh: number): void {
    for (const context of this.#all) {
      if (context.stale || !context.matches(virtual, vmid, asid)) continue;
      this.#tlb.flushAddress(context.bank, TLB_CONTEXT_BANKS, vaLow, vaHigh);
      this.#first.flushAddress(vaLow, vaHigh, context.generation);
    }
  }

  #choose(virtual: boolean, low: number, high: number, nestedLow: number, nestedHigh: number): Context {
    const context = this.#find(virtual, nestedHigh >>> 12 & 0x3fff, high >>> 12 & 0xffff);
    context.lastUse = ++this.#choices;
    const same = context.virtual === virtual && context.low === low && context.high === high &&
      context.nestedLow === nestedLow && context.nestedHigh === nestedHigh;
    if (!same || context.stale) this.#empty(context);
    if (same) return context;
    context.virtual = virtual;
    context.asid = high >>> 12 & 0xffff;
    context.vmid = nestedHigh >>> 12 & 0x3fff;
    context.low = low;
    context.high = high;
    context.nestedLow = nestedLow;
    context.nestedHigh = nestedHigh;
    return context;
  }

  /** The context that matches, or else one that was forgotten, or the one that was not in use for longest. */
  #find(virtual: boolean, vmid: number, asid: number): Context {
    let oldest: Context | undefined;
    for (const context of this.#all) {
      if (context.matches(virtual, vmid, asid)) return context;
      if (context === (virtual ? this.supervisor : this.guest)) continue;
      if (oldest === undefined || context.lastUse < oldest.lastUse) oldest = context;
    }
    return oldest!;
  }

  #empty(context: Context): void {
    for (let i = 0; i < TLB_CONTEXT_BANKS; i++) this.#tlb.flush(context.bank + i);
    context.stale = false;
    context.oddMeaning = -1;
    if (this.#lastGeneration >= this.#generations) this.#renumber();
    context.generation = ++this.#lastGeneration;
    this.#tellGenerations();
  }

  #renumber(): void {
    this.#first.clear();
    this.#lastGeneration = 0;
    for (const context of this.#all) context.generation = ++this.#lastGeneration;
  }

  #tellGenerations(): void {
    this.#first.generation = this.supervisor.generation;
    this.#first.guestGeneration = this.guest.generation;
  }
}
