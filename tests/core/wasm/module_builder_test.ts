/** Modules made with the builder are instantiated and run: every construct, every kind of operation. @module */
import assert from "node:assert/strict";
import { ByteWriter } from "../../../core/wasm/bytes.ts";
import {
  atomicCompareExchange,
  atomicRmw,
  binary,
  call,
  callIndirect,
  type Expr,
  f32Const,
  f64Const,
  type FunctionBuilder,
  fusesMultiplyAdd,
  i32Const,
  i64Const,
  ifElse,
  load,
  ModuleBuilder,
  multiplyAdd,
  select,
  unary,
  type ValueType,
} from "../../../core/wasm/mod.ts";

// deno-lint-ignore no-explicit-any
type Exports = Record<string, any>;

function instantiate(module: ModuleBuilder, imports: WebAssembly.Imports = {}): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(module.build()), imports).exports;
}

/** One exported function `main`. */
function main(params: ValueType[], results: ValueType[], build: (f: FunctionBuilder) => void): Exports["main"] {
  const module = new ModuleBuilder();
  module.function("main", params, results, build, { export: true });
  return instantiate(module).main;
}

function valueOf(expr: Expr): unknown {
  return main([], [expr.type], (f) => f.return(expr))();
}

Deno.test("ByteWriter encodes LEB128 as the specification's examples and limits", () => {
  const cases: [(w: ByteWriter) => void, number[]][] = [
    [(w) => w.u32(624485), [0xe5, 0x8e, 0x26]],
    [(w) => w.u32(0xffffffff), [0xff, 0xff, 0xff, 0xff, 0x0f]],
    [(w) => w.s32(-123456), [0xc0, 0xbb, 0x78]],
    [(w) => w.s32(63), [0x3f]],
    [(w) => w.s32(64), [0xc0, 0x00]],
    [(w) => w.s32(-64), [0x40]],
    [(w) => w.s64(-1n), [0x7f]],
    [(w) => w.s64(0xffffffffffffffffn), [0x7f]],
    [(w) => w.s64(1n << 63n), [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]],
    [(w) => w.s64(2 ** 31), [0x80, 0x80, 0x80, 0x80, 0x08]],
  ];
  for (const [write, expected] of cases) {
    const writer = new ByteWriter(1);
    write(writer);
    assert.deepEqual([...writer.copy()], expected);
  }
});

