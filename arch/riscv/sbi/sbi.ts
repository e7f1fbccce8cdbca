/**
 * What an SBI extension is: one object with its functions; ours are written exactly as a third party's would be
 * (SBI 3.0, chapters 3 "Binary Encoding" and 4 "Base Extension").
 *
 * @module
 */
import type { GuestPhysAddr } from "../../../core/address.ts";
import type { Clock } from "../../../core/clock.ts";
import type { ConsolePort } from "../../../core/console.ts";
import type { AxVCpuExitReason } from "../../../core/exit.ts";
import { type ExtensionPoint, extensionPoint } from "../../../core/plugin_types.ts";
import type { Hart } from "../hart.ts";

/** Error codes (SBI 3.0, table "Standard SBI Errors"). */
export const SbiError = {
  SUCCESS: 0,
  FAILED: -1,
  NOT_SUPPORTED: -2,
  INVALID_PARAM: -3,
  DENIED: -4,
  INVALID_ADDRESS: -5,
  ALREADY_AVAILABLE: -6,
  ALREADY_STARTED: -7,
  ALREADY_STOPPED: -8,
  NO_SHMEM: -9,
  INVALID_STATE: -10,
  BAD_RANGE: -11,
  TIMEOUT: -12,
  IO: -13,
  DENIED_LOCKED: -14,
} as const;

/** What a function answers: the error for a0 and the value for a1. */
export interface SbiResult {
  /** Error code: 0 or negative. */
  readonly error: number;
  /** Low half of the value (default 0). */
  readonly low?: number;
  /** High half of the value (default 0; give -1 with a negative low half). */
  readonly high?: number;
  /** The VM must see this exit; the registers are written first. */
  readonly exit?: AxVCpuExitReason;
  /** Leaves a0 and a1 alone (calls that do not return, like a hart stop). */
  readonly noReturn?: boolean;
  /** The guest takes this exception at its ECALL instead of an answer: what legacy calls do about a bad pointer. */
  readonly fault?: SbiFault;
}

/** An exception for the guest's supervisor. */
export interface SbiFault {
  /** Exception code. */
  readonly cause: number;
  /** Low half of what stval takes. */
  readonly low: number;
  /** High half of what stval takes. */
  readonly high: number;
}

/** One call of a guest. */
export interface SbiCall {
  /** Index of the virtual CPU that calls. */
  readonly cpu: number;
  /** Its hart. */
  readonly hart: Hart;
  /** The VM around it. */
  readonly machine: SbiMachine;
  /** Function number, a6; 0 in legacy calls. */
  readonly fid: number;
  /** Low half of argument register a0..a5, signed 32 bits. */
  low(index: number): number;
  /** High half of argument register a0..a5, signed 32 bits. */
  high(index: number): number;
  /** The argument as an address or count: exact below 2^53, Infinity above. */
  number(index: number): number;
}

/** Functions of an extension by number. */
export type SbiFunctions = Readonly<Record<number, (call: SbiCall) => SbiResult>>;

/** An SBI extension. */
export interface SbiExtension {
  /** Extension number, a7. Third parties use 0x08000000..0x09ffffff. */
  readonly eid: number;
  /** Name for messages: `TIME`. */
  readonly name: string;
  /** Its functions. The dispatcher answers `SBI_ERR_NOT_SUPPORTED` for others, and probes. */
  readonly functions: SbiFunctions;
  /** What a probe of the extension returns (default 1). */
  readonly probe?: (machine: SbiMachine) => number;
  /** Legacy calling convention: a6 is ignored, function 0 answers, and only a0 is written, with `error`. */
  readonly legacy?: boolean;
  /** Makes its state, everything that a snapshot must hold: one plain, structured-cloneable object for the VM. */
  readonly createState?: (machine: SbiMachine) => object;
  /** Virtual CPU `cpu` starts from reset: forgets what belonged to it. */
  readonly hartReset?: (machine: SbiMachine, cpu: number) => void;
}

/** What extensions may use of the VM. */
export interface SbiMachine {
  /** Number of virtual CPUs. */
  readonly cpus: number;
  /** The hart of virtual CPU `index`. */
  hart(index: number): Hart;
  /** Whether virtual CPU `index` is started, stopped, or suspended. */
  status(index: number): "started" | "stopped" | "suspended";
  /** The console of firmware output. */
  readonly console: ConsolePort;
  /** Time. */
  readonly clock: Clock;
  /** Copies bytes out of guest memory; undefined if any byte is not RAM. */
  readGuest(address: GuestPhysAddr, length: number): Uint8Array | undefined;
  /** Copies bytes into guest memory; false if any byte is not writable RAM. */
  writeGuest(address: GuestPhysAddr, bytes: Uint8Array): boolean;
  /** All registered extensions by number, for probes. */
  readonly extensions: ReadonlyMap<number, SbiExtension>;
  /** State of an extension, as its `createState` made it. */
  stateOf<State extends object>(extension: SbiExtension): State;
}

/** Plugins add extensions here: `context.extend(sbiExtension, { eid, name, functions })`. */
export const sbiExtension: ExtensionPoint<SbiExtension> = extensionPoint("sbi-extension");
