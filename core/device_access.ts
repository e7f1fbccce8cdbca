/**
 * Accesses to devices without an exit: what the VM does about an `MmioRead` or `MmioWrite`, while the CPU runs.
 *
 * Observers of exits are promised to see each one, so where there are any this way is closed.
 *
 * @module
 */
import type { AccessWidth, GuestPhysAddr } from "./address.ts";
import type { DeviceAccess } from "./arch_vcpu.ts";
import type { AxVCpu } from "./vcpu.ts";
import type { VmMachine } from "./vm_machine.ts";

/** The short way to the devices of a VM. */
export class DirectAccess implements DeviceAccess {
  high = 0;
  #machine: VmMachine | undefined;

  /** Opens the way to the devices of a machine, now that it is built. */
  open(machine: VmMachine): void {
    if (machine.exitHooks.length === 0) this.#machine = machine;
  }

  read(cpu: number, address: GuestPhysAddr, width: AccessWidth): number {
    const machine = this.#machine;
    if (machine === undefined) return -1;
    const { bus } = machine;
    const low = bus.read(address, width);
    if (low < 0) return -1;
    this.high = bus.high;
    machine.deviceReads++;
    const vcpu = machine.vcpus[cpu];
    vcpu.exitCounts.MmioRead++;
    afterAccess(machine, vcpu);
    return low;
  }

  write(cpu: number, address: GuestPhysAddr, width: AccessWidth, low: number, high: number): boolean {
    const machine = this.#machine;
    if (machine === undefined || !machine.bus.write(address, width, low, high)) return false;
    machine.deviceWrites++;
    const vcpu = machine.vcpus[cpu];
    vcpu.exitCounts.MmioWrite++;
    afterAccess(machine, vcpu);
    return true;
  }
}

/** If the device asked for the end of the VM, or failed, the run loop must take over. */
function afterAccess(machine: VmMachine, cpu: AxVCpu): void {
  machine.clock.worked();
  if (machine.power !== undefined || machine.failure !== undefined) cpu.arch.kick();
}
