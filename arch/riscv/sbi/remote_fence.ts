/**
 * SBI remote fences (SBI 3.0, chapter 8). All harts of a VM run on one thread, so a fence is done before the call returns.
 *
 * @module
 */
import type { HartMmu } from "../hart.ts";
import { selectedHarts } from "./harts.ts";
import { countSent, FirmwareEvent } from "./pmu_state.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";

const PAGE = 4096;

/** More pages than this cost more than to forget everything. */
const MOST_PAGES = 64;

const ASID_MASK = 0xffff;

const SUCCESS: SbiResult = { error: SbiError.SUCCESS };
const NOT_SUPPORTED: SbiResult = { error: SbiError.NOT_SUPPORTED };

/** What a call fences. */
interface FenceRange {
  /** Low half of the first page's address. */
  readonly low: number;
  /** High half of it. */
  readonly high: number;
  /** Number of pages; Infinity for the whole address space. */
  readonly pages: number;
}

/** FENCE.I on other harts: stores to code reach every hart at once, so there is nothing left to do but to count. */
export function fenceInstructions({ machine, cpu }: SbiCall, targets: readonly number[]): SbiResult {
  countSent(machine, cpu, targets, FirmwareEvent.FENCE_I_SENT, FirmwareEvent.FENCE_I_RECEIVED);
  return SUCCESS;
}

/**
 * SFENCE.VMA on other harts, which for a guest is HFENCE.VVMA.
 *
 * @param start Index of the argument that holds the first address; the size follows
 * @param asidIndex Index of the argument that holds an address-space number; left out: all address spaces
 */
export function fenceAddresses(
  call: SbiCall,
  targets: readonly number[],
  start: number,
  asidIndex?: number,
): SbiResult {
  const range = readRange(call, start);
  if (range === undefined) return { error: SbiError.INVALID_ADDRESS };
  const { machine, cpu } = call;
  const hasAsid = asidIndex !== undefined;
  const asid = hasAsid ? call.low(asidIndex) & ASID_MASK : 0;
  for (const target of targets) fenceHart(machine.hart(target).mmu, range, asid, hasAsid);
  const [sent, received] = hasAsid
    ? [FirmwareEvent.SFENCE_VMA_ASID_SENT, FirmwareEvent.SFENCE_VMA_ASID_RECEIVED]
    : [FirmwareEvent.SFENCE_VMA_SENT, FirmwareEvent.SFENCE_VMA_RECEIVED];
  countSent(machine, cpu, targets, sent, received);
  return SUCCESS;
}

/** The range of the arguments at `start`; undefined if it goes beyond the last address. */
function readRange({ low, high, number }: SbiCall, start: number): FenceRange | undefined {
  const [startLow, startHigh] = [low(start), high(start)];
  const [sizeLow, sizeHigh] = [low(start + 1), high(start + 1)];
  const whole = (sizeLow === 0 && sizeHigh === 0) || (sizeLow === -1 && sizeHigh === -1);
  if (whole) return { low: 0, high: 0, pages: Infinity };
  const endLow = (startLow >>> 0) + (sizeLow >>> 0);
  const endHigh = (startHigh >>> 0) + (sizeHigh >>> 0) + (endLow >= 2 ** 32 ? 1 : 0);
  const reachesEnd = endHigh === 2 ** 32 && endLow % 2 ** 32 === 0;
  if (endHigh >= 2 ** 32 && !reachesEnd) return undefined;
  const offset = startLow & (PAGE - 1);
  return { low: startLow - offset, high: startHigh, pages: Math.ceil((offset + number(start + 1)) / PAGE) };
}

function fenceHart(mmu: HartMmu, range: FenceRange, asid: number, hasAsid: boolean): void {
  if (range.pages > MOST_PAGES) return mmu.hfenceVvma(0, 0, false, asid, hasAsid);
  let { low, high } = range;
  for (let page = 0; page < range.pages; page++) {
    mmu.hfenceVvma(low, high, true, asid, hasAsid);
    low = (low + PAGE) | 0;
    if (low === 0) high = (high + 1) | 0;
  }
}

/** Does something to the harts of the mask in a0 and a1. */
function toSelected(action: (call: SbiCall, targets: readonly number[]) => SbiResult): (call: SbiCall) => SbiResult {
  return (call) => {
    const targets = selectedHarts(call);
    return targets === undefined ? { error: SbiError.INVALID_PARAM } : action(call, targets);
  };
}

/** A guest has no hypervisor extension, so there is nothing that HFENCE could fence. */
function hypervisorFence(): SbiResult {
  return NOT_SUPPORTED;
}

/** The extension. */
export const remoteFence: SbiExtension = {
  eid: 0x52464e43,
  name: "RFNC",
  functions: {
    0: toSelected(fenceInstructions),
    1: toSelected((call, targets) => fenceAddresses(call, targets, 2)),
    2: toSelected((call, targets) => fenceAddresses(call, targets, 2, 4)),
    3: hypervisorFence,
    4: hypervisorFence,
    5: hypervisorFence,
    6: hypervisorFence,
  },
};
