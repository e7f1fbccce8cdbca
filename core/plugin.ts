/**
 * The plugin loader: from a path, URL or module object to a set-up plugin, and what it may touch meanwhile.
 *
 * Nothing that a plugin registers takes effect before every plugin of the VM was set up; if one fails, nothing remains.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { nearest, show } from "./config_checks.ts";
import type { PluginConfig, PluginModule } from "./config_types.ts";
import type { ConsolePort } from "./console.ts";
import type { DeviceSpec } from "./device.ts";
import { HypervisorError } from "./errors.ts";
import type { AxVCpuExitReason } from "./exit.ts";
import type { IrqLine } from "./irq.ts";
import {
  type ExtensionPoint,
  type GuestDma,
  type Plugin,
  PLUGIN_API_VERSION,
  type PluginContext,
  type VmControl,
} from "./plugin_types.ts";
import { resolveUrl } from "./vm_host.ts";

/** What the VM lends to its plugins. */
export interface PluginServices {
  /** Guest memory. */
  readonly memory: GuestDma;
  /** The VM's clock. */
  readonly clock: Clock;
  /** Opens a console. */
  console(name: string): ConsolePort;
  /** Looks a wire of the architecture up. */
  irq(name: string): IrqLine | undefined;
  /** Gives a value to the owner of an extension point; throws if nobody owns it. */
  extend(point: ExtensionPoint<unknown>, value: unknown): void;
  /** What a device may ask of the VM, on behalf of the plugin of that name. */
  control(plugin: string): VmControl;
  /** Ends the VM because something that a plugin left behind threw. */
  failed(plugin: string, what: string, error: unknown): void;
}

/** A device that a plugin asked for. */
export interface DeviceRequest {
  /** Name of the plugin, for messages. */
  readonly plugin: string;
  /** What the plugin said. */
  readonly spec: DeviceSpec;
  /** Its base address: the configuration's, else the plugin's. */
  readonly base: number;
  /** Its interrupt number: the configuration's, else the plugin's. */
  readonly irq: number | undefined;
}

/** All that the plugins of a VM registered. */
export interface Registrations {
  /** Devices in the order in which they were asked for. */
  readonly devices: DeviceRequest[];
  /** Observers of exits. */
  readonly exitHooks: ((cpu: number, exit: AxVCpuExitReason) => void)[];
  /** Called when the VM is reset. */
  readonly resetHooks: (() => void)[];
  /** Extensions, in order. */
  readonly extensions: { plugin: string; point: ExtensionPoint<unknown>; value: unknown }[];
}

/** An error of a plugin, with its name in front. */
export function pluginError(name: string, problem: string, cause?: unknown): HypervisorError {
  const message = `[plugin ${name}] ${problem}`;
  return cause === undefined ? new HypervisorError(message) : new HypervisorError(message, { cause });
}

/**
 * Imports a plugin and checks what it is.
 *
 * @param use Path or URL of a module, or the module itself
 * @param base What relative paths are relative to
 */
export async function loadPlugin(use: string | PluginModule, base: URL | undefined): Promise<Plugin> {
  if (typeof use !== "string") return checkPlugin("default" in use ? use.default : use, "module object");
  const specifier = /^(npm|jsr|node):/.test(use) ? use : resolveUrl(use, base, "plugin").href;
  let module: { default?: unknown };
  try {
    module = await import(specifier);
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).split("\n")[0].replace(/\.$/, "");
    const advice = reason === `Module not found "${specifier}"` ? "there is no such module; check the path" : reason;
    throw pluginError(use, `Cannot load ${specifier}: ${advice}`, cause);
  }
  if (!("default" in module)) {
    throw pluginError(use, `${specifier} has no default export; write "export default { name, apiVersion, setup }"`);
  }
  return checkPlugin(module.default, use);
}

function checkPlugin(value: unknown, where: string): Plugin {
  if (typeof value !== "object" || value === null) {
    throw pluginError(where, `The default export must be a plugin object, not ${show(value)}`);
  }
  const plugin = value as Partial<Plugin>;
  if (typeof plugin.name !== "string" || plugin.name === "") throw pluginError(where, "The plugin has no name");
  if (plugin.apiVersion !== PLUGIN_API_VERSION) {
    throw pluginError(
      plugin.name,
      `The plugin is written for version ${show(plugin.apiVersion)} of the plugin interface, but this is version ` +
        `${PLUGIN_API_VERSION}; use a plugin of that version`,
    );
  }
  if (typeof plugin.setup !== "function") throw pluginError(plugin.name, "The plugin has no setup function");
  return value as Plugin;
}

