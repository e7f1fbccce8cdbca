/**
 * Floating-point control and status (Unprivileged ISA, "Floating-Point Control and Status Register").
 *
 * @module
 */
import { FIELD } from "../layout.ts";
import { markFloatDirty } from "../trap/mode.ts";
import type { CsrRow } from "./row.ts";

/** Rows by number. The fields of fflags and frm are words: masks keep what lies behind them out. */
export const FLOATING_POINT_CSRS: readonly CsrRow[] = [
  {
    number: 0x001,
    name: "fflags",
    needs: "float",
    storage: FIELD.fflags,
    readMask: 31n,
    writeMask: 31n,
    dirtiesFloat: true,
  },
  {
    number: 0x002,
    name: "frm",
    needs: "float",
    storage: FIELD.frm,
    readMask: 7n,
    writeMask: 7n,
    dirtiesFloat: true,
  },
  {
    number: 0x003,
    name: "fcsr",
    needs: "float",
    read: (hart, out) => {
      out.low = hart.state.word(FIELD.frm) << 5 | hart.state.word(FIELD.fflags);
      out.high = 0;
    },
    write: (hart, low) => {
      hart.state.setWord(FIELD.fflags, low & 31);
      hart.state.setWord(FIELD.frm, (low >>> 5) & 7);
      markFloatDirty(hart);
    },
  },
];
