/**
 * What the MMU must know about pages whose code an engine keeps in decoded form.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";

/**
 * Keeper of decoded code. A page that it holds only gets guarded write entries in translation tables, so it hears of every store to
 * code.
 */
export interface CodePageTracker {
  /** Address of the table of what {@link guard} gives, 32 bits for each host page. */
  readonly table: HostPhysAddr;
  /** What a guarded write entry for the host page at `hostPage` must name, 0 if the page holds no decoded code. */
  guard(hostPage: HostPhysAddr): HostPhysAddr;
  /** `length` bytes at host address `host`, inside one page, were written or are about to be. */
  written(host: HostPhysAddr, length: number): void;
}
