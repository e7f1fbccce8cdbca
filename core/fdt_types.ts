/**
 * The device tree as plain data (Devicetree Specification 0.4, chapter 2); `fdt.ts` turns it into a blob and back.
 *
 * @module
 */

/** One 32-bit cell, or a reference to a labelled node that becomes its phandle when the blob is written. */
export type FdtCell = number | { readonly ref: string };

/**
 * A property's value: `true` is an empty property, a string or list of strings is NUL-terminated text, a list of cells is
 * big-endian 32-bit words, and bytes are taken as they are.
 */
export type FdtValue = true | string | readonly string[] | readonly FdtCell[] | Uint8Array;

/** What a device contributes: the node without address, `reg` and interrupts. */
export interface FdtBody {
  /** Node name without unit address: `serial`. */
  readonly node: string;
  /** Name by which other nodes refer to this one (`{ ref: label }`). */
  readonly label?: string;
  /** Properties in the order in which they are written. */
  readonly properties: Readonly<Record<string, FdtValue>>;
  /** Child nodes by full name. */
  readonly children?: Readonly<Record<string, FdtNode>>;
  /** Nodes that belong to the device but have no address (for example a power-off node), by full name: they go under the root. */
  readonly siblings?: Readonly<Record<string, FdtNode>>;
  /** Properties for `/chosen` (for example `stdout-path`); `$path` in a string is replaced by this node's path. */
  readonly chosen?: Readonly<Record<string, FdtValue>>;
  /** Cells of its interrupt specifier (default 1); 0: none is written even if the device has an interrupt. */
  readonly interruptCells?: number;
}

/** A whole node. */
export interface FdtNode {
  /** Name by which other nodes refer to this one. */
  label?: string;
  /** Properties in the order in which they are written. */
  properties: Record<string, FdtValue>;
  /** Child nodes by full name (`serial@10000000`). */
  children: Record<string, FdtNode>;
}
