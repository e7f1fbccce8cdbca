/**
 * The contract between a VM and a plugin: a module whose default export is a {@link Plugin}.
 *
 * A plugin needs at most `import type` from here; everything it uses at run time is handed to it.
 *
 * @module
 */
import type { GuestPhysAddr } from "./address.ts";
import type { BlockBackend, BlockMode } from "./block.ts";
import type { Clock } from "./clock.ts";
import type { ConsolePort } from "./console.ts";
import type { DeviceSpec } from "./device.ts";
import type { AxVCpuExitReason } from "./exit.ts";
import type { IrqLine } from "./irq.ts";

/** Version of this contract. A plugin that names another one is refused. */
export const PLUGIN_API_VERSION = 1;

/**
 * What a plugin module exports by default.
 *
 * ```ts
 * const plugin: Plugin = {
 *   name: "lamp",
 *   apiVersion: 1,
 *   setup(context) {
 *     const state = { lit: 0 };
 *     const create = (): Device => ({ state, read: () => state.lit, write: (_offset, value) => void (state.lit = value & 1) });
 *     context.device({ name: "lamp", base: 0x1000_d000, size: 0x1000, create });
 *   },
 * };
 *
 * export default plugin;
 * ```
 */
export interface Plugin {
  /** Name for messages: `uart`. */
  readonly name: string;
  /** {@link PLUGIN_API_VERSION} that the plugin was written for. */
  readonly apiVersion: number;
  /** Names of the options that it knows, with a description each; others are refused before `setup` is called. */
  readonly options?: Readonly<Record<string, string>>;
  /** Registers what the plugin brings. */
  setup(context: PluginContext): void | Promise<void>;
}

/** Direct memory access to the guest's RAM: checked copies, never a view. */
export interface GuestDma {
  /** Copies bytes out of guest memory, or returns undefined if any of them is not RAM. */
  read(address: GuestPhysAddr, length: number): Uint8Array | undefined;
  /** Copies bytes into guest memory; false (and nothing written) if any of them is not writable RAM. */
  write(address: GuestPhysAddr, bytes: Uint8Array): boolean;
}

/**
 * A place where an architecture or another part lets plugins add something. The part that owns it creates one with
 * {@link extensionPoint} and exports it; a plugin calls `context.extend(point, value)`.
 */
export interface ExtensionPoint<Value> {
  /** Name for messages: `firmware-extension`. */
  readonly name: string;
  /** Only there so that the compiler checks `extend`'s second argument. */
  readonly __value?: Value;
}

/** Makes an {@link ExtensionPoint}. */
export function extensionPoint<Value>(name: string): ExtensionPoint<Value> {
  return { name };
}

/** Values of a plugin's options, as TOML or JSON has them. */
export type PluginOptions = Readonly<Record<string, unknown>>;

/** What a plugin may do while it is set up. */
export interface PluginContext {
  /** Adds a device. Overlapping windows and shared interrupt numbers are refused with a message naming both parties. */
  device(spec: DeviceSpec): void;
  /** Adds something to an extension point, for example to the firmware that an architecture brings. */
  extend<Value>(point: ExtensionPoint<Value>, value: Value): void;
  /**
   * Looks a named interrupt wire up, undefined if this VM has no such wire. Names are the architecture's: an interrupt
   * controller asks for the inputs of the CPUs, for example `cpu0/external`.
   */
  irq(name: string): IrqLine | undefined;
  /** Guest memory for devices that master the bus. */
  readonly memory: GuestDma;
  /** The VM's clock. */
  readonly clock: Clock;
  /** Opens a console of the VM by name; the first one opened is what the terminal shows. */
  console(name: string): ConsolePort;
  /** The plugin's options from the VM's configuration. */
  readonly options: PluginOptions;
  /**
   * Observes the exits of all virtual CPUs. A turn that merely ends is one, of kind `Nothing`; where the host interrupts it is none.
   *
   * Accesses to devices are faster in a VM where nobody observes.
   */
  onExit(hook: (cpu: number, exit: AxVCpuExitReason) => void): void;
  /** Called when the VM is reset. */
  onReset(hook: () => void): void;
  /**
   * Speaks to the owner of the VM: messages, power-off and reboot, work that the host does in the background, symbols of the
   * loaded kernel.
   */
  readonly vm: VmControl;
}

/** What a device may ask of its VM. */
export interface VmControl {
  /** Powers the VM off at the end of the running instruction; `code` 0 is success. */
  powerOff(code: number): void;
  /** Resets the VM at the end of the running instruction. */
  reboot(): void;
  /** A message for the VM's owner; shown with the plugin's name. */
  log(message: string): void;
  /**
   * Completes work that the host does in the background: the VM applies `done` between slices, and counts it as in flight until then.
   *
   * @param device Which of the plugin's devices asks, if it has several: after a restore each makes its own requests again, in order
   */
  later<Result>(work: Promise<Result>, done: (result: Result) => void, device?: string): void;
  /** Asks the host to open a disk image; relative paths are resolved as the VM's configuration says. Throws if the host cannot. */
  openBlock(path: string, mode: BlockMode): Promise<BlockBackend>;
  /** Random bytes for the guest: the host's, or a repeatable sequence under a virtual clock. */
  random(length: number): Uint8Array;
  /** Address of a symbol of the loaded kernel image (ELF), undefined if there is none. */
  symbol(name: string): GuestPhysAddr | undefined;
}
