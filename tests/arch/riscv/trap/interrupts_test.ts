/**
 * Which interrupts are pending, which is taken in which mode, when timers fire.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readCsr64, writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import {
  hasWakeup,
  interruptStateChanged,
  setGuestExternal,
  setLine,
  setSoftwareInterrupt,
  takePendingInterrupt,
  timerDeadline,
} from "../../../../arch/riscv/trap/interrupts.ts";
import {
  createTestHart,
  enterMode,
  ExitRequest,
  FIELD,
  type ModeName,
  modeOf,
  MODES,
  type TestHart,
} from "../test_hart.ts";

const MIE = 0x304;
const MIP = 0x344;
const PRIORITY = [11, 3, 7, 9, 1, 5, 12, 10, 2, 6];
const STCE = 1n << 63n;

/** A hart with every interrupt pending and enabled in mie. */
function stormyHart(): TestHart {
  const hart = createTestHart();
  writeCsr64(hart, MIE, ~0n);
  for (const bit of [3, 7, 11]) setLine(hart, bit, true);
  writeCsr64(hart, MIP, 0x222n);
  writeCsr64(hart, 0x645, 0x444n);
  writeCsr64(hart, 0x607, 2n);
  setGuestExternal(hart, 1, true);
  return hart;
}

Deno.test("mip shows all sources together", () => {
  assert.equal(readCsr64(stormyHart(), MIP), 0x1eeen);
});

Deno.test("takePendingInterrupt takes all interrupts in the order of the specification", () => {
  const hart = stormyHart();
  const taken: number[] = [];
  let mask = ~0n;
  for (let i = 0; i < PRIORITY.length; i++) {
    enterMode(hart, "U");
    // Nothing is delegated but what mideleg forces; in U-mode every enable is open.
    assert.ok(takePendingInterrupt(hart));
    const cause = modeOf(hart) === "M" ? readCsr64(hart, 0x342) : readCsr64(hart, 0x142);
    assert.equal(cause >> 63n, 1n);
    taken.push(Number(cause & 0xffn));
    mask &= ~(1n << (cause & 63n));
    writeCsr64(hart, MIE, mask);
  }
  assert.deepEqual(taken, PRIORITY);
});

/** Mode that takes an interrupt, by the delegation that its registers ask for. */
function expectedTarget(bit: number, mideleg: bigint, hideleg: bigint): ModeName {
  const delegated = ((mideleg | 0x1444n) >> BigInt(bit)) & 1n;
  if (delegated === 0n || [3, 7, 11].includes(bit)) return "M";
  return ((hideleg & 0x444n) >> BigInt(bit)) & 1n ? "VS" : "HS";
}

/** Whether an interrupt for `target` is let through in `mode` with its enable bit as told (Privileged ISA 3.1.6.1). */
function letsThrough(mode: ModeName, target: ModeName, enabled: boolean): boolean {
  const rank = { U: 0, VU: 0, VS: 1, HS: 2, M: 3 };
  if (target === "VS" && !mode.startsWith("V")) return false;
  if (mode === target) return enabled;
  return rank[mode] < rank[target];
}

Deno.test("every interrupt goes to the mode that mideleg and hideleg choose, if the current mode lets it through", () => {
  for (const bit of PRIORITY) {
    for (const [mideleg, hideleg] of [[0n, 0n], [~0n, 0n], [~0n, ~0n]]) {
      for (const mode of MODES) {
        for (const enabled of [false, true]) {
          const hart = stormyHart();
          writeCsr64(hart, 0x303, mideleg);
          writeCsr64(hart, 0x603, hideleg);
          writeCsr64(hart, MIE, 1n << BigInt(bit));
          writeCsr64(hart, 0x300, enabled ? 0xan : 0n);
          writeCsr64(hart, 0x200, enabled ? 2n : 0n);
          enterMode(hart, mode);
          const target = expectedTarget(bit, mideleg, hideleg);
          const taken = letsThrough(mode, target, enabled);
          const name = `${bit} in ${mode} to ${target}, ${enabled}`;
          assert.equal(takePendingInterrupt(hart), taken, name);
          assert.equal(modeOf(hart), taken ? target : mode, name);
          assert.ok(hasWakeup(hart), "WFI ends whatever the global enables say");
        }
      }
    }
  }
});

