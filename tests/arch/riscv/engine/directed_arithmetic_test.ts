/** Arithmetic, atomics and floating point where engines get them wrong most easily, on every engine (Unprivileged ISA). @module */
import assert from "node:assert/strict";
import { asm, csrr, csrw } from "../assemble.ts";
import { RAM } from "../guest_world.ts";
import { DATA, everyEngine, HANDLER, MIN, ONES } from "./directed.ts";

everyEngine("division: by zero, overflow, and W forms of both", (make) => {
  const cases: [string, bigint, bigint, bigint][] = [
    ["div", 7n, 0n, ONES],
    ["div", MIN, ONES, MIN],
    ["divu", 7n, 0n, ONES],
    ["rem", 7n, 0n, 7n],
    ["rem", MIN, ONES, 0n],
    ["remu", 7n, 0n, 7n],
    ["rem", -7n, 2n, ONES],
    ["divw", 0x8000_0000n, 0xffff_ffffn, 0xffff_ffff_8000_0000n],
    ["remw", 0x8000_0000n, 0xffff_ffffn, 0n],
    ["divw", 0x1_0000_0005n, 0x1_0000_0000n, ONES],
    ["divuw", 0xffff_ffff_0000_0006n, 3n, 2n],
    ["divuw", 5n, 0n, ONES],
    ["remuw", 0x8000_0001n, 0n, 0xffff_ffff_8000_0001n],
    ["remuw", 0x1_ffff_ffffn, 0x8000_0000n, 0x7fff_ffffn],
  ];
  for (const [name, a, b, expected] of cases) {
    const machine = make(asm(name, { rd: 7, rs1: 10, rs2: 11 })).registers({ x10: a, x11: b }).steps(1);
    assert.equal(machine.x(7), expected, `${name} ${a} ${b}`);
  }
});

everyEngine("W forms sign-extend their 32 bits and ignore what is above", (make) => {
  const cases: [string, bigint, bigint, bigint][] = [
    ["addw", 0x7fff_ffffn, 1n, 0xffff_ffff_8000_0000n],
    ["subw", 0n, 1n, ONES],
    ["sllw", 1n, 31n, 0xffff_ffff_8000_0000n],
    ["sllw", 1n, 32n, 1n],
    ["srlw", 0xffff_ffff_8000_0000n, 31n, 1n],
    ["srlw", 0x8000_0000n, 32n, 0xffff_ffff_8000_0000n],
    ["sraw", 0x8000_0000n, 4n, 0xffff_ffff_f800_0000n],
    ["mulw", 0x1_0000_ffffn, 0x1_0000n, 0xffff_ffff_ffff_0000n],
  ];
  for (const [name, a, b, expected] of cases) {
    const machine = make(asm(name, { rd: 7, rs1: 10, rs2: 11 })).registers({ x10: a, x11: b }).steps(1);
    assert.equal(machine.x(7), expected, `${name} ${a} ${b}`);
  }
});

everyEngine("AMO.W: the old value and the operands are sign-extended words, the other half stays", (make) => {
  const cases: [string, bigint, bigint][] = [
    ["amoswap.w", 0x1_0000_0001n, 0x1122_3344_0000_0001n],
    ["amoadd.w", 0x8000_0000n, 0x1122_3344_0000_0002n],
    ["amomin.w", 1n, 0x1122_3344_8000_0002n],
    ["amominu.w", 0x1_0000_0001n, 0x1122_3344_0000_0001n],
    ["amomax.w", 0xffff_ffffn, 0x1122_3344_ffff_ffffn],
    ["amomaxu.w", 0xffff_ffff_0000_0001n, 0x1122_3344_8000_0002n],
  ];
  for (const [name, operand, expected] of cases) {
    const machine = make(asm(name, { rd: 7, rs1: 5, rs2: 10 })).registers({ x10: operand });
    machine.world.write64(DATA, 0x1122_3344_8000_0002n);
    machine.steps(1);
    assert.equal(machine.x(7), 0xffff_ffff_8000_0002n, name);
    assert.equal(machine.world.read64(DATA), expected, name);
  }
  const same = make(asm("amoadd.d", { rd: 5, rs1: 5, rs2: 5 })).steps(1);
  assert.equal(same.world.read64(DATA), BigInt(DATA), "address, operand and destination may be one register");
});

