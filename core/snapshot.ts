/**
 * Snapshots: the whole state of a suspended VM as one plain tree, and back into a VM of the same configuration.
 *
 * @module
 */
import { PAGE_SIZE } from "./address.ts";
import type { CompletionState } from "./completions.ts";
import type { VmConfig } from "./config_types.ts";
import type { ConsoleState } from "./console_streams.ts";
import { HypervisorError } from "./errors.ts";
import { attempt } from "./plugin.ts";
import { isZero } from "./state_hash.ts";
import type { AxVCpuSnapshot } from "./vcpu.ts";
import type { ClockState } from "./vm_clock.ts";
import type { DeviceSet } from "./vm_devices.ts";
import type { BuiltDevice, Schedule, VmMachine } from "./vm_machine.ts";

/** Version of the tree. A snapshot of another version is refused. */
export const SNAPSHOT_VERSION = 1;

/** A piece of guest memory that has frames. */
export interface MemoryPiece {
  /** First guest-physical address. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
}

/** A piece of guest memory that is not all zero. */
export interface MemoryContents {
  /** First guest-physical address. */
  readonly address: number;
  /** Contents, whole pages. */
  readonly bytes: Uint8Array;
}

/** The state of a VM. Structured-cloneable; `encodeSnapshot` turns it into bytes. */
export interface VmSnapshot {
  /** {@link SNAPSHOT_VERSION}. */
  readonly version: number;
  /** What the VM must have in common with the one that was saved, as `key: value` lines. */
  readonly machine: readonly string[];
  /** Run loop. */
  readonly schedule: Schedule;
  /** Clock and timers. */
  readonly clock: ClockState;
  /** Repeatable random numbers; undefined under real time. */
  readonly random: readonly number[] | undefined;
  /** vCPUs by index. */
  readonly vcpus: readonly AxVCpuSnapshot[];
  /** What belongs to the VM and not to one CPU, in the architecture's own form. */
  readonly guest: unknown;
  /** Devices' states by name. */
  readonly devices: Readonly<Record<string, unknown>>;
  /** Due ticks of work in flight. */
  readonly completions: CompletionState;
  /** Consoles by name. */
  readonly consoles: Readonly<Record<string, ConsoleState>>;
  /** Address of the first instruction of the boot. */
  readonly entry: number;
  /** Which memory has frames: a restored guest must not fault where the saved one would not. */
  readonly populated: readonly MemoryPiece[];
  /** Memory that is not zero. */
  readonly memory: readonly MemoryContents[];
}

/** Copies the state of a machine out whose CPUs are unbound. */
export async function saveMachine(machine: VmMachine): Promise<VmSnapshot> {
  const { completions, inbox, schedule, clock, vcpus, guest, devices, consoles, hub, id } = machine;
  await completions.settle();
  inbox.drain(schedule.steps, clock.now());
  if (hub.mapped(id) > 0) {
    throw new HypervisorError(
      `Cannot save VM "${machine.name}": it has channels to other VMs open, which are not its own state`,
    );
  }
  const populated: MemoryPiece[] = [];
  const memory: MemoryContents[] = [];
  machine.space.forEachPopulated((address, host, size) => {
    populated.push({ address, size });
    collect(machine.memory.u8, machine.memory.u32, address, host, size, memory);
  });
  return {
    version: SNAPSHOT_VERSION,
    machine: describeMachine(machine),
    schedule: structuredClone(schedule),
    clock: clock.save(),
    random: machine.randomSequence?.save(),
    vcpus: vcpus.map((cpu) => cpu.save()),
    guest: guest.save?.(),
    devices: Object.fromEntries(devices.map((built) => [built.spec.name, saveDevice(built)])),
    completions: completions.save(),
    consoles: Object.fromEntries([...consoles].map(([name, console]) => [name, console.save()])),
    entry: machine.entry,
    populated,
    memory,
  };
}

function saveDevice({ plugin, spec, device }: BuiltDevice): unknown {
  return attempt(plugin, `Cannot save the state of device "${spec.name}"`, () => structuredClone(device.state));
}

/** Takes a snapshot over that {@link checkSnapshot} allowed, into a machine that was reset. */
export function restoreMachine(machine: VmMachine, { wires }: DeviceSet, snapshot: VmSnapshot): void {
  const { space, ram, vcpus, guest, devices, completions, consoles, clock } = machine;
  for (const { address, size } of snapshot.populated) {
    if (!space.populate(address, size)) throw noRoom(machine, address);
  }
  for (const { address, bytes } of snapshot.memory) {
    if (!ram.load(address, bytes)) throw noRoom(machine, address);
  }
  machine.entry = snapshot.entry;
  Object.assign(machine.schedule, structuredClone(snapshot.schedule));
  clock.restore(snapshot.clock);
  if (snapshot.random) machine.randomSequence?.restore(snapshot.random);
  for (const [name, state] of Object.entries(snapshot.consoles)) consoles.get(name)?.restore(state);
  if (snapshot.guest !== undefined) guest.restore?.(structuredClone(snapshot.guest));
  for (const [index, cpu] of vcpus.entries()) cpu.restore(snapshot.vcpus[index]);
  for (const { spec, device } of devices) refill(device.state, structuredClone(snapshot.devices[spec.name]));
  for (const wire of wires) wire.forget();
  completions.expect(snapshot.completions);
  for (const { device } of devices) device.restored?.();
  completions.endRestore();
}

/** What two VMs must have in common so that one can go on where the other stopped. */
function describeMachine({ config, arch, devices, clock, space }: VmMachine): string[] {
  const lines = [
    `architecture: ${arch.name} ${JSON.stringify(withoutName(config))}`,
    `mode: ${config.base.mode}`,
    `CPUs: ${config.base.cpu_num}`,
    `clock: ${clock.virtual ? `virtual, ${config.clock.steps_per_tick} steps per tick` : "real"}`,
  ];
  for (const { start, size, flags } of space.regions()) lines.push(`memory: ${start}+${size}, flags ${flags}`);
  for (const { spec, base, irq } of devices) {
    lines.push(`device "${spec.name}": ${base}+${spec.size}, irq ${irq ?? "none"}`);
  }
  return lines;
}

function withoutName(config: VmConfig): Record<string, unknown> {
  const { name: _name, ...options } = config.arch;
  return options;
}

/** Throws unless the snapshot is of this version and was made by a machine of the same configuration. */
export function checkSnapshot(machine: VmMachine, snapshot: VmSnapshot): void {
  const refuse = (reason: string): never => {
    throw new HypervisorError(`Cannot restore a snapshot into VM "${machine.name}": ${reason}`);
  };
  if (snapshot.version !== SNAPSHOT_VERSION) {
    refuse(`it is of version ${snapshot.version}, but this program writes and reads version ${SNAPSHOT_VERSION}`);
  }
  const mine = describeMachine(machine);
  const missing = snapshot.machine.find((line) => !mine.includes(line));
  const extra = mine.find((line) => !snapshot.machine.includes(line));
  if (missing !== undefined || extra !== undefined) {
    refuse(
      `its configuration differs: the snapshot has ${missing ?? "no such entry"}, this VM has ${
        extra ?? "no such entry"
      }; ` +
        "use the configuration that the snapshot was made with",
    );
  }
}

function noRoom(machine: VmMachine, address: number): HypervisorError {
  return new HypervisorError(
    `Cannot restore a snapshot into VM "${machine.name}": there is no host memory for guest address ${address}`,
  );
}

/** Collects runs of pages that are not zero. */
function collect(
  bytes: Uint8Array,
  words: Uint32Array,
  guest: number,
  host: number,
  size: number,
  into: MemoryContents[],
): void {
  let runStart = -1;
  for (let offset = 0; offset <= size; offset += PAGE_SIZE) {
    const filled = offset < size && !isZero(words, (host + offset) / 4);
    if (filled && runStart < 0) runStart = offset;
    if (filled || runStart < 0) continue;
    const copy = new Uint8Array(offset - runStart);
    copy.set(bytes.subarray(host + runStart, host + offset));
    into.push({ address: guest + runStart, bytes: copy });
    runStart = -1;
  }
}

/**
 * Makes `target` equal to `source` without replacing the object, which the device holds on to. Arrays and tables inside are
 * replaced, because a device reads them through its state.
 */
function refill(target: object, source: unknown): void {
  const to = target as Record<string, unknown>;
  const from = source as Record<string, unknown>;
  for (const key of Object.keys(to)) if (!(key in from)) delete to[key];
  Object.assign(to, from);
}
