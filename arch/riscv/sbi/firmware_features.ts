/**
 * SBI firmware features (SBI 3.0, chapter 18): what of the hart a supervisor may switch.
 *
 * @module
 */
import { EnvConfigHigh } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { Cause } from "../trap/causes.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiMachine, type SbiResult } from "./sbi.ts";

const LOCK = 1;

/** Features that are named but need hardware that this hart does not have end here. */
const LAST_NAMED_FEATURE = 5;

/** A feature of one bit. */
interface Feature {
  get(hart: Hart): boolean;
  set(hart: Hart, on: boolean): void;
}

const MISALIGNED = 1 << Cause.LOAD_MISALIGNED | 1 << Cause.STORE_MISALIGNED;

/** The hart does misaligned loads and stores itself; atomics are what still raises these exceptions. */
const misalignedDelegation: Feature = {
  get: ({ state }) => (state.low(FIELD.hedeleg) & MISALIGNED) === MISALIGNED,
  set: ({ state }, on) => {
    const old = state.low(FIELD.hedeleg);
    state.set(FIELD.hedeleg, on ? old | MISALIGNED : old & ~MISALIGNED, state.high(FIELD.hedeleg));
  },
};

const hardwareUpdating: Feature = {
  get: ({ state }) => (state.high(FIELD.henvcfg) & EnvConfigHigh.ADUE) !== 0,
  set: ({ state, mmu }, on) => {
    const old = state.high(FIELD.henvcfg);
    state.set(FIELD.henvcfg, state.low(FIELD.henvcfg), on ? old | EnvConfigHigh.ADUE : old & ~EnvConfigHigh.ADUE);
    mmu.translationChanged();
  },
};

/** Features that exist here, by number: MISALIGNED_EXC_DELEG and PTE_AD_HW_UPDATING. Both are local to a hart. */
const FEATURES: Readonly<Record<number, Feature>> = { 0: misalignedDelegation, 4: hardwareUpdating };

interface State {
  /** Locked features of each hart, one bit each. */
  locked: number[];
}

function lockedOf(machine: SbiMachine): number[] {
  return machine.stateOf<State>(firmwareFeatures).locked;
}

/** The feature in a0, which has 32 bits, or why there is none. */
function featureOf({ low }: SbiCall): Feature | SbiResult {
  const number = low(0) >>> 0;
  const error = number <= LAST_NAMED_FEATURE ? SbiError.NOT_SUPPORTED : SbiError.DENIED;
  return FEATURES[number] ?? { error };
}

function set(call: SbiCall): SbiResult {
  const { machine, cpu, hart, low, high } = call;
  const feature = featureOf(call);
  if ("error" in feature) return feature;
  const isBit = (low(1) === 0 || low(1) === 1) && high(1) === 0;
  const areFlags = (low(2) & ~LOCK) === 0 && high(2) === 0;
  if (!isBit || !areFlags) return { error: SbiError.INVALID_PARAM };
  const locked = lockedOf(machine);
  const bit = 1 << low(0);
  if ((locked[cpu] & bit) !== 0) return { error: SbiError.DENIED_LOCKED };
  feature.set(hart, low(1) === 1);
  if ((low(2) & LOCK) !== 0) locked[cpu] |= bit;
  return { error: SbiError.SUCCESS };
}

function get(call: SbiCall): SbiResult {
  const feature = featureOf(call);
  return "error" in feature ? feature : { error: SbiError.SUCCESS, low: feature.get(call.hart) ? 1 : 0 };
}

/** The extension. Values live in CSRs, which a suspend leaves alone and a start resets. */
export const firmwareFeatures: SbiExtension = {
  eid: 0x46574654,
  name: "FWFT",
  functions: { 0: set, 1: get },
  createState: ({ cpus }): State => ({ locked: new Array(cpus).fill(0) }),
  hartReset: (machine, cpu) => {
    lockedOf(machine)[cpu] = 0;
  },
};
