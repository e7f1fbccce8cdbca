/**
 * Why a virtual CPU came back to the hypervisor: the exit reasons of the axvcpu crate as one discriminated union.
 *
 * 64-bit payloads are pairs of 32-bit numbers (`low`, `high`), because an exit is a hot path and `bigint` is slow there.
 * An architecture may reuse one exit object per kind: read what you need before you run the CPU again.
 *
 * @module
 */
import type { AccessWidth, GuestPhysAddr } from "./address.ts";

/** What a memory access wanted to do. */
export type AccessKind = "read" | "write" | "execute";

/** Why {@link AxArchVCpu.run} returned. */
export type AxVCpuExitReason =
  | HypercallExit
  | MmioReadExit
  | MmioWriteExit
  | SysRegReadExit
  | SysRegWriteExit
  | IoReadExit
  | IoWriteExit
  | ExternalInterruptExit
  | NestedPageFaultExit
  | HaltExit
  | CpuUpExit
  | CpuDownExit
  | SystemDownExit
  | NothingExit
  | FailEntryExit
  | SendIpiExit;

/** The guest called the hypervisor. */
export interface HypercallExit {
  /** Tag of the union. */
  kind: "Hypercall";
  /** Number of the call. */
  nr: number;
  /** Six arguments as low/high pairs: 12 numbers. */
  args: Int32Array;
}

/** The guest reads an address that no memory backs. Answer with `completeMmioRead`. */
export interface MmioReadExit {
  /** Tag of the union. */
  kind: "MmioRead";
  /** Guest-physical address of the first byte. */
  addr: GuestPhysAddr;
  /** Bytes to read. */
  width: AccessWidth;
  /** Architecture's number of the register that takes the value. */
  reg: number;
  /** Bytes of the register. */
  regWidth: AccessWidth;
  /** Whether the value is sign-extended to the register's width. */
  signedExt: boolean;
}

/** The guest writes an address that no memory backs. Answer with `completeMmioWrite`. */
export interface MmioWriteExit {
  /** Tag of the union. */
  kind: "MmioWrite";
  /** Guest-physical address of the first byte. */
  addr: GuestPhysAddr;
  /** Bytes to write. */
  width: AccessWidth;
  /** Low 32 bits of the data, unsigned, masked to the width. */
  low: number;
  /** High 32 bits of the data, unsigned; 0 unless the width is 8. */
  high: number;
}

/** The guest reads a system register that the hypervisor emulates. */
export interface SysRegReadExit {
  /** Tag of the union. */
  kind: "SysRegRead";
  /** Address of the system register. */
  addr: number;
  /** General-purpose register that takes the value. */
  reg: number;
}

/** The guest writes a system register that the hypervisor emulates. */
export interface SysRegWriteExit {
  /** Tag of the union. */
  kind: "SysRegWrite";
  /** Address of the system register. */
  addr: number;
  /** Low 32 bits of the value. */
  low: number;
  /** High 32 bits of the value. */
  high: number;
}

/** The guest reads an I/O port (architectures that have ports). */
export interface IoReadExit {
  /** Tag of the union. */
  kind: "IoRead";
  /** Port number. */
  port: number;
  /** Bytes to read. */
  width: AccessWidth;
}

/** The guest writes an I/O port (architectures that have ports). */
export interface IoWriteExit {
  /** Tag of the union. */
  kind: "IoWrite";
  /** Port number. */
  port: number;
  /** Bytes to write. */
  width: AccessWidth;
  /** Data, unsigned. */
  data: number;
}

/** An interrupt for the host arrived while the guest ran. */
export interface ExternalInterruptExit {
  /** Tag of the union. */
  kind: "ExternalInterrupt";
  /** Architecture's number of the interrupt. */
  vector: number;
}

/** The guest touched a guest-physical address that the nested page table does not allow. */
export interface NestedPageFaultExit {
  /** Tag of the union. */
  kind: "NestedPageFault";
  /** Guest-physical address. */
  addr: GuestPhysAddr;
  /** What the access wanted. */
  access: AccessKind;
}

/** The virtual CPU waits for an interrupt. It is Blocked until something wakes it. */
export interface HaltExit {
  /** Tag of the union. */
  kind: "Halt";
  /** Whether the CPU counts as suspended until then (a firmware call), and not just as waiting (an instruction). */
  suspend?: boolean;
}

/** The guest starts another virtual CPU. */
export interface CpuUpExit {
  /** Tag of the union. */
  kind: "CpuUp";
  /** Index of the CPU to start. */
  targetCpu: number;
  /** Guest-physical address of its first instruction. */
  entryPoint: GuestPhysAddr;
  /** Low 32 bits of the argument that the CPU finds. */
  argLow: number;
  /** High 32 bits of the argument that the CPU finds. */
  argHigh: number;
}

/** The guest stops the virtual CPU that exits. */
export interface CpuDownExit {
  /** Tag of the union. */
  kind: "CpuDown";
}

/** The guest asks for a power-off or a reboot of the whole VM. */
export interface SystemDownExit {
  /** Tag of the union. */
  kind: "SystemDown";
  /** What is asked for. */
  action: "shutdown" | "reboot";
  /** Exit code that the guest reports; 0 is success. */
  code: number;
}

/** Handled inside, or the instruction budget is used up. */
export interface NothingExit {
  /** Tag of the union. */
  kind: "Nothing";
}

/** The virtual CPU could not enter the guest. */
export interface FailEntryExit {
  /** Tag of the union. */
  kind: "FailEntry";
  /** What is wrong, in words. */
  reason: string;
}

/** The guest interrupts other virtual CPUs. */
export interface SendIpiExit {
  /** Tag of the union. */
  kind: "SendIPI";
  /** Indexes of the virtual CPUs to interrupt. */
  targets: readonly number[];
  /** Architecture's number of the interrupt. */
  vector: number;
}

/** The name of an exit, for statistics. */
export type ExitKind = AxVCpuExitReason["kind"];
