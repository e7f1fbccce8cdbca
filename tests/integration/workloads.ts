/**
 * Guests that several tests run to their end, in this process and in others: each is built the same everywhere from its name.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { riscv } from "../../arch/riscv/mod.ts";
import type { BlockBackend } from "../../core/block.ts";
import type { VmConfigInput } from "../../core/config_types.ts";
import { Hypervisor } from "../../core/hypervisor.ts";
import type { AxVM, RunOutcome } from "../../core/vm.ts";
import type { VmHost } from "../../core/vm_host.ts";
import { MemoryBlock } from "../../devices/virtio/block_memory.ts";
import virtBoard from "../../plugins/virt_board.ts";
import { busyGuest } from "./busy_guest.ts";
import { createGuest, RAM } from "./guest.ts";

/** What is written to a console when the VM has executed so many steps. */
interface Input {
  readonly at: number;
  readonly text: string;
}

/** A guest with its input. */
export interface Workload {
  /** Makes the VM. */
  create(): Promise<AxVM>;
  /** Input in order. */
  readonly inputs: readonly Input[];
}

/** How a workload's VM is made. */
export interface WorkloadOptions {
  /** Services of the host. */
  readonly host?: VmHost;
  /** Who executes. */
  readonly engine?: string;
}

/** What a run left behind. */
export interface RunResult {
  /** How it ended. */
  readonly outcome: RunOutcome;
  /** Steps in all. */
  readonly steps: number;
  /** What the consoles showed in this run. */
  readonly console: string;
  /** SHA-256 of RAM. */
  readonly ram: string;
  /** SHA-256 of the disk, if the workload has one. */
  readonly devices: string;
}

const GUESTS = new URL("../../examples/guests/", import.meta.url);

/** A disk whose answers take a moment that depends on the host. */
function slowDisk(size: number): BlockBackend {
  const disk = new MemoryBlock(size);
  disk.state.bytes.forEach((_, i, bytes) => bytes[i] = i * 7 + (i >> 9));
  const later = async <Result>(work: () => Result): Promise<Result> => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2));
    return work();
  };
  return {
    size,
    readOnly: false,
    state: disk.state,
    read: (offset, length) => later(() => disk.read(offset, length)),
    // The bytes may be the guest's own buffer, which it may use again once the request is done, and not before.
    write: (offset, bytes) => later(() => disk.write(offset, bytes)),
    flush: () => later(() => disk.flush()),
  };
}

/** The demo with its disk. */
async function demoConfig(): Promise<VmConfigInput> {
  const disk = new MemoryBlock(32 * 1024);
  new TextEncoder().encodeInto("This was on the disk before the guest was born.", disk.state.bytes);
  return { ...await imageConfig("demo"), plugins: [{ use: virtBoard, options: { disks: [{ backend: disk }] } }] };
}

async function imageConfig(name: string, cpus = 1): Promise<VmConfigInput> {
  return {
    base: { cpu_num: cpus },
    kernel: {
      image: await Deno.readFile(new URL(`${name}/${name}.elf`, GUESTS)),
      memory_regions: [{ gpa: RAM, size: 32 * 2 ** 20 }],
    },
    plugins: [{ use: virtBoard }],
    clock: "virtual",
  };
}

async function createVm(config: VmConfigInput, { host, engine }: WorkloadOptions): Promise<AxVM> {
  const hypervisor = new Hypervisor({ architectures: [riscv], host });
  return await hypervisor.createVm({ ...config, arch: { engine } });
}

const BUSY_INPUTS: readonly Input[] = [
  { at: 9_001, text: "ab" },
  { at: 40_000, text: "the quick brown fox" },
  { at: 77_777, text: "\x00\x01\n" },
  { at: 120_003, text: "z" },
];

/** Regions of RAM that are too small for chunks: each page of them faults once. */
const SMALL_REGIONS = Array.from({ length: 60 }, (_, i) => ({ gpa: 0xa000_1000 + i * 0x1_0000, size: 0xf000 }));

