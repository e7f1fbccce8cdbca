/**
 * Memory that the performance monitoring unit shares with the guest: counter snapshots and questions about events (SBI 3.0, chapter 11,
 * "Set PMU snapshot shared memory", "Get PMU Event info").
 *
 * @module
 */
import { canCount, FIRMWARE_TYPE } from "./pmu_counter.ts";
import { COUNTERS, pmuOf } from "./pmu_state.ts";
import { type SbiCall, SbiError, type SbiMachine, type SbiResult } from "./sbi.ts";
import { readWritable, sharedAddress } from "./shared_memory.ts";

/** Bytes of the snapshot memory, and its alignment. */
const SNAPSHOT_SIZE = 4096;

/** Offset of the values; the bitmap of overflows comes before them. */
const VALUES = 8;

/** Bytes of a question about an event. */
const ENTRY_SIZE = 16;

/** Questions of one call at most: more than there are events to ask for. */
const MOST_ENTRIES = 65536;

const SUCCESS: SbiResult = { error: SbiError.SUCCESS };
const INVALID_PARAM: SbiResult = { error: SbiError.INVALID_PARAM };
const INVALID_ADDRESS: SbiResult = { error: SbiError.INVALID_ADDRESS };

/** The snapshot memory of a hart. */
export class SnapshotMemory {
  /** Whether the guest has set it, to RAM that is still there. */
  readonly isThere: boolean;
  readonly #machine: SbiMachine;
  readonly #address: number;
  readonly #view: DataView;

  /** @param address Guest-physical address, -1 if it was not set */
  constructor(machine: SbiMachine, address: number) {
    this.#machine = machine;
    this.#address = address;
    const bytes = machine.readGuest(address, SNAPSHOT_SIZE);
    this.isThere = bytes !== undefined;
    this.#view = new DataView((bytes ?? new Uint8Array()).slice().buffer);
  }

  /** Value at position `index`, as it was when this object was made. */
  read(index: number): bigint {
    return this.#view.getBigUint64(VALUES + index * 8, true);
  }

  /** Stores a value at position `index`. */
  write(index: number, value: bigint): void {
    this.#put(VALUES + index * 8, value);
  }

  /** Nothing here tells of overflows (Sscofpmf is absent). */
  clearOverflows(): void {
    this.#put(0, 0n);
  }

  #put(offset: number, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.#machine.writeGuest(this.#address + offset, bytes);
  }
}

/** Sets or, by an address of all ones, removes the calling hart's snapshot memory. */
export function setSnapshotMemory(call: SbiCall): SbiResult {
  const { machine, cpu, low, high } = call;
  const unit = pmuOf(machine, cpu);
  if (low(2) !== 0 || high(2) !== 0) return INVALID_PARAM;
  if ((low(0) & high(0) & low(1) & high(1)) === -1) {
    unit.snapshot = -1;
    return SUCCESS;
  }
  if (low(0) % SNAPSHOT_SIZE !== 0) return INVALID_PARAM;
  const address = sharedAddress(call, 0);
  if (readWritable(machine, address, SNAPSHOT_SIZE) === undefined) return INVALID_ADDRESS;
  unit.snapshot = address;
  return SUCCESS;
}

/** Tells of each event in a table in memory whether some counter can count it. */
export function eventGetInfo(call: SbiCall): SbiResult {
  const { machine, low, high, number } = call;
  if (low(3) !== 0 || high(3) !== 0 || low(0) % ENTRY_SIZE !== 0) return INVALID_PARAM;
  const entries = number(2);
  if (entries > MOST_ENTRIES) return { error: SbiError.FAILED };
  const address = sharedAddress(call, 0);
  const bytes = readWritable(machine, address, entries * ENTRY_SIZE);
  if (bytes === undefined) return INVALID_ADDRESS;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += ENTRY_SIZE) {
    const event = view.getUint32(at, true);
    if (event >>> 20 !== 0) return INVALID_PARAM;
    view.setUint32(at + 4, isSupported(event, view.getBigUint64(at + 8, true)) ? 1 : 0, true);
  }
  machine.writeGuest(address, bytes);
  return SUCCESS;
}

function isSupported(event: number, data: bigint): boolean {
  // Of the events that there are, only firmware events could take data, and none does.
  if (event >>> 16 === FIRMWARE_TYPE && data !== 0n) return false;
  for (let index = 0; index < COUNTERS; index++) if (canCount(index, event)) return true;
  return false;
}