Deno.test("constants of every type survive encoding", () => {
  for (const n of [0, 1, -1, 63, 64, -64, -65, 127, 128, 2 ** 31 - 1, -(2 ** 31)]) {
    assert.equal(valueOf(i32Const(n)), n);
  }
  for (const n of [0n, -1n, 64n, 2n ** 31n, -(2n ** 31n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    assert.equal(valueOf(i64Const(n)), n);
  }
  assert.equal(valueOf(i64Const(2 ** 40)), 2n ** 40n);
  for (const x of [0, -0, 1.5, Infinity, -1e300]) assert.ok(Object.is(valueOf(f64Const(x)), x));
  assert.equal(valueOf(f32Const(0.5)), 0.5);
});

Deno.test("binary, unary and select have the types and codes that their names say", () => {
  const cases: [Expr, unknown][] = [
    [binary("i64.sub", i64Const(1), i64Const(3)), -2n],
    [binary("i64.lt_s", i64Const(-1), i64Const(3)), 1],
    [binary("i64.lt_u", i64Const(-1), i64Const(3)), 0],
    [binary("i32.rotr", i32Const(1), i32Const(1)), -(2 ** 31)],
    [binary("f64.mul", f64Const(1.5), f64Const(3)), 4.5],
    [binary("f32.copysign", f32Const(2), f32Const(-0)), -2],
    [unary("i64.clz", i64Const(1)), 63n],
    [unary("i64.eqz", i64Const(0)), 1],
    [unary("i64.extend32_s", i64Const(0x80000000)), -0x80000000n],
    [unary("i32.wrap_i64", i64Const(0x1_00000007)), 7],
    [unary("i64.extend_i32_u", i32Const(-1)), 0xffffffffn],
    [unary("i64.reinterpret_f64", f64Const(1)), 0x3ff0000000000000n],
    [unary("i32.trunc_sat_f64_u", f64Const(-5)), 0],
    [unary("f64.promote_f32", f32Const(0.25)), 0.25],
    [unary("f32.demote_f64", f64Const(0.25)), 0.25],
    [unary("f64.convert_i64_u", i64Const(-1)), 2 ** 64],
    [select(i32Const(1), i64Const(5), i64Const(6)), 5n],
    [ifElse("f64", i32Const(0), f64Const(5), f64Const(6), "unlikely"), 6],
  ];
  for (const [expr, expected] of cases) assert.equal(valueOf(expr), expected);
});

Deno.test("binary, call and set refuse operands of the wrong type", () => {
  assert.throws(() => binary("i64.add", i64Const(1), i32Const(1)), { name: "TypeError", message: /'i64' is needed/ });
  assert.throws(() => unary("i32.wrap_i64", i32Const(1)), TypeError);
  assert.throws(() => load("i32.load", i64Const(0)), TypeError);
  assert.throws(() => main([], ["i32"], (f) => f.return(i64Const(1))), TypeError);
  assert.throws(() => main([], ["i32"], (f) => f.return()), TypeError);
  const module = new ModuleBuilder();
  const callee = module.declareFunction("callee", ["i32"], []);
  assert.throws(() => call(callee, i32Const(0)), /has 0 results/);
  assert.throws(() => module.build(), /'callee' is not defined/);
});

Deno.test("importMemory, load, store, memoryFill and memoryCopy reach the memory", () => {
  for (const shared of [false, true]) {
    const module = new ModuleBuilder();
    module.importMemory("env", "memory", 2, shared);
    module.function("main", ["i32"], ["i64"], (f) => {
      const at = f.param(0);
      f.store("i64.store", at, i64Const(-2), 8);
      f.store("i32.store16", at, i32Const(0x8001), 16, 1);
      f.memoryFill(i32Const(64), i32Const(7), i32Const(3));
      f.memoryCopy(i32Const(66), i32Const(64), i32Const(3));
      f.return(binary("i64.add", load("i64.load32_u", at, 8), load("i64.load16_s", at, 16)));
    }, { export: true });
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared });
    const { main } = instantiate(module, { env: { memory } });
    assert.equal(main(100), 0xfffffffen - 0x7fffn);
    const bytes = new Uint8Array(memory.buffer);
    assert.deepEqual([...bytes.subarray(63, 70)], [0, 7, 7, 7, 7, 7, 0]);
    assert.deepEqual([...bytes.subarray(107, 119)], [0, 0xfe, 255, 255, 255, 255, 255, 255, 255, 1, 0x80, 0]);
  }
});

Deno.test("load accepts a static offset up to 4 GiB", () => {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", 1, false);
  module.function("main", [], ["i32"], (f) => f.return(load("i32.load8_u", i32Const(0), 0xffffffff)), { export: true });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  assert.throws(() => instantiate(module, { env: { memory } }).main(), WebAssembly.RuntimeError);
});

Deno.test("atomicRmw, atomicCompareExchange and atomic stores give the old value", () => {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", 1, true);
  module.function("main", [], ["i32"], (f) => {
    f.store("i64.atomic.store", i32Const(8), i64Const(40));
    f.drop(atomicRmw("i64.atomic.rmw.add", i32Const(8), i64Const(2)));
    f.drop(atomicCompareExchange("i64.atomic.rmw.cmpxchg", i32Const(8), i64Const(42), i64Const(77)));
    f.atomicFence();
    f.return(atomicRmw("i32.atomic.rmw.xchg", i32Const(0), i32Const(5), 8));
  }, { export: true });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  assert.equal(instantiate(module, { env: { memory } }).main(), 77);
  assert.equal(new Int32Array(memory.buffer)[2], 5);
});

