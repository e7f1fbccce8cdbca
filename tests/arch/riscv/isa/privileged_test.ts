/**
 * Which mode may execute which privileged or hypervisor instruction, and what they do.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readCsr64, writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import { decode } from "../../../../arch/riscv/isa/decode.ts";
import { setLine } from "../../../../arch/riscv/trap/interrupts.ts";
import {
  attempt,
  createTestHart,
  enterMode,
  ExitRequest,
  FIELD,
  MODES,
  type Outcome,
  type TestHart,
} from "../test_hart.ts";

const LETTERS: Readonly<Record<Outcome, string>> = { ok: ".", illegal: "i", virtual: "v" };

/** rs1 = x6, rs2 = x7, rd = x5 where an instruction has them. */
const BITS: Readonly<Record<string, number>> = {
  mret: 0x3020_0073,
  sret: 0x1020_0073,
  wfi: 0x1050_0073,
  "sfence.vma": 0x1273_0073,
  "sinval.vma": 0x1673_0073,
  "sfence.w.inval": 0x1800_0073,
  "sfence.inval.ir": 0x1810_0073,
  "hfence.vvma": 0x2273_0073,
  "hfence.gvma": 0x6273_0073,
  "hinval.vvma": 0x2673_0073,
  "hinval.gvma": 0x6673_0073,
  "hlv.b": 0x6003_42f3,
  "hlv.bu": 0x6013_42f3,
  "hlv.h": 0x6403_42f3,
  "hlv.hu": 0x6413_42f3,
  "hlvx.hu": 0x6433_42f3,
  "hlv.w": 0x6803_42f3,
  "hlv.wu": 0x6813_42f3,
  "hlvx.wu": 0x6833_42f3,
  "hlv.d": 0x6c03_42f3,
  "hsv.b": 0x6273_4073,
  "hsv.h": 0x6673_4073,
  "hsv.w": 0x6a73_4073,
  "hsv.d": 0x6e73_4073,
};

const ALL = Object.keys(BITS);
const LOADS_AND_STORES = ALL.filter((name) => name.startsWith("hlv") || name.startsWith("hsv"));
const FENCES_OF_GUESTS = ["hfence.vvma", "hfence.gvma", "hinval.vvma", "hinval.gvma"];

function outcomes(set: (hart: TestHart) => void, name: string): string {
  return MODES.map((mode) => {
    const hart = createTestHart();
    hart.guestAddress = 0x1_4000;
    set(hart);
    return LETTERS[attempt(hart, mode, BITS[name])];
  }).join("");
}

const status = (bits: bigint) => (hart: TestHart) => writeCsr64(hart, 0x300, bits);
const hstatus = (bits: bigint) => (hart: TestHart) => writeCsr64(hart, 0x600, bits);

/** Expectations in the order M, HS, U, VS, VU; what a set-up does not name is as in the open one. */
function check(set: (hart: TestHart) => void, expected: Readonly<Record<string, string>>): void {
  for (const name of ALL) assert.equal(outcomes(set, name), expected[name] ?? OPEN[name], name);
}

const group = (names: readonly string[], letters: string) => Object.fromEntries(names.map((name) => [name, letters]));

/** With all trap bits clear. */
const OPEN: Readonly<Record<string, string>> = {
  mret: ".iiii",
  ...group(["sret", "wfi", "sfence.vma", "sinval.vma", "sfence.w.inval", "sfence.inval.ir"], "..i.v"),
  ...group([...FENCES_OF_GUESTS, ...LOADS_AND_STORES], "..ivv"),
};

Deno.test("the rows decode to their names", () => {
  for (const name of ALL) assert.equal(decode(BITS[name])?.instruction.name, name);
  assert.equal(decode(0x73)?.instruction.name, "ecall");
  assert.equal(decode(0x10_0073)?.instruction.name, "ebreak");
});

Deno.test("privileged instructions trap as the virtual-instruction rules say, with all trap bits clear", () => {
  check(() => {}, {});
});

Deno.test("TSR, TVM and TW bind HS-mode; only TW binds VS-mode too", () => {
  check(status(1n << 22n), { sret: ".ii.v" });
  check(status(1n << 20n), {
    "sfence.vma": ".ii.v",
    "sinval.vma": ".ii.v",
    "hfence.gvma": ".iivv",
    "hinval.gvma": ".iivv",
  });
  check(status(1n << 21n), { wfi: ".iiii" });
});

Deno.test("VTSR, VTVM and VTW bind VS-mode", () => {
  check(hstatus(1n << 22n), { sret: "..ivv" });
  check(hstatus(1n << 20n), group(["sfence.vma", "sinval.vma"], "..ivv"));
  check(hstatus(1n << 21n), { wfi: "..ivv" });
});

Deno.test("HU gives U-mode the hypervisor loads and stores and nothing else", () => {
  check(hstatus(1n << 9n), group(LOADS_AND_STORES, "...vv"));
});

