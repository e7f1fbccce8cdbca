/**
 * Devices of a VM: registration on the bus, wires to the interrupt controller, reset.
 *
 * @module
 */
import type { MmioBus } from "./bus.ts";
import { show } from "./config_checks.ts";
import type { Device } from "./device.ts";
import { HypervisorError } from "./errors.ts";
import { checkFdtBody } from "./fdt.ts";
import type { IrqController, IrqLine } from "./irq.ts";
import { attempt, type DeviceRequest, pluginError } from "./plugin.ts";
import type { BuiltDevice } from "./vm_machine.ts";

/** The wire of one device. It may be driven before the controller at its other end exists. */
export class Wire implements IrqLine {
  #irq: number;
  #level = false;
  #controller: IrqController | undefined;

  /** A wire to input `irq`. */
  constructor(irq: number) {
    this.#irq = irq;
  }

  /** Drives the wire. */
  set(asserted: boolean): void {
    if (asserted === this.#level) return;
    this.#level = asserted;
    this.#controller?.setIrq(this.#irq, asserted);
  }

  /** Ends the wire at a controller, which learns a level that was set before. */
  connect(controller: IrqController): void {
    this.#controller = controller;
    if (this.#level) controller.setIrq(this.#irq, true);
  }

  /** The level is low, and whoever listens knows that already: after a restore the controller's state says the rest. */
  forget(): void {
    this.#level = false;
  }
}

/** Devices and their wires. */
export interface DeviceSet {
  /** Devices in the order of registration. */
  readonly devices: readonly BuiltDevice[];
  /** Wires of those that have one. */
  readonly wires: readonly Wire[];
}

/**
 * Registers, makes and wires the devices that plugins asked for. If one fails, those that were made are disposed of.
 *
 * @param withInterrupts false: no device has a wire
 */
export function createDevices(requests: readonly DeviceRequest[], bus: MmioBus, withInterrupts: boolean): DeviceSet {
  for (const { plugin, spec, base, irq } of requests) {
    attempt(plugin, `Cannot add device "${spec.name}"`, () => {
      if (spec.fdt !== undefined) checkFdtBody(spec.fdt);
      bus.add({
        name: spec.name,
        owner: `plugin "${plugin}"`,
        base,
        size: spec.size,
        irq: withInterrupts ? irq : undefined,
      });
    });
  }
  const devices: BuiltDevice[] = [];
  const wires: Wire[] = [];
  try {
    for (const { plugin, spec, base, irq: wanted } of requests) {
      const irq = withInterrupts ? wanted : undefined;
      const wire = new Wire(irq ?? 0);
      const device = attempt(plugin, `Cannot create device "${spec.name}"`, () => checked(spec.create({ irq: wire })));
      devices.push({ plugin, spec, base, irq, device });
      if (irq !== undefined) wires.push(wire);
      bus.attach(spec.name, device);
    }
    const controller = findController(devices);
    if (controller) {
      checkInputs(devices, controller);
      for (const wire of wires) wire.connect(controller.device.irqController!);
    }
  } catch (error) {
    disposeDevices(devices);
    throw error;
  }
  return { devices, wires };
}

/** Lets go of devices of a VM that is not to be. What goes wrong meanwhile must not hide why. */
function disposeDevices(devices: readonly BuiltDevice[]): void {
  for (const { device } of devices.toReversed()) void (async () => await device.dispose?.())().catch(() => {});
}

/** Plugins need not be TypeScript, so nobody may have checked what they return. */
function checked(device: Device): Device {
  if (typeof device !== "object" || device === null) {
    throw new HypervisorError(`its create() returned ${show(device)}; return an object with state, read and write`);
  }
  const { state, read, write } = device;
  if (typeof state === "object" && state !== null && typeof read === "function" && typeof write === "function") {
    return device;
  }
  throw new HypervisorError("its create() returned an object that lacks state, read or write; give it all three");
}

/** A wire to an input that does not exist would be silent for ever. */
function checkInputs(devices: readonly BuiltDevice[], { plugin: owner, spec: { name }, device }: BuiltDevice): void {
  const { inputs } = device.irqController!;
  if (inputs === undefined) return;
  for (const { plugin, spec, irq } of devices) {
    if (irq === undefined || (irq >= inputs.first && irq <= inputs.last)) continue;
    throw pluginError(
      plugin,
      `Cannot wire device "${spec.name}" to interrupt ${irq}: "${name}" of plugin "${owner}" has inputs ${inputs.first} ` +
        `to ${inputs.last}; give the device one of these`,
    );
  }
}

/** The interrupt controller of a VM. Throws if there are several. */
export function findController(devices: readonly BuiltDevice[]): BuiltDevice | undefined {
  const controllers = devices.filter(({ device }) => device.irqController !== undefined);
  if (controllers.length > 1) {
    const names = controllers.map(({ plugin, spec }) => `"${spec.name}" of plugin "${plugin}"`).join(" and ");
    throw new HypervisorError(`Cannot wire the devices: ${names} are both interrupt controllers; keep one of them`);
  }
  return controllers[0];
}

/** Puts all devices into their power-on state, the interrupt controller first, so that it sees what the others drive. */
export function resetDevices({ devices, wires }: DeviceSet): void {
  for (const wire of wires) wire.set(false);
  const controllersFirst = [...devices].sort((a, b) =>
    Number(b.device.irqController !== undefined) - Number(a.device.irqController !== undefined)
  );
  for (const { plugin, spec, device } of controllersFirst) {
    attempt(plugin, `Cannot reset device "${spec.name}"`, () => device.reset?.());
  }
}