/** Loads and sets up all plugins of a VM, in order. */
export async function setupPlugins(
  configs: readonly PluginConfig[],
  base: URL | undefined,
  services: PluginServices,
): Promise<Registrations> {
  const registrations: Registrations = { devices: [], exitHooks: [], resetHooks: [], extensions: [] };
  const loaded: { plugin: Plugin; config: PluginConfig }[] = [];
  for (const config of configs) {
    const plugin = await loadPlugin(config.use, base);
    checkOptions(plugin, config);
    loaded.push({ plugin, config });
  }
  for (const { plugin, config } of loaded) await setupPlugin(plugin, config, services, registrations);
  for (const { plugin, point, value } of registrations.extensions) {
    attempt(plugin, `Cannot extend "${point.name}"`, () => services.extend(point, value));
  }
  return registrations;
}

function checkOptions(plugin: Plugin, config: PluginConfig): void {
  const known = Object.keys(plugin.options ?? {});
  const unknown = Object.keys(config.options ?? {}).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const names = unknown.map((name) => `"${name}"${nearest(name, known)}`).join(", ");
  const list = known.length === 0 ? "it knows none" : `it knows ${known.map((name) => `"${name}"`).join(", ")}`;
  throw pluginError(plugin.name, `Unknown option ${names}; ${list}`);
}

async function setupPlugin(
  plugin: Plugin,
  config: PluginConfig,
  services: PluginServices,
  registrations: Registrations,
): Promise<void> {
  const { context, close } = createContext(plugin.name, config, services, registrations);
  try {
    await plugin.setup(context);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw pluginError(plugin.name, reason.replace(`[plugin ${plugin.name}] `, ""), cause);
  }
  const devices = close();
  if (devices === 0 && (config.base !== undefined || config.irq !== undefined)) {
    throw pluginError(plugin.name, "The configuration gives a base or an irq, but the plugin has no device");
  }
}

/** Makes the context of one plugin. `close` ends registration and tells how many devices there are. */
function createContext(
  name: string,
  config: PluginConfig,
  services: PluginServices,
  registrations: Registrations,
): { context: PluginContext; close: () => number } {
  let devices = 0;
  let open = true;
  const register = (what: string): void => {
    if (!open) throw pluginError(name, `${what} is possible during setup only`);
  };
  const guarded = guard((what, error) => services.failed(name, what, error));
  const control = services.control(name);
  const context: PluginContext = {
    device(spec) {
      register(`Adding device "${spec.name}"`);
      devices++;
      if (devices > 1 && (config.base !== undefined || config.irq !== undefined)) {
        throw pluginError(
          name,
          `The configuration gives one base or irq, but the plugin has more devices ("${spec.name}")`,
        );
      }
      const base = config.base ?? spec.base;
      registrations.devices.push({ plugin: name, spec, base, irq: config.irq ?? spec.irq });
    },
    extend(point, value) {
      register(`Extending "${point.name}"`);
      registrations.extensions.push({ plugin: name, point, value });
    },
    irq: (wire) => services.irq(wire),
    memory: services.memory,
    clock: guardedClock(services.clock, guarded),
    console: (consoleName) => services.console(consoleName),
    options: config.options ?? {},
    onExit(hook) {
      register("Observing exits");
      registrations.exitHooks.push(guarded("The observer of exits", hook));
    },
    onReset(hook) {
      register("Observing resets");
      registrations.resetHooks.push(hook);
    },
    vm: {
      ...control,
      later: (work, done, device) => control.later(work, guarded("Completing background work", done), device),
    },
  };
  return {
    context,
    close: () => {
      open = false;
      return devices;
    },
  };
}

/** Makes a function that never throws of one that a plugin leaves behind. */
type Guard = <Args extends unknown[]>(what: string, action: (...args: Args) => void) => (...args: Args) => void;

function guard(failed: (what: string, error: unknown) => void): Guard {
  return (what, action) => (...args) => {
    try {
      action(...args);
    } catch (error) {
      failed(what, error);
    }
  };
}

function guardedClock(clock: Clock, guarded: Guard): Clock {
  return {
    frequency: clock.frequency,
    get epoch(): number {
      return clock.epoch;
    },
    now: () => clock.now(),
    timer: (name, callback) => clock.timer(name, guarded(`Timer "${name}"`, callback)),
  };
}

/** Does something for a plugin; an error gets the plugin's name. */
export function attempt<Result>(plugin: string, what: string, action: () => Result): Result {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw reason.startsWith("[plugin ") ? cause : pluginError(plugin, `${what}: ${reason}`, cause);
  }
}