Deno.test("block, loop, br, brIf and if make a loop with early exit", () => {
  const sum = main(["i32"], ["i32"], (f) => {
    const total = f.let(i32Const(0));
    const n = f.param(0);
    f.block((done) => {
      f.loop((again) => {
        f.brIf(done, unary("i32.eqz", n), "unlikely");
        f.if(binary("i32.and", n, i32Const(1)), () => {
          f.set(total, binary("i32.add", total, n));
        }, () => {
          f.if(binary("i32.eq", n, i32Const(100)), () => f.br(done));
        }, "likely");
        f.set(n, binary("i32.sub", n, i32Const(1)));
        f.br(again);
      });
    });
    f.return(total);
  });
  assert.equal(sum(10), 25);
  assert.equal(sum(101), 101);
});

Deno.test("br refuses a label whose body is closed", () => {
  assert.throws(() =>
    main([], [], (f) => {
      let leaked: unknown;
      f.block((label) => leaked = label);
      f.br(leaked as never);
    }), /outside of its body/);
});

Deno.test("brTable with 300 cases shares locals between the scopes of its cases", () => {
  const module = new ModuleBuilder();
  let locals = 0;
  module.function("main", ["i32"], ["i64"], (f) => {
    const emit = (count: number, labels: unknown[]): void => {
      if (labels.length === count) {
        return f.brTable(f.param(0), labels.slice(0, -1) as never, labels[count - 1] as never);
      }
      f.block((label) => emit(count, [label, ...labels]));
      f.scope(() => {
        const x = f.let(i64Const(count - labels.length - 1));
        const y = f.local("i64");
        f.return(binary("i64.mul", f.tee(y, x), y));
      });
    };
    emit(300, []);
    locals = f.localTypes.length;
  }, { export: true });
  assert.equal(locals, 2);
  const { main } = instantiate(module);
  assert.equal(main(0), 0n);
  assert.equal(main(298), 298n * 298n);
  assert.equal(main(-1), 299n * 299n);
});

Deno.test("scope frees locals for reuse by type and nests", () => {
  main([], [], (f) => {
    const outer = f.local("i32");
    f.scope(() => {
      const a = f.local("i32");
      const b = f.local("i64");
      f.scope(() => assert.ok(![outer.index, a.index, b.index].includes(f.local("i32").index)));
      assert.equal(f.local("i32").index, 3);
      assert.equal(f.localTypes.length, 4);
    });
    assert.equal(f.local("i32").index, 1);
    assert.equal(f.local("i32").index, 3);
    assert.equal(f.local("i32").index, 4);
  });
});

Deno.test("functions call imports, each other recursively, and give several results", () => {
  const module = new ModuleBuilder();
  const log = module.importFunction("env", "log", ["i32"], []);
  const fib = module.declareFunction("fib", ["i32"], ["i32"], { export: true });
  module.defineFunction(fib, (f) => {
    const n = f.param(0);
    f.call(log, n);
    f.if(binary("i32.lt_s", n, i32Const(2)), () => f.return(n));
    const below = (k: number): Expr => call(fib, binary("i32.sub", n, i32Const(k)));
    f.return(binary("i32.add", below(1), below(2)));
  });
  const divide = module.function("divide", ["i32", "i32"], ["i32", "i32"], (f) => {
    f.return(binary("i32.div_u", f.param(0), f.param(1)), binary("i32.rem_u", f.param(0), f.param(1)));
  });
  module.function("main", [], ["i32"], (f) => {
    const [quotient, rest] = [f.local("i32"), f.local("i32")];
    f.callInto([quotient, rest], divide, i32Const(17), i32Const(5));
    f.call(divide, i32Const(1), i32Const(1));
    f.return(binary("i32.add", binary("i32.mul", quotient, i32Const(10)), rest));
  }, { export: true });
  module.function("tail", ["i32"], ["i32"], (f) => f.returnCall(fib, f.param(0)), { export: true });
  const seen: number[] = [];
  const exports = instantiate(module, { env: { log: (n: number) => seen.push(n) } });
  assert.equal(exports.fib(5), 5);
  assert.deepEqual(seen.slice(0, 4), [5, 4, 3, 2]);
  assert.equal(exports.main(), 32);
  assert.equal(exports.tail(7), 13);
  assert.throws(() => module.importFunction("env", "late", [], []), /already defined/);
});