everyEngine("LR and SC: one success, none without LR, none elsewhere, none after a trap", (make) => {
  const lr = asm("lr.w", { rd: 7, rs1: 5 });
  const sc = asm("sc.w", { rd: 8, rs1: 5, rs2: 10 });
  const again = asm("sc.w", { rd: 9, rs1: 5, rs2: 0 });
  const twice = make(lr, sc, again).registers({ x10: 0xffff_ffff_1234_5678n }).steps(3);
  assert.deepEqual([twice.x(8), twice.x(9), twice.world.read64(DATA)], [0n, 1n, 0x1234_5678n]);
  assert.equal(make(sc).steps(1).x(8), 1n);
  const elsewhere = make(lr, asm("sc.w", { rd: 8, rs1: 11, rs2: 10 }), sc).registers({ x11: BigInt(DATA + 4) }).steps(
    3,
  );
  assert.equal(elsewhere.x(8), 1n, "also the SC that follows at the right address");
  assert.equal(elsewhere.world.read64(DATA), 0n);
  const trapped = make(lr, asm("ecall"), sc);
  trapped.world.write(HANDLER, csrw(0x341, 12), asm("mret"));
  trapped.registers({ x12: BigInt(RAM + 8) }).steps(5);
  assert.equal(trapped.x(8), 1n);
  const wide = make(lr, asm("sc.d", { rd: 8, rs1: 5, rs2: 10 })).steps(2);
  assert.equal(wide.x(8), 1n, "more bytes than were reserved");
  for (
    const [word, cause] of [[asm("lr.d", { rd: 7, rs1: 5 }), 4n], [asm("sc.d", { rd: 7, rs1: 5, rs2: 0 }), 6n]] as const
  ) {
    const odd = make(word).registers({ x5: BigInt(DATA + 4) }).steps(1);
    assert.deepEqual(odd.trap(), [cause, BigInt(DATA + 4), BigInt(RAM)]);
  }
});

everyEngine(
  "NaN boxing: a single that is not boxed counts as the canonical NaN, except where bits are moved",
  (make) => {
    const unboxed = 0x3f80_0000n;
    const add = make(asm("fadd.s", { rd: 3, rs1: 1, rs2: 2 })).registers({ f1: unboxed, f2: 0xffff_ffff_3f80_0000n })
      .steps(1);
    assert.equal(add.f(3), 0xffff_ffff_7fc0_0000n);
    const sign = make(asm("fsgnjn.s", { rd: 3, rs1: 2, rs2: 1 })).registers({ f1: unboxed, f2: 0xffff_ffff_3f80_0000n })
      .steps(1);
    assert.equal(sign.f(3), 0xffff_ffff_bf80_0000n, "the sign of the canonical NaN is 0");
    const classed = make(asm("fclass.s", { rd: 7, rs1: 1 })).registers({ f1: unboxed }).steps(1);
    assert.equal(classed.x(7), 1n << 9n);
    const moved = make(asm("fmv.x.w", { rd: 7, rs1: 1 }), asm("fsw", { rs1: 5, rs2: 1, imm: 0 }));
    moved.registers({ f1: 0x1234_5678_8000_0001n }).steps(2);
    assert.deepEqual([moved.x(7), moved.world.read64(DATA)], [0xffff_ffff_8000_0001n, 0x8000_0001n]);
    const boxed = make(asm("fmv.w.x", { rd: 1, rs1: 10 }), asm("flw", { rd: 2, rs1: 5, imm: 0 })).registers({ x10: 5n })
      .steps(2);
    assert.deepEqual([boxed.f(1), boxed.f(2)], [0xffff_ffff_0000_0005n, 0xffff_ffff_0000_0000n]);
  },
);