/** Two CPUs that fold what the other one did into one word, at every page that they touch first. */
const FAULTING = `
    li a0,1
    la a1,start
    li a2,0
    li a6,0
    li a7,0x48534d
    ecall
    li a0,0
    start:
    mv s2,a0
    la s3,word
    li s0,0xa0001000
    slli t0,a0,3
    add s0,s0,t0
    li s1,60
    region:
    li s4,15
    page:
    addi t1,s2,3
    amoadd.d t0,t1,(s3)
    slli t1,t0,5
    add t1,t1,s2
    amoxor.d zero,t1,(s3)
    sd t0,0(s0)
    ld t2,8(s0)
    li t1,4096
    add s0,s0,t1
    addi s4,s4,-1
    bnez s4,page
    add s0,s0,t1
    addi s1,s1,-1
    bnez s1,region
    la t0,finished
    li t1,1
    amoadd.d t1,t1,(t0)
    stay:
    bnez s2,stay
    ld t1,0(t0)
    addi t1,t1,-2
    bnez t1,stay
    ld a0,0(s3)
    call puthex
    j shutdown
    .align 3
    word: .dword 0
    finished: .dword 0
`;

/** All of them. */
export function workload(name: string, options: WorkloadOptions = {}): Workload {
  if (name === "demo") return { create: async () => await createVm(await demoConfig(), options), inputs: [] };
  if (name === "faulting") {
    const settings = { cpus: 2, regions: SMALL_REGIONS, host: { host: options.host } };
    return { create: async () => (await createGuest(FAULTING, settings)).vm, inputs: [] };
  }
  const smp = /^smp(\d)$/.exec(name);
  if (smp) return { create: async () => await createVm(await imageConfig("smp", Number(smp[1])), options), inputs: [] };
  if (name !== "busy" && name !== "busy-machine") throw new Error(`There is no workload "${name}"`);
  const bytes = BUSY_INPUTS.reduce((sum, { text }) => sum + text.length, 0);
  const board = { disks: [{ backend: slowDisk(128 * 512) }], rng: true };
  return {
    create: async () => {
      const { host, engine } = options;
      const mode = name === "busy" ? "guest" : "machine";
      return (await createGuest(busyGuest(bytes, mode), {
        mode,
        board,
        host: { host },
        arch: { engine },
      }))
        .vm;
    },
    inputs: BUSY_INPUTS,
  };
}

/** Runs a VM from where it is to `end` steps or its own end, with the input that is due on the way. */
export async function runWith(
  vm: AxVM,
  { inputs }: Workload,
  end = Infinity,
  chunk: () => number = () => Infinity,
): Promise<RunOutcome> {
  const todo = inputs.filter(({ at }) => at >= vm.steps && at < end);
  for (;;) {
    const next = todo[0]?.at ?? end;
    const limit = Math.min(next, vm.steps + chunk());
    const outcome = await vm.run({ maxSteps: limit });
    if (outcome.reason !== "steps" || vm.steps >= end) return outcome;
    while (todo[0]?.at === vm.steps) vm.console().write(todo.shift()!.text);
  }
}

/** Collects what all consoles show from now on. */
export function listen(vm: AxVM): () => string {
  let text = "";
  for (const name of vm.consoleNames) {
    vm.console(name).onOutput((bytes) => void (text += String.fromCharCode(...bytes)));
  }
  return () => text;
}

/** What a run that has ended left behind. */
export async function resultOf(vm: AxVM, outcome: RunOutcome, console: string): Promise<RunResult> {
  // A write that was in flight at the power-off may still be on its way to the disk.
  await new Promise((resolve) => setTimeout(resolve, 5));
  const hash = createHash("sha256");
  const disk = vm.device("disk0")?.state as { device?: { disk?: { bytes?: Uint8Array } } } | undefined;
  hash.update(disk?.device?.disk?.bytes ?? new Uint8Array(0));
  return { outcome, steps: vm.steps, console, ram: await vm.hashMemory(), devices: hash.digest("hex") };
}
