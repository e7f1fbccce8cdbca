/**
 * What the performance monitoring unit remembers, and the firmware events that it counts (SBI 3.0, chapter 11, "Event: Firmware events").
 *
 * @module
 */
import { Cause } from "../trap/causes.ts";
import type { SbiExtension, SbiMachine } from "./sbi.ts";

/** Number of the extension. */
export const PMU_EID = 0x504d55;

/** Counters of a hart. */
export const COUNTERS = 18;

/** Index of the counter that is the `cycle` CSR. */
export const CYCLE_COUNTER = 0;

/** Index of the counter that is the `instret` CSR. All others count firmware events. */
export const INSTRET_COUNTER = 2;

/** Codes of the firmware events that happen here. A guest has no hypervisor extension, hence no HFENCE. */
export const FirmwareEvent = {
  MISALIGNED_LOAD: 0,
  MISALIGNED_STORE: 1,
  ACCESS_LOAD: 2,
  ACCESS_STORE: 3,
  ILLEGAL_INSN: 4,
  SET_TIMER: 5,
  IPI_SENT: 6,
  IPI_RECEIVED: 7,
  FENCE_I_SENT: 8,
  FENCE_I_RECEIVED: 9,
  SFENCE_VMA_SENT: 10,
  SFENCE_VMA_RECEIVED: 11,
  SFENCE_VMA_ASID_SENT: 12,
  SFENCE_VMA_ASID_RECEIVED: 13,
} as const;

/** Number of firmware events. */
export const FIRMWARE_EVENTS = 14;

/** Events of exceptions that the hypervisor sees before the guest does. */
const EVENT_OF_CAUSE: Readonly<Record<number, number>> = {
  [Cause.LOAD_MISALIGNED]: FirmwareEvent.MISALIGNED_LOAD,
  [Cause.STORE_MISALIGNED]: FirmwareEvent.MISALIGNED_STORE,
  [Cause.LOAD_ACCESS]: FirmwareEvent.ACCESS_LOAD,
  [Cause.STORE_ACCESS]: FirmwareEvent.ACCESS_STORE,
  [Cause.ILLEGAL_INSTRUCTION]: FirmwareEvent.ILLEGAL_INSN,
};

/** One counter. */
export interface PmuCounter {
  /** Event that it is configured for, an `event_idx`; -1 if none. */
  event: number;
  /** Whether it was started. */
  started: boolean;
  /** Firmware counters: the value, less the events so far while it is started. 64 bits. */
  value: bigint;
}

/** The unit of one hart. */
export interface PmuHart {
  /** Firmware events since the hart started, by code. */
  events: number[];
  /** Counters by index. */
  counters: PmuCounter[];
  /** Guest-physical address of the snapshot memory; -1 if there is none. */
  snapshot: number;
}

/** The units of all harts. */
export interface PmuState {
  /** By index. */
  harts: PmuHart[];
}

/** A unit after reset. */
export function freshPmu(): PmuHart {
  return {
    events: new Array(FIRMWARE_EVENTS).fill(0),
    counters: Array.from({ length: COUNTERS }, () => ({ event: -1, started: false, value: 0n })),
    snapshot: -1,
  };
}

/** Makes, keeps and resets the state; the functions are in `pmu.ts`. */
export const pmuState: SbiExtension = {
  eid: PMU_EID,
  name: "PMU",
  functions: {},
  createState: ({ cpus }): PmuState => ({ harts: Array.from({ length: cpus }, freshPmu) }),
  hartReset: (machine, cpu) => {
    machine.stateOf<PmuState>(pmuState).harts[cpu] = freshPmu();
  },
};

/** The unit of hart `cpu`. */
export function pmuOf(machine: SbiMachine, cpu: number): PmuHart {
  return machine.stateOf<PmuState>(pmuState).harts[cpu];
}

/** Notes that a {@link FirmwareEvent} happened on hart `cpu`. */
export function countEvent(machine: SbiMachine, cpu: number, event: number): void {
  pmuOf(machine, cpu).events[event]++;
}

/** Notes a request from one hart to others: one event at either end for each. */
export function countSent(
  machine: SbiMachine,
  cpu: number,
  targets: readonly number[],
  sent: number,
  received: number,
): void {
  for (const target of targets) {
    if (target === cpu) continue;
    countEvent(machine, cpu, sent);
    countEvent(machine, target, received);
  }
}

/** Notes an exception that the hypervisor hands to the guest, if there is an event for it. */
export function countException(machine: SbiMachine, cpu: number, cause: number): void {
  const event = EVENT_OF_CAUSE[cause];
  if (event !== undefined) countEvent(machine, cpu, event);
}
