/**
 * One VM's worth of RISC-V: its harts, firmware services, nested page table and interrupt wires.
 *
 * @module
 */
import { type GuestPhysAddr, type HostPhysAddr, PAGE_SIZE } from "../../core/address.ts";
import type { ArchGuest, ArchGuestContext, AxArchVCpu } from "../../core/arch_vcpu.ts";
import type { NestedPageTable } from "../../core/addrspace/nested_page_table.ts";
import { RangeTable } from "../../core/addrspace/range_table.ts";
import { HypervisorError } from "../../core/errors.ts";
import type { FdtNode } from "../../core/fdt_types.ts";
import type { IrqLine } from "../../core/irq.ts";
import type { HostMemory } from "../../core/memory.ts";
import type { ExtensionPoint } from "../../core/plugin_types.ts";
import { hartAreaSize, type HartWindow, SoftwareHart } from "./create_hart.ts";
import { Interrupt } from "./csr/fields.ts";
import { CodePages, recordPoolSize, recordTableSize } from "./engine/code_pages.ts";
import { Translator, type TranslatorOptions } from "./engine/translator.ts";
import { describeCpus } from "./fdt.ts";
import { GuestVCpu } from "./guest_vcpu.ts";
import type { HartHost } from "./hart.ts";
import { MachineVCpu } from "./machine_vcpu.ts";
import { TLB_BANK_SIZE, TLB_CONTEXT_BANKS, TLB_CONTEXTS, TLB_LEAST_CONTEXTS } from "./mmu/area.ts";
import { hgatpMode, RiscvNestedPageTable } from "./mmu/nested_table.ts";
import type { TlbCounts } from "./mmu/tlb.ts";
import { readRiscvOptions } from "./options.ts";
import { RiscvPerCpu } from "./per_cpu.ts";
import { SbiFirmware } from "./sbi/firmware.ts";
import { type SbiExtension, sbiExtension } from "./sbi/sbi.ts";
import { setLine } from "./trap/interrupts.ts";

/** Record pages in a VM's pool at most: 50 MiB of address space, committed as code is met. */
const MOST_CODE_PAGES = 3072;

/** Bytes of translation tables in a VM, unless its harts could not do with them. */
const MOST_TABLES = 480 * 2 ** 20;

/** Bytes that a WebAssembly memory can have. */
const MOST_HOST_MEMORY = 2 ** 32;

/** Wires of a hart by the last part of their name, as bits of mip. */
const MACHINE_LINES: Readonly<Record<string, number>> = {
  "machine-software": Interrupt.MSI,
  "machine-timer": Interrupt.MTI,
  "machine-external": Interrupt.MEI,
  "supervisor-external": Interrupt.SEI,
};

/** In guest mode the guest's supervisor is VS-mode, and M-mode has no wires. */
const GUEST_LINES: Readonly<Record<string, number>> = { "supervisor-external": Interrupt.VSEI };

function codePagesFor(guestMemory: number): number {
  return Math.min(MOST_CODE_PAGES, Math.max(64, Math.ceil(guestMemory / 4096)));
}

/**
 * Address spaces that each hart keeps translations of at a time. Their tables take half as much of the address space as the guest's RAM,
 * and no more than is left of it beside the largest RAM.
 */
function contextsFor(cpus: number, guestMemory: number): number {
  const bytes = Math.min(MOST_TABLES, guestMemory / 2) / cpus;
  const contexts = Math.floor((bytes / TLB_BANK_SIZE - 1) / TLB_CONTEXT_BANKS);
  return Math.max(TLB_LEAST_CONTEXTS, Math.min(TLB_CONTEXTS, contexts));
}

/** Bytes of host memory that a VM's harts and engine need. */
export function riscvMemoryNeeded(cpus: number, guestMemory: number): number {
  return cpus * (hartAreaSize(contextsFor(cpus, guestMemory)) + 4096) + recordPoolSize(codePagesFor(guestMemory)) +
    recordTableSize(MOST_HOST_MEMORY) + 3 * 4096;
}

/** Windows by memory: the harts of all VMs over one memory take turns in one window. */
const WINDOWS = new WeakMap<HostMemory, HartWindow>();

function windowOf(memory: HostMemory): HartWindow {
  let window = WINDOWS.get(memory);
  if (!window) WINDOWS.set(memory, window = {});
  return window;
}

