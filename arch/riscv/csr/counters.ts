/**
 * Counters (Unprivileged ISA, "Zicntr and Zihpm"; Privileged ISA, "Hardware Performance Monitor", "Machine Counter-Inhibit CSR").
 *
 * minstret and mcycle are the steps so far plus an offset; an inhibited counter stands at its offset. Events other than these do not
 * exist: the remaining counters read as 0.
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { Counter } from "./fields.ts";
import type { CsrRow } from "./row.ts";
import { addHigh, highOf, subtractHigh, type Word64 } from "./word64.ts";

/** Steps of finished runs and of the run in progress, which count the instruction that executes. */
function stepsSoFar(hart: Hart, out: Word64): void {
  const low = hart.state.low(FIELD.steps);
  const run = hart.steps();
  out.high = addHigh(low, hart.state.high(FIELD.steps), run, 0);
  out.low = (low + run) | 0;
}

const steps: Word64 = { low: 0, high: 0 };

function readCounter(hart: Hart, offset: number, bit: number, out: Word64, inFlight: number): void {
  const low = hart.state.low(offset);
  const high = hart.state.high(offset);
  out.low = low;
  out.high = high;
  if ((hart.state.low(FIELD.mcountinhibit) & bit) !== 0) return;
  stepsSoFar(hart, steps);
  out.high = subtractHigh(steps.low, steps.high, inFlight, 0);
  out.low = (steps.low - inFlight) | 0;
  out.high = addHigh(out.low, out.high, low, high);
  out.low = (out.low + low) | 0;
}

/** The next instruction reads what this one writes: its own step does not come on top. */
function writeCounter(hart: Hart, offset: number, bit: number, low: number, high: number): void {
  if ((hart.state.low(FIELD.mcountinhibit) & bit) !== 0) {
    hart.state.set(offset, low, high);
    return;
  }
  stepsSoFar(hart, steps);
  hart.state.set(offset, (low - steps.low) | 0, subtractHigh(low, high, steps.low, steps.high));
}

const COUNTED: readonly { bit: number; offset: number }[] = [
  { bit: Counter.CY, offset: FIELD.cycleOffset },
  { bit: Counter.IR, offset: FIELD.instretOffset },
];

/** Stops and restarts counters. The instruction that stops one is the last that counts, the one that restarts it does not. */
function writeInhibit(hart: Hart, low: number): void {
  const { state } = hart;
  const value: Word64 = { low: 0, high: 0 };
  for (const { bit, offset } of COUNTED) {
    const inhibited = state.low(FIELD.mcountinhibit);
    if (((low ^ inhibited) & bit) === 0) continue;
    readCounter(hart, offset, bit, value, 0);
    state.set(FIELD.mcountinhibit, inhibited ^ bit, 0);
    writeCounter(hart, offset, bit, value.low, value.high);
  }
}

/** mtime, and what a guest with V=1 sees of it. */
function readTime(hart: Hart, out: Word64): void {
  const { state } = hart;
  const now = hart.host.time();
  out.low = now | 0;
  out.high = highOf(now);
  if (state.word(FIELD.virtual) === 0) return;
  const delta = state.low(FIELD.htimedelta);
  out.high = addHigh(out.low, out.high, delta, state.high(FIELD.htimedelta));
  out.low = (out.low + delta) | 0;
}

function counterRows(base: number, name: string, offset: number, bit: number): CsrRow[] {
  const read: CsrRow["read"] = (hart, out, inFlight) => readCounter(hart, offset, bit, out, inFlight);
  const number = bit === Counter.CY ? 0 : 2;
  const counts = { offset, bit };
  return [
    {
      number: 0xb00 + number,
      name: `m${name}`,
      read,
      counts,
      write: (hart, low, high) => writeCounter(hart, offset, bit, low, high),
    },
    { number: base + number, name, needs: "counter", counts, read },
  ];
}

/** Rows of counters and event selectors 3 to 31, which read as 0 and ignore writes. */
function unimplemented(): CsrRow[] {
  const rows: CsrRow[] = [];
  for (let i = 3; i < 32; i++) {
    rows.push({ number: 0x320 + i, name: `mhpmevent${i}` });
    rows.push({ number: 0xb00 + i, name: `mhpmcounter${i}` });
    rows.push({ number: 0xc00 + i, name: `hpmcounter${i}`, needs: "counter" });
  }
  return rows;
}

/** Rows by number. */
export const COUNTER_CSRS: readonly CsrRow[] = [
  {
    number: 0x320,
    name: "mcountinhibit",
    read: (hart: Hart, out: Word64): void => {
      out.low = hart.state.low(FIELD.mcountinhibit);
      out.high = 0;
    },
    write: writeInhibit,
  },
  ...counterRows(0xc00, "cycle", FIELD.cycleOffset, Counter.CY),
  ...counterRows(0xc00, "instret", FIELD.instretOffset, Counter.IR),
  { number: 0xc01, name: "time", needs: "counter" as const, ticks: true, read: readTime },
  ...unimplemented(),
].sort((a, b) => a.number - b.number);