everyEngine("FCVT saturates, raises NV, and sign-extends also unsigned words", (make) => {
  const cases: [string, bigint, bigint, bigint][] = [
    ["fcvt.w.d", 0x7ff8_0000_0000_0000n, 0x7fff_ffffn, 16n],
    ["fcvt.w.d", 0xfff0_0000_0000_0000n, 0xffff_ffff_8000_0000n, 16n],
    ["fcvt.wu.d", 0xbff0_0000_0000_0000n, 0n, 16n],
    ["fcvt.wu.d", 0xbfe0_0000_0000_0000n, 0n, 1n],
    ["fcvt.wu.d", 0x41ef_ffff_ffe0_0000n, ONES, 0n],
    ["fcvt.l.d", 0x43e0_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn, 16n],
    ["fcvt.lu.d", 0x43ef_ffff_ffff_ffffn, 0xffff_ffff_ffff_f800n, 0n],
    ["fcvt.lu.d", 0xfff8_0000_0000_0000n, ONES, 16n],
  ];
  for (const [name, from, to, flags] of cases) {
    const machine = make(asm(name, { rd: 7, rs1: 1 }), csrr(8, 1)).registers({ f1: from }).steps(2);
    assert.deepEqual([machine.x(7), machine.x(8)], [to, flags], `${name} ${from.toString(16)}`);
  }
});

everyEngine(
  "reserved rounding modes are illegal, in the instruction and in frm, and only where something rounds",
  (make) => {
    const add = asm("fadd.d", { rd: 3, rs1: 1, rs2: 2 });
    for (const mode of [5, 6]) {
      const word = add & ~0x7000 | mode << 12;
      assert.deepEqual(make(word).steps(1).trap(), [2n, BigInt(word >>> 0), BigInt(RAM)]);
    }
    for (const frm of [5, 6, 7]) {
      const machine = make(asm("csrrwi", { rd: 0, rs1: frm, imm: 2 }), add).steps(2);
      assert.deepEqual(machine.trap(), [2n, BigInt(add >>> 0), BigInt(RAM + 4)]);
      const exact = make(asm("csrrwi", { rd: 0, rs1: frm, imm: 2 }), asm("feq.d", { rd: 7, rs1: 1, rs2: 1 })).steps(2);
      assert.equal(exact.x(7), 1n, "a comparison does not round");
      const own = make(asm("csrrwi", { rd: 0, rs1: frm, imm: 2 }), add & ~0x7000).steps(2);
      assert.equal(own.world.cpu.getPc(), BigInt(RAM + 8), "a mode of its own is used");
    }
  },
);

everyEngine("a shift to the left and back extends bytes, halfwords and words, and is two steps", (make) => {
  const value = 0x8765_4321_89ab_c0f1n;
  for (const [left, right] of [[32, 32], [32, 29], [32, 40], [48, 48], [48, 50], [56, 56], [56, 52], [40, 40]]) {
    for (const name of ["srli", "srai"]) {
      const shifted = BigInt.asUintN(64, value << BigInt(left));
      const back = (name === "srai" ? BigInt.asIntN(64, shifted) : shifted) >> BigInt(right);
      const machine = make(
        asm("slli", { rd: 7, rs1: 10, imm: left }),
        asm(name, { rd: 7, rs1: 7, imm: right }),
        asm("addi", { rd: 11, rs1: 11, imm: 1 }),
      ).registers({ x10: value });
      assert.equal(machine.steps(1).x(7), shifted, `slli ${left}`);
      assert.equal(machine.steps(1).x(7), BigInt.asUintN(64, back), `slli ${left}, ${name} ${right}`);
      const whole = make(
        asm("slli", { rd: 7, rs1: 10, imm: left }),
        asm(name, { rd: 7, rs1: 7, imm: right }),
        asm("addi", { rd: 11, rs1: 11, imm: 1 }),
      ).registers({ x10: value }).steps(3);
      assert.deepEqual([whole.x(7), whole.x(11)], [BigInt.asUintN(64, back), 1n], `slli ${left}, ${name} ${right}`);
    }
  }
});

everyEngine("a loop that stops after any number of steps shows what its instructions did so far", (make) => {
  const x = [0n, 0n, 0n];
  for (let steps = 1; steps <= 70; steps++) {
    const machine = make(
      asm("addi", { rd: 6, rs1: 6, imm: 1 }),
      asm("slli", { rd: 7, rs1: 6, imm: 3 }),
      asm("subw", { rd: 28, rs1: 7, rs2: 6 }),
      asm("bne", { rs1: 6, rs2: 10, imm: -12 }),
    ).registers({ x10: 15n });
    if (steps % 4 === 1 && x[0] < 15n) x[0]++;
    if (steps % 4 === 2) x[1] = x[0] * 8n;
    if (steps % 4 === 3) x[2] = x[1] - x[0];
    machine.steps(steps);
    assert.deepEqual([6, 7, 28].map((number) => machine.x(number)), x, `${steps} steps`);
  }
});