/** Architecture side of a VM. */
export class RiscvGuest implements ArchGuest {
  readonly perCpu: RiscvPerCpu = new RiscvPerCpu(() => this.#leaveWindow());
  readonly extensionPoints: readonly ExtensionPoint<unknown>[] = [sbiExtension];
  /** In machine mode every hart starts at reset; in guest mode the first one starts the others. */
  readonly startsAllCpus: boolean;
  readonly #context: ArchGuestContext;
  readonly #harts: SoftwareHart[] = [];
  readonly #codePages: CodePages;
  readonly #firmware: SbiFirmware;
  readonly #levels: 3 | 4 | 5;
  readonly #lines: Readonly<Record<string, number>>;
  readonly #translator: Translator | undefined;
  #ranges: RangeTable | undefined;

  /**
   * Makes the harts and takes their memory.
   *
   * @param translation How hot code is translated, beside what the `[arch]` table says: for tests
   */
  constructor(context: ArchGuestContext, translation: TranslatorOptions = {}) {
    this.#context = context;
    this.startsAllCpus = context.mode === "machine";
    this.#lines = context.mode === "machine" ? MACHINE_LINES : GUEST_LINES;
    const { levels, engine, codeCache } = readRiscvOptions(context.options);
    this.#levels = levels;
    const { memory } = context;
    const pages = codePagesFor(context.guestMemorySize);
    const pool = memory.reserve(recordPoolSize(pages), PAGE_SIZE, true);
    this.#codePages = new CodePages(memory, pool, pages, memory.reserve(recordTableSize(memory.size)));
    const window = windowOf(memory);
    const host: HartHost = {
      time: () => context.clock.now(),
      physical: context.mode === "machine"
        ? machinePhysical(() => this.#ranges)
        : { toHost: (pa) => pa < memory.size ? pa : -1 },
      devices: context.devices && { access: context.devices, isRam: (address) => context.isRam(address) },
    };
    if (engine === "jit" || engine === "jit-always") {
      this.#translator = new Translator(memory, this.#codePages, () => window.current, {
        cacheBytes: codeCache,
        nowMs: context.nowMs,
        ...translation,
        always: engine === "jit-always",
      });
    }
    const contexts = contextsFor(context.cpus, context.guestMemorySize);
    for (let id = 0; id < context.cpus; id++) {
      const area = memory.reserve(hartAreaSize(contexts));
      const options = { id, mode: context.mode, engine };
      this.#harts.push(
        new SoftwareHart(memory, host, options, this.#codePages, window, area, contexts, this.#translator),
      );
    }
    this.#firmware = new SbiFirmware(context, this.#harts);
  }

  createNestedPageTable(): NestedPageTable {
    const onFlush = () => this.flushNested();
    const { mode, memory } = this.#context;
    if (mode === "guest") return new RiscvNestedPageTable(memory, this.#levels, onFlush, () => this.#nestedGained());
    this.#ranges = new RangeTable({ onFlush });
    return this.#ranges;
  }

  createVCpu(index: number): AxArchVCpu {
    const hart = this.#harts[index];
    const isRam = (address: GuestPhysAddr) => this.#context.isRam(address);
    if (this.#context.mode === "machine") return new MachineVCpu(hart, { isRam });
    return new GuestVCpu(hart, index, { firmware: this.#firmware, hgatpMode: hgatpMode(this.#levels), isRam });
  }

  interruptLine(name: string): IrqLine | undefined {
    const [cpu, wire] = name.split("/");
    const hart = /^cpu\d+$/.test(cpu) ? this.#harts[Number(cpu.slice(3))] : undefined;
    const bit = this.#lines[wire];
    if (hart === undefined || bit === undefined) return undefined;
    return { set: (asserted) => setLine(hart, bit, asserted) };
  }

  extend(point: ExtensionPoint<unknown>, value: unknown): void {
    if (point !== sbiExtension) throw new HypervisorError(`Unknown extension point '${point.name}'`);
    const extension = value as SbiExtension;
    if (this.#context.mode === "machine") {
      throw new HypervisorError(
        `Cannot add SBI extension '${extension.name}': in machine mode the guest brings its own firmware; use guest mode`,
      );
    }
    this.#firmware.add(extension);
  }

  describe(root: FdtNode): void {
    const { cpus, mode, clock } = this.#context;
    describeCpus(root, cpus, mode, clock.frequency);
  }

  boot(cpu: AxArchVCpu, index: number, deviceTree: GuestPhysAddr): void {
    cpu.setArgument(0, index, 0);
    cpu.setArgument(1, deviceTree | 0, Math.floor(deviceTree / 2 ** 32));
  }

  invalidateCode(start: HostPhysAddr, length: number): void {
    this.#codePages.written(start, length);
  }

  flushNested(): void {
    for (const hart of this.#harts) hart.mmu.nestedChanged();
  }

  #nestedGained(): void {
    for (const hart of this.#harts) hart.mmu.nestedGained();
  }

  statistics(): Readonly<Record<string, number>> {
    const { pages, evictions } = this.#codePages;
    const tlb = this.#harts.map(({ mmu }) => mmu.tlbCounts);
    const sum = (key: keyof TlbCounts): number => tlb.reduce((total, counts) => total + counts[key], 0);
    return {
      codePages: pages,
      codePageEvictions: evictions,
      sbiCalls: this.#firmware.calls,
      tlbReads: sum("reads"),
      tlbWrites: sum("writes"),
      tlbFetches: sum("fetches"),
      tlbFlushes: sum("flushes"),
      ...this.#translator?.statistics(),
    };
  }

  reset(): void {
    this.#translator?.clear();
    this.#codePages.clear();
    this.#firmware.reset();
  }

  /** A hart of a VM that is gone must not be stored when the next one comes: its memory may be another VM's by then. */
  #leaveWindow(): void {
    const window = windowOf(this.#context.memory);
    if (window.current === undefined || !this.#harts.includes(window.current)) return;
    window.current.state.unload();
    window.current = undefined;
  }

  /** State of the firmware extensions, for a snapshot. */
  save(): Record<string, unknown> {
    return this.#firmware.save();
  }

  /** Takes a snapshot's state over. */
  restore(state: Record<string, unknown>): void {
    this.#codePages.clear();
    this.#firmware.restore(state);
  }
}

function machinePhysical(ranges: () => RangeTable | undefined): HartHost["physical"] {
  return {
    toHost: (pa) => ranges()?.toHost(pa) ?? -1,
    get hitFlags(): number {
      return ranges()?.hitFlags ?? 0;
    },
  };
}