Deno.test("an interrupt keeps its place: xepc is the next instruction, the trap registers are cleared, no step is counted", () => {
  const hart = stormyHart();
  const { state } = hart;
  enterMode(hart, "VU");
  state.set64(FIELD.pc, 0x1234n);
  for (const field of [FIELD.mtval, FIELD.mtval2, FIELD.mtinst]) state.set64(field, 9n);
  state.setWord(FIELD.waiting, 1);
  assert.ok(takePendingInterrupt(hart));
  assert.equal(state.get64(FIELD.mepc), 0x1234n);
  for (const field of [FIELD.mtval, FIELD.mtval2, FIELD.mtinst]) assert.equal(state.get64(field), 0n);
  assert.equal((state.get64(FIELD.mstatus) >> 39n) & 1n, 1n);
  assert.equal(state.word(FIELD.trapped), 0);
  assert.equal(state.word(FIELD.waiting), 0);
});

Deno.test("VS interrupts arrive under the numbers of S interrupts, in vectored mode at their vectors", () => {
  for (const [bit, code] of [[10, 9n], [2, 1n], [6, 5n]] as const) {
    const hart = stormyHart();
    writeCsr64(hart, 0x603, ~0n);
    writeCsr64(hart, MIE, 1n << BigInt(bit));
    writeCsr64(hart, 0x205, 0xffff_fff1n);
    enterMode(hart, "VU");
    assert.ok(takePendingInterrupt(hart));
    assert.equal(readCsr64(hart, 0x242), (1n << 63n) | code);
    assert.equal(hart.state.get64(FIELD.pc), 0xffff_fff0n + 4n * code);
  }
});

Deno.test("vectored mode is for interrupts of M-mode and HS-mode too", () => {
  const hart = stormyHart();
  writeCsr64(hart, 0x305, 0x8000_0001n);
  enterMode(hart, "U");
  takePendingInterrupt(hart);
  assert.equal(hart.state.get64(FIELD.pc), 0x8000_0000n + 44n);
  const other = stormyHart();
  writeCsr64(other, 0x303, ~0n);
  writeCsr64(other, 0x105, 0x4000_0001n);
  writeCsr64(other, MIE, 0x220n);
  enterMode(other, "VS");
  takePendingInterrupt(other);
  assert.equal(other.state.get64(FIELD.pc), 0x4000_0000n + 36n);
  assert.equal(readCsr64(other, 0x600) & 0x180n, 0x180n);
});

Deno.test("stimecmp decides about STIP only with menvcfg.STCE", () => {
  const hart = createTestHart();
  hart.now = 100;
  writeCsr64(hart, 0x14d, 50n);
  assert.equal(readCsr64(hart, MIP), 0n);
  writeCsr64(hart, MIP, 0x20n);
  assert.equal(readCsr64(hart, MIP), 0x20n);
  writeCsr64(hart, 0x30a, STCE);
  writeCsr64(hart, MIP, 0n);
  assert.equal(readCsr64(hart, MIP), 0x20n, "the timer has fired, software cannot clear it");
  writeCsr64(hart, 0x14d, 101n);
  assert.equal(readCsr64(hart, MIP), 0n, "what software had set does not count");
  hart.now = 101;
  assert.equal(readCsr64(hart, MIP), 0x20n);
  writeCsr64(hart, MIP, 0n);
  writeCsr64(hart, 0x30a, 0n);
  hart.now = 0;
  assert.equal(readCsr64(hart, MIP), 0x20n, "the software bit could not be written meanwhile");
});

Deno.test("VSTIP is hvip.VSTIP or, with henvcfg.STCE, the guest's time against vstimecmp, unsigned, also while V=0", () => {
  const hart = createTestHart();
  const vstip = () => (readCsr64(hart, 0x644) >> 6n) & 1n;
  writeCsr64(hart, 0x30a, STCE);
  writeCsr64(hart, 0x24d, 0x8000_0000_0000_0010n);
  writeCsr64(hart, 0x605, 0x8000_0000_0000_0000n);
  hart.now = 16;
  assert.equal(vstip(), 0n);
  writeCsr64(hart, 0x60a, STCE);
  assert.equal(vstip(), 1n);
  hart.now = 15;
  assert.equal(vstip(), 0n);
  writeCsr64(hart, 0x645, 0x40n);
  assert.equal(vstip(), 1n);
});

