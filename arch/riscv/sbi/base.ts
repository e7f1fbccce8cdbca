/**
 * SBI base extension: which firmware this is and what it offers (SBI 3.0, chapter 4).
 *
 * @module
 */
import { SbiError, type SbiExtension } from "./sbi.ts";

/** SBI 3.0. */
const SPECIFICATION_VERSION = 0x03000000;

/** No number is registered for this implementation; it takes one that nobody else uses. */
const IMPLEMENTATION_ID = 0x44656e6f;

/** 0.1.0 as major, minor, patch in bytes. */
const IMPLEMENTATION_VERSION = 0x000100;

/** The extension. */
export const base: SbiExtension = {
  eid: 0x10,
  name: "Base",
  functions: {
    0: () => ({ error: SbiError.SUCCESS, low: SPECIFICATION_VERSION }),
    1: () => ({ error: SbiError.SUCCESS, low: IMPLEMENTATION_ID }),
    2: () => ({ error: SbiError.SUCCESS, low: IMPLEMENTATION_VERSION }),
    3: ({ machine, low, high }) => {
      const eid = low(0);
      const extension = high(0) === eid >> 31 ? machine.extensions.get(eid) : undefined;
      const found = extension === undefined ? 0 : extension.probe?.(machine) ?? 1;
      return { error: SbiError.SUCCESS, low: found };
    },
    4: () => ({ error: SbiError.SUCCESS }), // mvendorid: non-commercial
    5: () => ({ error: SbiError.SUCCESS }), // marchid: not implemented
    6: () => ({ error: SbiError.SUCCESS }), // mimpid: not implemented
  },
};
