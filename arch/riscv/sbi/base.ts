/**
 * SBI base extension: which firmware this is and what it offers (SBI 3.0, chapter 4).
 *
 * @module
 */
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";

/** SBI 3.0. */
const SPECIFICATION_VERSION = 0x03000000;

/** No number is registered for this implementation; it takes one that nobody else uses. */
const IMPLEMENTATION_ID = 0x44656e6f;

/** 0.1.0 as major, minor, patch in bytes. */
const IMPLEMENTATION_VERSION = 0x000100;

function success(value: number): SbiResult {
  return { error: SbiError.SUCCESS, low: value };
}

function probe({ machine, low, high }: SbiCall): SbiResult {
  const extension = high(0) === low(0) >> 31 ? machine.extensions.get(low(0)) : undefined;
  return success(extension === undefined ? 0 : extension.probe?.(machine) ?? 1);
}

/** The extension. Vendor, architecture and implementation read 0: not commercial, not implemented. */
export const base: SbiExtension = {
  eid: 0x10,
  name: "Base",
  functions: {
    0: () => success(SPECIFICATION_VERSION),
    1: () => success(IMPLEMENTATION_ID),
    2: () => success(IMPLEMENTATION_VERSION),
    3: probe,
    4: () => success(0),
    5: () => success(0),
    6: () => success(0),
  },
};