Deno.test("callIndirect and returnCallIndirect go through imported and own tables", () => {
  const module = new ModuleBuilder();
  const imported = module.importTable("env", "table", 2);
  const own = module.defineTable(4, 4, "own");
  const constant = (n: number) => module.function(`f${n}`, [], ["i32"], (f) => f.return(i32Const(n)));
  const [one, two, three] = [1, 2, 3].map(constant);
  module.elements(imported, 0, [one]);
  module.elements(own, 2, [two, three]);
  const signature = module.signature([], ["i32"]);
  module.function("main", ["i32"], ["i32"], (f) => {
    f.callIndirect(own, signature, i32Const(2));
    const first = f.let(callIndirect(imported, signature, i32Const(0)));
    f.if(binary("i32.eq", f.param(0), first), () => f.return(i32Const(-1)));
    f.returnCallIndirect(own, signature, f.param(0));
  }, { export: true });
  const table = new WebAssembly.Table({ element: "anyfunc", initial: 2 });
  const exports = instantiate(module, { env: { table } });
  assert.equal(exports.main(1), -1);
  assert.equal(exports.main(3), 3);
  assert.equal((exports.own as WebAssembly.Table).get(2)!(), 2);
  assert.equal(table.get(0)!(), 1);
});

Deno.test("unreachable and a missing return trap", () => {
  assert.throws(main([], [], (f) => f.unreachable()), WebAssembly.RuntimeError);
  assert.throws(main([], ["i32"], () => {}), WebAssembly.RuntimeError);
});

Deno.test("a module is built once, and modules after it do not change it", () => {
  const make = (name: string, value: number): Uint8Array => {
    const module = new ModuleBuilder();
    module.function(name, [], ["i32"], (f) => f.return(i32Const(value)), { export: true });
    const bytes = module.build();
    assert.throws(() => module.build(), /twice/);
    return bytes;
  };
  const first = make("first", 1);
  const copy = first.slice();
  make("zw\u00f6lf", 12);
  assert.deepEqual(first, copy);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(make("zw\u00f6lf", 12) as BufferSource));
  assert.equal((exports["zw\u00f6lf"] as () => number)(), 12);
});

Deno.test("branch hints are written where the branch instructions are", () => {
  const module = new ModuleBuilder();
  module.importFunction("env", "log", [], []);
  module.function("main", ["i32"], [], (f) => {
    f.local("i64");
    f.block((out) => f.brIf(out, f.param(0), "likely"));
    f.if(f.param(0), () => {}, undefined, "unlikely");
  });
  const bytes = module.build();
  const [hints] = WebAssembly.Module.customSections(new WebAssembly.Module(bytes), "metadata.code.branch_hint");
  // one function, index 1, two hints; the body opens with 3 bytes of locals, then block, block type, local.get 0 (2 bytes)
  assert.deepEqual([...new Uint8Array(hints)], [1, 1, 2, 7, 1, 1, 12, 1, 0]);
});

Deno.test("multiplyAdd rounds once in both formats if fusesMultiplyAdd says so, else twice", () => {
  const module = new ModuleBuilder();
  for (const type of ["f32", "f64"] as const) {
    module.function(type, [type, type, type], [type], (f) => {
      f.return(multiplyAdd(type, f.param(0), f.param(1), f.param(2)));
    }, { export: true });
  }
  const { f32, f64 } = instantiate(module);
  const once = fusesMultiplyAdd();
  assert.equal(f32(3, 5, 7), 22);
  assert.equal(f64(3, 5, 7), 22);
  assert.equal(f32(1 + 2 ** -12, 1 - 2 ** -12, -1), once ? -(2 ** -24) : 0);
  assert.equal(f64(1 + 2 ** -27, 1 - 2 ** -27, -1), once ? -(2 ** -54) : 0);
  assert.throws(() => multiplyAdd("f64", f64Const(1), f32Const(1), f64Const(1)), TypeError);
});
