/**
 * What a VM does about each exit of a vCPU. Whatever the guest did, nothing here throws for it.
 *
 * @module
 */
import { hex } from "./address.ts";
import type { AxVCpuExitReason, CpuUpExit, MmioReadExit, MmioWriteExit, NestedPageFaultExit } from "./exit.ts";
import { ivcHypercall } from "./ivc.ts";
import type { AxVCpu } from "./vcpu.ts";
import type { VmMachine } from "./vm_machine.ts";

/** Handles an exit. The exit object is read completely before the CPU or a device is touched. */
export function handleExit(machine: VmMachine, cpu: AxVCpu, exit: AxVCpuExitReason): void {
  switch (exit.kind) {
    case "MmioRead":
      return mmioRead(machine, cpu, exit);
    case "MmioWrite":
      return mmioWrite(machine, cpu, exit);
    case "NestedPageFault":
      return nestedPageFault(machine, cpu, exit);
    case "Halt":
      return halt(machine, cpu, exit.suspend ?? false);
    case "Hypercall": {
      const result = ivcHypercall(machine.ivc, machine.ram, exit.nr, exit.args);
      return cpu.arch.setReturnValue(result, result >> 31);
    }
    case "CpuUp":
      return cpuUp(machine, cpu, exit);
    case "CpuDown":
      return cpuDown(machine, cpu);
    case "SystemDown":
      machine.power ??= { action: exit.action, code: exit.code };
      return;
    case "SendIPI":
      for (const target of exit.targets) machine.vcpus[target]?.interrupt(exit.vector);
      return;
    case "FailEntry":
      machine.failure = `virtual CPU ${cpu.id} cannot enter the guest: ${exit.reason}`;
      return;
    case "SysRegRead":
    case "IoRead":
      // Nobody emulates system registers or ports: the guest gets the fault of an access that nothing answers.
      return cpu.arch.injectFault("access", "read");
    case "SysRegWrite":
    case "IoWrite":
      return cpu.arch.injectFault("access", "write");
    case "ExternalInterrupt":
      // There is no host hardware that interrupts: coming back to the run loop, which looks for work, is all there is to do.
      return;
    case "Nothing":
      return;
  }
}

function mmioRead(machine: VmMachine, cpu: AxVCpu, exit: MmioReadExit): void {
  const { bus } = machine;
  const low = bus.read(exit.addr, exit.width);
  if (low < 0) return cpu.arch.injectFault("access", "read");
  machine.deviceReads++;
  cpu.arch.completeMmioRead(low, bus.high);
}

function mmioWrite(machine: VmMachine, cpu: AxVCpu, exit: MmioWriteExit): void {
  if (!machine.bus.write(exit.addr, exit.width, exit.low, exit.high)) return cpu.arch.injectFault("access", "write");
  machine.deviceWrites++;
  cpu.arch.completeMmioWrite();
}

function nestedPageFault(machine: VmMachine, cpu: AxVCpu, exit: NestedPageFaultExit): void {
  if (machine.space.handlePageFault(exit.addr, exit.access)) return;
  cpu.arch.injectFault("access", exit.access);
}

function halt(machine: VmMachine, cpu: AxVCpu, suspend: boolean): void {
  if (cpu.arch.hasPendingInterrupt()) return;
  machine.schedule.suspended[cpu.id] = suspend;
  cpu.block();
}

/** Starts a CPU from scratch: registers as after a reset, its number and an argument in the first two argument registers. */
function cpuUp(machine: VmMachine, cpu: AxVCpu, exit: CpuUpExit): void {
  const { schedule, vcpus, space } = machine;
  const target = vcpus[exit.targetCpu];
  if (target === undefined || schedule.started[exit.targetCpu]) return cpu.arch.setReturnValue(-1, -1);
  const { targetCpu, entryPoint, argLow, argHigh } = exit;
  target.reset(entryPoint, space.root);
  target.arch.setArgument(0, targetCpu, 0);
  target.arch.setArgument(1, argLow, argHigh);
  schedule.started[targetCpu] = true;
}

function cpuDown(machine: VmMachine, cpu: AxVCpu): void {
  machine.schedule.started[cpu.id] = false;
  machine.schedule.left = 0;
  cpu.unbind();
}

/** Tells what a device did wrong, as the reason why the VM ends. */
export function deviceFailure(machine: VmMachine, device: string, error: unknown): void {
  const built = machine.devices.find(({ spec }) => spec.name === device);
  const reason = error instanceof Error ? error.message : String(error);
  machine.failure ??= `[plugin ${built?.plugin ?? "?"}] device "${device}" at ${
    hex(built?.base ?? 0)
  } failed: ${reason}`;
}
