/**
 * A hart without engine or translation for tests of CSRs, traps and privileged instructions: state in a small memory, and an MMU that
 * records what it was told.
 *
 * @module
 */
import { HostMemory } from "../../../core/memory.ts";
import { resetCsrs } from "../../../arch/riscv/csr/reset.ts";
import { blankMmio, blankTrap, type Hart, type HartMmu } from "../../../arch/riscv/hart.ts";
import { HartState } from "../../../arch/riscv/hart_state.ts";
import { INSTRUCTIONS } from "../../../arch/riscv/isa/table.ts";
import { ExitRequest, FIELD } from "../../../arch/riscv/layout.ts";

import { setMode } from "../../../arch/riscv/trap/mode.ts";

/** The modes of a hart by name. */
export type ModeName = "M" | "HS" | "U" | "VS" | "VU";

/** All modes. */
export const MODES: readonly ModeName[] = ["M", "HS", "U", "VS", "VU"];

const MODE_WORDS: Readonly<Record<ModeName, readonly [number, number]>> = {
  M: [3, 0],
  HS: [1, 0],
  U: [0, 0],
  VS: [1, 1],
  VU: [0, 1],
};

/** A hart whose surroundings a test controls. */
export interface TestHart extends Hart {
  /** What {@link Hart.host} answers as time. */
  now: number;
  /** What {@link Hart.steps} answers. */
  stepsOfRun: number;
  /** Exit requests so far. */
  readonly requests: number[];
  /** Calls of the MMU so far: name and arguments. */
  readonly calls: unknown[][];
  /** Host address that the MMU's `guestLoad` answers. */
  guestAddress: number;
}

const MEMORY_SIZE = 1 << 17;
const SAVE_AREA = 0x1_0000;

function recordingMmu(hart: { calls: unknown[][]; guestAddress: number }): HartMmu {
  const record = (name: string, result?: unknown) => (...args: unknown[]) => {
    hart.calls.push([name, ...args]);
    return result;
  };
  return {
    modeChanged: record("modeChanged"),
    translationChanged: record("translationChanged"),
    protectionChanged: record("protectionChanged"),
    sfenceVma: record("sfenceVma"),
    hfenceVvma: record("hfenceVvma"),
    hfenceGvma: record("hfenceGvma"),
    guestLoad: (...args: unknown[]) => record("guestLoad", hart.guestAddress)(...args),
    guestStore: record("guestStore", true),
  } as unknown as HartMmu;
}

/** Makes a hart in its reset state. */
export function createTestHart(mode: "guest" | "machine" = "machine"): TestHart {
  const memory = new HostMemory({ size: MEMORY_SIZE, shared: false });
  const requests: number[] = [];
  const calls: unknown[][] = [];
  const hart: TestHart = {
    options: { id: 5, mode },
    memory,
    state: new HartState(memory, SAVE_AREA),
    now: 0,
    stepsOfRun: 0,
    requests,
    calls,
    guestAddress: -1,
    host: { time: () => hart.now, physical: { toHost: () => -1 } },
    mmu: undefined as unknown as HartMmu,
    trap: blankTrap(),
    mmio: blankMmio(),
    steps: () => hart.stepsOfRun,
    requestExit: (request) => void requests.push(request),
  };
  (hart as { mmu: HartMmu }).mmu = recordingMmu(hart);
  resetCsrs(hart);
  requests.length = 0;
  calls.length = 0;
  return hart;
}

/** Puts a hart into a mode. */
export function enterMode(hart: TestHart, mode: ModeName): void {
  setMode(hart, ...MODE_WORDS[mode]);
}

/** Mode that a hart is in. */
export function modeOf(hart: TestHart): ModeName {
  const privilege = hart.state.word(FIELD.privilege);
  const virtual = hart.state.word(FIELD.virtual);
  return MODES.find((mode) => MODE_WORDS[mode][0] === privilege && MODE_WORDS[mode][1] === virtual)!;
}

/** What became of an instruction. */
export type Outcome = "ok" | "illegal" | "virtual";

/**
 * Executes the `call` row that matches the bits, in a mode, with every exception going to M-mode; the hart is back in that mode
 * afterwards.
 */
export function attempt(hart: TestHart, mode: ModeName, bits: number): Outcome {
  enterMode(hart, mode);
  hart.state.set(FIELD.medeleg, 0, 0);
  hart.state.set64(FIELD.mcause, ~0n);
  const pattern = (bits >>> 0).toString(2).padStart(32, "0");
  const row = INSTRUCTIONS.find((candidate) => matches(candidate.pattern, pattern));
  row!.call!(hart, bits);
  const cause = hart.state.get64(FIELD.mcause);
  enterMode(hart, mode);
  return cause === 2n ? "illegal" : cause === 22n ? "virtual" : "ok";
}

function matches(pattern: string, bits: string): boolean {
  for (let i = 0; i < 32; i++) {
    if ((pattern[i] === "0" || pattern[i] === "1") && pattern[i] !== bits[i]) return false;
  }
  return true;
}

/** The bits of a CSR instruction. */
export function csrInstruction(
  operation: "rw" | "rs" | "rc" | "rwi" | "rsi" | "rci",
  csr: number,
  rd: number,
  rs1: number,
): number {
  const funct3 = { rw: 1, rs: 2, rc: 3, rwi: 5, rsi: 6, rci: 7 }[operation];
  return (csr << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | 0x73;
}

export { ExitRequest, FIELD };