Deno.test("ecall has a cause for each mode, ebreak reports its address", () => {
  const causes = { M: 11n, HS: 9n, U: 8n, VS: 10n, VU: 8n };
  for (const mode of MODES) {
    const hart = createTestHart();
    hart.state.set64(FIELD.pc, 0x7777_0000_1234n);
    attempt(hart, mode, 0x73);
    assert.equal(readCsr64(hart, 0x342), causes[mode]);
    assert.equal(readCsr64(hart, 0x343), 0n);
    hart.state.set64(FIELD.pc, 0x7777_0000_1234n);
    attempt(hart, mode, 0x10_0073);
    assert.equal(readCsr64(hart, 0x342), 3n);
    assert.equal(readCsr64(hart, 0x343), 0x7777_0000_1234n);
  }
});

Deno.test("wfi waits unless an enabled interrupt is pending", () => {
  const hart = createTestHart();
  attempt(hart, "HS", BITS.wfi);
  assert.deepEqual(hart.requests, [ExitRequest.WAIT]);
  assert.equal(hart.state.word(FIELD.waiting), 1);
  hart.state.setWord(FIELD.waiting, 0);
  setLine(hart, 9, true);
  hart.requests.length = 0;
  attempt(hart, "HS", BITS.wfi);
  assert.deepEqual(hart.requests, [ExitRequest.WAIT], "pending but not enabled in mie");
  hart.state.setWord(FIELD.waiting, 0);
  writeCsr64(hart, 0x304, 1n << 9n);
  hart.requests.length = 0;
  attempt(hart, "HS", BITS.wfi);
  assert.deepEqual(hart.requests, []);
  assert.equal(hart.state.word(FIELD.waiting), 0);
});

Deno.test("fences tell the MMU address and identifier, or that they are for all", () => {
  const hart = createTestHart();
  enterMode(hart, "HS");
  hart.state.set64(6 * 8, 0xffff_ffc0_1234_5000n);
  hart.state.set64(7 * 8, 0x9_8765n);
  const calls = (bits: number) => {
    hart.calls.length = 0;
    attempt(hart, "HS", bits);
    return hart.calls.filter(([name]) => name !== "modeChanged");
  };
  const address = [0x1234_5000, 0xffff_ffc0 | 0];
  const names = { "sfence.vma": "sfenceVma", "hfence.vvma": "hfenceVvma", "hinval.vvma": "hfenceVvma" };
  for (const [name, method] of Object.entries(names)) {
    assert.deepEqual(calls(BITS[name]), [[method, ...address, true, 0x8765, true]]);
  }
  assert.deepEqual(calls(BITS["hfence.gvma"]), [["hfenceGvma", ...address, true, 0x0765, true]]);
  assert.deepEqual(calls(0x1200_0073), [["sfenceVma", 0, 0, false, 0, false]]);
});

Deno.test("HLV extends what it loads, HLVX asks for execute permission, a fault leaves rd", () => {
  const results: readonly [string, bigint, unknown[]][] = [
    ["hlv.b", 0xffff_ffff_ffff_ff81n, [1, false]],
    ["hlv.bu", 0x81n, [1, false]],
    ["hlv.h", 0xffff_ffff_ffff_9281n, [2, false]],
    ["hlv.hu", 0x9281n, [2, false]],
    ["hlvx.hu", 0x9281n, [2, true]],
    ["hlv.w", 0xffff_ffff_b4a3_9281n, [4, false]],
    ["hlv.wu", 0xb4a3_9281n, [4, false]],
    ["hlvx.wu", 0xb4a3_9281n, [4, true]],
    ["hlv.d", 0xf8e7_d6c5_b4a3_9281n, [8, false]],
  ];
  for (const [name, value, args] of results) {
    const hart = createTestHart();
    hart.guestAddress = 0x1_4003;
    hart.memory.u8.set([0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8], hart.guestAddress);
    hart.state.set64(6 * 8, 0x5_0000_1000n);
    attempt(hart, "HS", BITS[name]);
    assert.equal(hart.state.get64(5 * 8), value, name);
    assert.deepEqual(hart.calls.find(([called]) => called === "guestLoad"), ["guestLoad", 0x1000, 5, ...args]);
    hart.guestAddress = -1;
    hart.state.set64(5 * 8, 3n);
    attempt(hart, "HS", BITS[name]);
    assert.equal(hart.state.get64(5 * 8), 3n);
  }
});

Deno.test("HSV hands address, value and size to the MMU", () => {
  for (const [name, size] of [["hsv.b", 1], ["hsv.h", 2], ["hsv.w", 4], ["hsv.d", 8]] as const) {
    const hart = createTestHart();
    hart.state.set64(6 * 8, 0x5_0000_1000n);
    hart.state.set64(7 * 8, 0x8000_0001_0000_0002n);
    attempt(hart, "M", BITS[name]);
    const call = hart.calls.find(([called]) => called === "guestStore");
    assert.deepEqual(call, ["guestStore", 0x1000, 5, 2, 0x8000_0001 | 0, size]);
  }
});
