/**
 * `Hypervisor`: the set of VMs of a process, by number and name.
 *
 * @module
 */
import type { ArchModule } from "./arch_vcpu.ts";
import { validateConfig } from "./config.ts";
import type { VmConfigInput } from "./config_types.ts";
import { HypervisorError } from "./errors.ts";
import { IvcHub } from "./ivc.ts";
import { HostMemory } from "./memory.ts";
import { AxVM, type VmStatus } from "./vm.ts";
import { createMinimalHost, type VmHost } from "./vm_host.ts";

/** How a hypervisor is made. */
export interface HypervisorOptions {
  /** Architectures, the default one first. */
  architectures: readonly ArchModule[];
  /** Services of the host. Default: web standards alone, with virtual time. */
  host?: VmHost;
  /** Bytes of one host memory for all VMs, so that they can exchange channels; left out: each VM has its own. */
  sharedMemory?: number;
}

/** How a VM is made. */
export interface CreateVmOptions {
  /** What relative paths in the configuration are relative to. */
  base?: URL | string;
  /** Services of the host for this VM, in place of the hypervisor's. */
  host?: VmHost;
}

/** A VM in a listing. */
export interface VmInfo {
  /** Number. */
  readonly id: number;
  /** Name. */
  readonly name: string;
  /** Kind of guest, as `base.vm_type` says: 1 real-time system, 2 Linux. */
  readonly vmType: number;
  /** State. */
  readonly status: VmStatus;
}

/** Several VMs in one process. Each runs by its own `run()`; they take turns through the host's event loop. */
export class Hypervisor {
  #architectures: readonly ArchModule[];
  #host: VmHost;
  #memory: HostMemory | undefined;
  #hub: IvcHub = new IvcHub();
  /** VMs by number; undefined while one is being built. */
  #vms: Map<number, { name: string; vmType: number; vm: AxVM | undefined }> = new Map();
  #building: Set<Promise<AxVM>> = new Set();

  /** Makes a hypervisor without VMs. */
  constructor(options: HypervisorOptions) {
    if (options.architectures.length === 0) {
      throw new HypervisorError("Cannot create a hypervisor without an architecture; give at least one");
    }
    this.#architectures = options.architectures;
    this.#host = options.host ?? createMinimalHost();
    if (options.sharedMemory !== undefined) {
      this.#memory = new HostMemory({ size: options.sharedMemory, host: this.#host });
    }
  }

  /**
   * Validates a configuration and builds a VM.
   *
   * @throws {ConfigError} with every problem, or an error of the build; nothing remains then
   */
  async createVm(config: VmConfigInput | Record<string, unknown>, options: CreateVmOptions = {}): Promise<AxVM> {
    const valid = validateConfig(config);
    const id = valid.base.id ?? this.#freeId();
    const name = valid.base.name ?? `vm${id}`;
    const existing = this.#vms.get(id);
    if (existing) {
      throw new HypervisorError(
        `Cannot create VM "${name}": VM "${existing.name}" has number ${id}; choose another base.id`,
      );
    }
    const namesake = [...this.#vms].find(([, entry]) => entry.name === name);
    if (namesake) {
      throw new HypervisorError(
        `Cannot create VM "${name}": VM ${namesake[0]} has that name; choose another base.name`,
      );
    }
    const arch = this.#architecture(valid.arch.name, name);
    const entry: { name: string; vmType: number; vm: AxVM | undefined } = {
      name,
      vmType: valid.base.vm_type,
      vm: undefined,
    };
    this.#vms.set(id, entry);
    try {
      const base = options.base === undefined ? undefined : new URL(options.base);
      const host = options.host ?? this.#host;
      const created = AxVM.create(valid, { id, name, arch, host, base, memory: this.#memory, hub: this.#hub });
      const building = created.then((vm) => entry.vm = vm).finally(() => this.#building.delete(building));
      this.#building.add(building);
      return await building;
    } catch (error) {
      this.#vms.delete(id);
      throw error;
    }
  }

  /** The VMs in order of number. */
  list(): VmInfo[] {
    const all = [...this.#vms].sort(([a], [b]) => a - b);
    return all.map(([id, { name, vmType, vm }]) => ({ id, name, vmType, status: vm?.status ?? "loading" }));
  }

  /** A VM by number or name; undefined if there is none, or it is being built. */
  get(idOrName: number | string): AxVM | undefined {
    if (typeof idOrName === "number") return this.#vms.get(idOrName)?.vm;
    return [...this.#vms.values()].find(({ name }) => name === idOrName)?.vm;
  }

  /** Stops a VM, releases what it holds, and forgets it. */
  async remove(idOrName: number | string): Promise<void> {
    const vm = this.get(idOrName);
    if (vm === undefined) {
      const known = this.list().map(({ id, name }) => `${id} "${name}"`).join(", ") || "none";
      throw new HypervisorError(
        `Cannot remove VM ${JSON.stringify(idOrName)}: there is no such VM; there are ${known}`,
      );
    }
    try {
      await vm.dispose();
    } finally {
      this.#vms.delete(vm.id);
    }
  }

  /**
   * Removes all VMs, those that are being built too.
   *
   * @throws the first error, after all of them were tried
   */
  async dispose(): Promise<void> {
    await Promise.allSettled(this.#building);
    const removals = this.list().map(({ id }) => this.remove(id));
    const failed = (await Promise.allSettled(removals)).find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  /** {@link dispose}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  #freeId(): number {
    let id = 0;
    while (this.#vms.has(id)) id++;
    return id;
  }

  #architecture(wanted: unknown, vm: string): ArchModule {
    if (wanted === undefined) return this.#architectures[0];
    const found = this.#architectures.find(({ name }) => name === wanted);
    if (found) return found;
    const known = this.#architectures.map(({ name }) => `"${name}"`).join(", ");
    throw new HypervisorError(
      `Cannot create VM "${vm}": arch.name ${JSON.stringify(wanted)} is not known; use ${known}`,
    );
  }
}