Deno.test("hgeip reaches VS-mode through VGEIN and HS-mode through hgeie", () => {
  const hart = createTestHart();
  setGuestExternal(hart, 3, true);
  assert.equal(readCsr64(hart, 0xe12), 8n);
  const pending = () => readCsr64(hart, MIP);
  assert.equal(pending(), 0n);
  writeCsr64(hart, 0x607, 8n);
  assert.equal(pending(), 0x1000n);
  writeCsr64(hart, 0x607, 0n);
  writeCsr64(hart, 0x600, 3n << 12n);
  assert.equal(pending(), 0x400n);
  writeCsr64(hart, 0x600, 2n << 12n);
  assert.equal(pending(), 0n);
  setGuestExternal(hart, 3, false);
  setGuestExternal(hart, 0, true);
  setGuestExternal(hart, 8, true);
  assert.equal(readCsr64(hart, 0xe12), 0n);
});

Deno.test("timerDeadline is the next compare in ticks, Infinity when it has passed, is far, or is off", () => {
  const hart = createTestHart();
  hart.now = 1000;
  writeCsr64(hart, 0x14d, 5000n);
  assert.equal(timerDeadline(hart), Infinity);
  writeCsr64(hart, 0x30a, STCE);
  assert.equal(timerDeadline(hart), 5000);
  hart.now = 5000;
  assert.equal(timerDeadline(hart), Infinity);
  writeCsr64(hart, 0x14d, ~0n);
  assert.equal(timerDeadline(hart), Infinity);
  writeCsr64(hart, 0x14d, (1n << 53n) - 1n);
  assert.equal(timerDeadline(hart), 2 ** 53 - 1);
  writeCsr64(hart, 0x605, BigInt.asUintN(64, -3000n));
  writeCsr64(hart, 0x24d, 3000n);
  assert.equal(timerDeadline(hart), 2 ** 53 - 1);
  writeCsr64(hart, 0x60a, STCE);
  assert.equal(timerDeadline(hart), 6000);
  writeCsr64(hart, 0x605, 0xffff_ffffn);
  assert.equal(timerDeadline(hart), 2 ** 53 - 1, "the guest's time is past vstimecmp");
});

Deno.test("moving a deadline asks for a reschedule, writing the same does not", () => {
  const hart = createTestHart();
  const requests = (number: number, value: bigint) => {
    hart.requests.length = 0;
    writeCsr64(hart, number, value);
    return hart.requests;
  };
  for (const number of [0x14d, 0x24d, 0x605]) {
    assert.deepEqual(requests(number, 7n), [ExitRequest.RESCHEDULE]);
    assert.deepEqual(requests(number, 7n), []);
  }
  assert.deepEqual(requests(0x30a, STCE), [ExitRequest.RESCHEDULE]);
  assert.deepEqual(requests(0x60a, STCE), [ExitRequest.RESCHEDULE]);
  assert.deepEqual(requests(MIE, ~0n), []);
});

Deno.test("setLine and setSoftwareInterrupt ask the engine to look only if something can be taken", () => {
  const hart = createTestHart();
  setLine(hart, 9, true);
  setSoftwareInterrupt(hart, 10, true);
  assert.deepEqual(hart.requests, []);
  assert.equal(readCsr64(hart, MIP), 0x600n);
  writeCsr64(hart, MIE, 1n << 10n);
  enterMode(hart, "U");
  interruptStateChanged(hart);
  assert.deepEqual(hart.requests, [ExitRequest.RESCHEDULE]);
  setSoftwareInterrupt(hart, 10, false);
  setLine(hart, 9, false);
  assert.equal(readCsr64(hart, MIP), 0n);
  assert.equal(hasWakeup(hart), false);
});
