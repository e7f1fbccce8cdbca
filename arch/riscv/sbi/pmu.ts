/**
 * SBI performance monitoring unit (SBI 3.0, chapter 11): `cycle` and `instret` as they are, and counters of firmware events.
 *
 * @module
 */
import { canCount, isHardware, PmuCounters } from "./pmu_counter.ts";
import { eventGetInfo, setSnapshotMemory, SnapshotMemory } from "./pmu_memory.ts";
import { COUNTERS, pmuOf, pmuState } from "./pmu_state.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";

const ConfigFlag = { SKIP_MATCH: 1, CLEAR_VALUE: 2, AUTO_START: 4 } as const;

/** The flags above and five hints which modes not to count in; nothing filters here. */
const CONFIG_FLAGS = 0xff;

const StartFlag = { SET_INIT_VALUE: 1, INIT_SNAPSHOT: 2 } as const;
const StopFlag = { RESET: 1, TAKE_SNAPSHOT: 2 } as const;

/** CSR number of `cycle`, and one less than its bits at bit 12. */
const CYCLE_CSR = 0xc00;
const WIDTH = 63 << 12;

const SUCCESS: SbiResult = { error: SbiError.SUCCESS };
const INVALID_PARAM: SbiResult = { error: SbiError.INVALID_PARAM };
const NOT_SUPPORTED: SbiResult = { error: SbiError.NOT_SUPPORTED };
const NO_SHMEM: SbiResult = { error: SbiError.NO_SHMEM };

/** The counters of the mask in a1 from the base in a0 on; undefined if one of them does not exist. */
function counterSet({ low, high, number }: SbiCall): { base: number; set: number[] } | undefined {
  const base = number(0);
  const set: number[] = [];
  for (let bit = 0; bit < 64; bit++) {
    const word = bit < 32 ? low(1) : high(1);
    if ((word >>> (bit & 31) & 1) === 0) continue;
    if (base + bit >= COUNTERS) return undefined;
    set.push(base + bit);
  }
  return { base, set };
}

function countersOf({ machine, cpu, hart }: SbiCall): PmuCounters {
  return new PmuCounters(hart, pmuOf(machine, cpu));
}

function numCounters(): SbiResult {
  return { error: SbiError.SUCCESS, low: COUNTERS };
}

function counterGetInfo({ number }: SbiCall): SbiResult {
  const index = number(0);
  if (index >= COUNTERS) return INVALID_PARAM;
  if (isHardware(index)) return { error: SbiError.SUCCESS, low: CYCLE_CSR + index | WIDTH };
  return { error: SbiError.SUCCESS, low: 0, high: 1 << 31 };
}

/** The event in a3; -1 if there is none such. Its data in a4 must be 0: no event here takes any. */
function eventOf({ low, high }: SbiCall): number {
  return high(3) === 0 && low(3) >>> 20 === 0 && low(4) === 0 && high(4) === 0 ? low(3) : -1;
}

function configMatching(call: SbiCall): SbiResult {
  const selection = counterSet(call);
  const flags = call.low(2);
  if (selection === undefined || call.high(2) !== 0 || (flags & ~CONFIG_FLAGS) !== 0) return INVALID_PARAM;
  const event = eventOf(call);
  const { counters } = pmuOf(call.machine, call.cpu);
  let matching = (flags & ConfigFlag.SKIP_MATCH) === 0
    ? selection.set.filter((index) => !counters[index].started)
    : selection.set.slice(0, 1);
  matching = matching.filter((index) => canCount(index, event));
  // One that counts something else already is taken when there is no other.
  const index = matching.find((candidate) => counters[candidate].event < 0) ?? matching[0];
  if (index === undefined) return NOT_SUPPORTED;
  const unit = countersOf(call);
  if (!counters[index].started) unit.configure(index, event);
  if ((flags & ConfigFlag.CLEAR_VALUE) !== 0) unit.setValue(index, 0n);
  if ((flags & ConfigFlag.AUTO_START) !== 0) unit.start(index);
  return { error: SbiError.SUCCESS, low: index };
}

function counterStart(call: SbiCall): SbiResult {
  const selection = counterSet(call);
  const flags = call.low(2);
  const { machine, cpu } = call;
  const { counters, snapshot } = pmuOf(machine, cpu);
  if (selection === undefined || call.high(2) !== 0 || flags < 0 || flags > StartFlag.INIT_SNAPSHOT) {
    return INVALID_PARAM;
  }
  if (selection.set.some((index) => counters[index].event < 0)) return INVALID_PARAM;
  const fromSnapshot = flags === StartFlag.INIT_SNAPSHOT;
  const memory = fromSnapshot ? new SnapshotMemory(machine, snapshot) : undefined;
  if (memory?.isThere === false) return NO_SHMEM;
  const unit = countersOf(call);
  const initial = BigInt.asUintN(64, BigInt(call.high(3)) << 32n | BigInt(call.low(3) >>> 0));
  let error: number = SbiError.SUCCESS;
  for (const index of selection.set) {
    if (counters[index].started) {
      error = SbiError.ALREADY_STARTED;
      continue;
    }
    if (flags === StartFlag.SET_INIT_VALUE) unit.setValue(index, initial);
    else if (memory !== undefined) unit.setValue(index, memory.read(index - selection.base));
    unit.start(index);
  }
  return { error };
}

function counterStop(call: SbiCall): SbiResult {
  const selection = counterSet(call);
  const flags = call.low(2);
  const { machine, cpu } = call;
  if (selection === undefined || call.high(2) !== 0 || (flags & ~(StopFlag.RESET | StopFlag.TAKE_SNAPSHOT)) !== 0) {
    return INVALID_PARAM;
  }
  const takesSnapshot = (flags & StopFlag.TAKE_SNAPSHOT) !== 0;
  const memory = takesSnapshot ? new SnapshotMemory(machine, pmuOf(machine, cpu).snapshot) : undefined;
  if (memory?.isThere === false) return NO_SHMEM;
  const unit = countersOf(call);
  let error: number = SbiError.SUCCESS;
  for (const index of selection.set) {
    if (!unit.stop(index)) error = SbiError.ALREADY_STOPPED;
    memory?.write(index - selection.base, unit.value(index));
    if ((flags & StopFlag.RESET) !== 0) unit.release(index);
  }
  memory?.clearOverflows();
  return { error };
}

function firmwareRead(call: SbiCall): SbiResult {
  const index = call.number(0);
  if (index >= COUNTERS || isHardware(index)) return INVALID_PARAM;
  const value = countersOf(call).value(index);
  return {
    error: SbiError.SUCCESS,
    low: Number(BigInt.asIntN(32, value)),
    high: Number(BigInt.asIntN(32, value >> 32n)),
  };
}

/** A register holds the whole value, so there is no upper half. */
function firmwareReadHigh({ number }: SbiCall): SbiResult {
  const index = number(0);
  return index >= COUNTERS || isHardware(index) ? INVALID_PARAM : SUCCESS;
}

/** The extension. */
export const pmu: SbiExtension = {
  ...pmuState,
  functions: {
    0: numCounters,
    1: counterGetInfo,
    2: configMatching,
    3: counterStart,
    4: counterStop,
    5: firmwareRead,
    6: firmwareReadHigh,
    7: setSnapshotMemory,
    8: eventGetInfo,
  },
};
