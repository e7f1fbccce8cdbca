/** plainCsr: what it calls plain is what executing the instruction does, in every mode, and nothing else happens. @module */
import assert from "node:assert/strict";
import { executeCsr, listCsrs } from "../../../../arch/riscv/csr/csr_file.ts";
import { type PlainCsr, plainCsr } from "../../../../arch/riscv/csr/plain.ts";
import { join } from "../../../../arch/riscv/csr/word64.ts";
import { X_REGISTERS } from "../../../../arch/riscv/layout.ts";
import { updateFpAccess } from "../../../../arch/riscv/trap/mode.ts";
import { Random } from "../random.ts";
import { createTestHart, csrInstruction, enterMode, FIELD, MODES, type TestHart } from "../test_hart.ts";

const [RD, RS1] = [11, 12];
const OPERATIONS = ["rw", "rs", "rc", "rwi", "rsi", "rci"] as const;

/** A hart whose storage is full of random bits, as far as CSR writes could have put them there. */
function randomHart(random: Random): TestHart {
  const hart = createTestHart();
  const { state } = hart;
  for (let i = 1; i < 32; i++) state.set64(X_REGISTERS + i * 8, random.value());
  for (const { storage, writeMask, dirtiesFloat } of listCsrs()) {
    if (storage === undefined || dirtiesFloat) continue;
    state.set(storage, random.word() & writeMask.low, random.word() & writeMask.high);
  }
  for (const field of [FIELD.mstatus, FIELD.vsstatus]) {
    const dirty = random.below(2) === 0;
    const low = state.low(field) & ~0x7800 | (dirty ? 0x6000 : random.below(3) << 13);
    state.set(field, low, dirty ? 0x8000_0002 : 2);
  }
  state.setWord(FIELD.fflags, random.below(32));
  state.setWord(FIELD.frm, random.below(8));
  hart.now = random.below(1e9) * 2 ** 20;
  hart.stepsOfRun = 1 + random.below(100);
  return hart;
}

/** A field that may lie at any word. */
function field64(hart: TestHart, offset: number): bigint {
  return join({ low: hart.state.low(offset), high: hart.state.high(offset) });
}

function bit(hart: TestHart, field: number, mask: number): boolean {
  return (hart.state.low(field) & mask) !== 0;
}

/** Whether the conditions hold that only execution can tell. */
function holds(hart: TestHart, plain: PlainCsr, writes: boolean): boolean {
  const access = hart.state.word(FIELD.fpAccess);
  if (plain.needsFloat && access === 0 || plain.dirtiesFloat && writes && access !== 2) return false;
  if (!plain.gates.fields.every((field) => bit(hart, field, plain.gates.bit))) return false;
  return plain.counts === undefined || !bit(hart, FIELD.mcountinhibit, plain.counts.bit);
}

/** What a plain access sees and stores. */
function model(hart: TestHart, plain: PlainCsr, operation: string, operand: bigint): { seen: bigint; stored?: bigint } {
  if (plain.counts !== undefined) {
    const steps = field64(hart, FIELD.steps) + BigInt(hart.stepsOfRun - 1);
    return { seen: BigInt.asUintN(64, steps + field64(hart, plain.counts.offset)) };
  }
  if (plain.ticks) {
    const delta = plain.delta === undefined ? 0n : field64(hart, plain.delta);
    return { seen: BigInt.asUintN(64, BigInt(hart.now) + delta) };
  }
  const old = plain.storage === undefined ? 0n : field64(hart, plain.storage);
  const seen = plain.storage === undefined ? 0n : old & plain.readMask;
  const value = operation.startsWith("rw") ? operand : operation.startsWith("rs") ? seen | operand : seen & ~operand;
  return { seen, stored: (old & ~plain.writeMask) | (value & plain.writeMask) };
}

function check(hart: TestHart, number: number, operation: typeof OPERATIONS[number], source: number): boolean {
  const { state } = hart;
  const bits = csrInstruction(operation, number, RD, source);
  const mode = { privilege: state.word(FIELD.privilege), virtual: state.word(FIELD.virtual) };
  const plain = plainCsr(bits, mode);
  const writes = operation.startsWith("rw") || source !== 0;
  if (plain === undefined || !holds(hart, plain, writes)) return false;
  const operand = operation.endsWith("i") ? BigInt(source) : field64(hart, X_REGISTERS + source * 8);
  const { seen, stored } = model(hart, plain, operation, operand);
  const changed = writes && plain.storage !== undefined ? stored! ^ field64(hart, plain.storage) : 0n;
  if ((changed & plain.guarded) !== 0n) return false;
  const expected = state.bytes();
  const view = new DataView(expected.buffer);
  view.setBigUint64(X_REGISTERS + RD * 8, seen, true);
  if (writes && plain.storage !== undefined) view.setBigUint64(plain.storage, stored!, true);
  hart.calls.length = 0;
  const name = `${operation} ${number.toString(16)} in ${JSON.stringify(mode)}`;
  assert.ok(executeCsr(hart, bits), name);
  assert.deepEqual(state.bytes(), expected, name);
  assert.deepEqual([hart.calls, hart.requests], [[], []], name);
  return true;
}

Deno.test("plainCsr says exactly what executing a CSR instruction does", () => {
  const random = new Random(1);
  const seen = new Map<string, number>();
  for (const { number, name } of listCsrs()) {
    for (const mode of MODES) {
      for (const operation of OPERATIONS) {
        const hart = randomHart(random);
        enterMode(hart, mode);
        updateFpAccess(hart);
        if (check(hart, number, operation, random.below(3) === 0 ? 0 : RS1)) seen.set(name, (seen.get(name) ?? 0) + 1);
      }
    }
  }
  for (
    const name of [
      "sscratch",
      "sepc",
      "scause",
      "stval",
      "stvec",
      "sstatus",
      "vsepc",
      "mscratch",
      "fflags",
      "instret",
      "time",
    ]
  ) {
    assert.ok((seen.get(name) ?? 0) > 2, `${name} is plain somewhere`);
  }
  for (const name of ["satp", "sip", "sie", "fcsr", "stimecmp", "mip"]) {
    assert.equal(seen.get(name), undefined, name);
  }
});

Deno.test("plainCsr leaves writes that concern others to the CSR file", () => {
  const supervisor = { privilege: 1, virtual: 0 };
  const machine = { privilege: 3, virtual: 0 };
  for (const number of [0x304, 0x303, 0x603, 0x645, 0x607, 0x604, 0x30a, 0x10a, 0x3a0, 0x3b0, 0x680, 0x280]) {
    assert.equal(plainCsr(csrInstruction("rw", number, RD, RS1), machine), undefined, number.toString(16));
  }
  const status = plainCsr(csrInstruction("rs", 0x100, RD, RS1), supervisor)!;
  assert.equal(status.guarded, 0x0c_6000n, "SUM, MXR, FS");
  assert.equal(status.unmasks & status.writeMask, 2n, "SIE");
  assert.equal(plainCsr(csrInstruction("rw", 0x141, RD, RS1), { privilege: 1, virtual: 1 })!.storage, FIELD.vsepc);
  assert.equal(plainCsr(csrInstruction("rs", 0x241, RD, 0), { privilege: 1, virtual: 1 }), undefined);
  assert.equal(plainCsr(csrInstruction("rs", 0x140, RD, 0), { privilege: 0, virtual: 0 }), undefined);
});
