/**
 * What the MMU must know about pages whose code an engine keeps in decoded form.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";

/** Keeper of decoded code. A page that it holds never gets a write entry in a translation table, so it hears of every store. */
export interface CodePageTracker {
  /** Whether the host page at `hostPage` holds decoded code. */
  isCode(hostPage: HostPhysAddr): boolean;
  /** `length` bytes at host address `host`, inside one page, were written or are about to be. */
  written(host: HostPhysAddr, length: number): void;
}
