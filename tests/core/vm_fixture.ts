/**
 * VMs of the scripted architecture for tests of core.
 *
 * @module
 */
import type { VmConfigInput } from "../../core/config_types.ts";
import type { Device, DeviceSpec } from "../../core/device.ts";
import { Hypervisor, type HypervisorOptions } from "../../core/hypervisor.ts";
import type { Plugin, PluginContext } from "../../core/plugin_types.ts";
import type { AxVM } from "../../core/vm.ts";
import { type ScriptedArch, scriptedArch, type ScriptedVCpu, type ScriptStep } from "./scripted_arch.ts";

/** Start of RAM. */
export const RAM = 0x8000_0000;

/** Bytes of RAM: small, so that tests are fast. */
export const RAM_SIZE = 8 * 2 ** 20;

/** An image of the scripted architecture. */
export const IMAGE: Uint8Array = new TextEncoder().encode("SCRIPTED image");

/** The least configuration with small RAM. */
export function config(extra: Partial<VmConfigInput> = {}): VmConfigInput {
  const { kernel, ...rest } = extra;
  return { kernel: { image: IMAGE, memory_regions: [[RAM, RAM_SIZE, 7, 0]], ...kernel }, ...rest };
}

/** What {@link scriptedVm} made. */
export interface ScriptedVm {
  /** The hypervisor around it. */
  readonly hypervisor: Hypervisor;
  /** The VM. */
  readonly vm: AxVM;
  /** Its architecture. */
  readonly arch: ScriptedArch;
  /** vCPU 0. */
  readonly cpu: ScriptedVCpu;
}

/** Makes a VM whose vCPU `i` plays `scripts[i]`. */
export async function scriptedVm(
  scripts: ScriptStep[][],
  extra: Partial<VmConfigInput> = {},
  options: Partial<HypervisorOptions> = {},
): Promise<ScriptedVm> {
  const arch = scriptedArch(...scripts);
  const hypervisor = new Hypervisor({ architectures: [arch], ...options });
  const vm = await hypervisor.createVm(config({ base: { cpu_num: scripts.length }, ...extra }));
  return { hypervisor, vm, arch, cpu: arch.cpus[0] };
}

/** A plugin around a function. */
export function plugin(setup: (context: PluginContext) => void | Promise<void>, name = "test"): Plugin {
  return { name, apiVersion: 1, setup };
}

/** A plugin with one device at 0x10000000. */
export function devicePlugin(device: Device, spec: Partial<DeviceSpec> = {}, name = "test"): Plugin {
  return plugin((context) => {
    context.device({ name: "device0", base: 0x1000_0000, size: 0x100, create: () => device, ...spec });
  }, name);
}

/** A device that keeps one 32-bit register, and counts. */
export function registerDevice(): Device & { state: { value: number; resets: number; disposals: number } } {
  const state = { value: 0, resets: 0, disposals: 0 };
  return {
    state,
    read: () => state.value,
    write: (_offset, value) => void (state.value = value),
    reset: () => void (state.value = 0, state.resets++),
    dispose: () => void state.disposals++,
  };
}

/** The exit that powers off. */
export function shutdown(code = 0): ScriptStep {
  return { kind: "SystemDown", action: "shutdown", code };
}
