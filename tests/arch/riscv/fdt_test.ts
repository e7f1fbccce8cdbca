/** fdt: the CPUs in the device tree. @module */
import assert from "node:assert/strict";
import type { FdtNode } from "../../../core/fdt_types.ts";
import { describeCpus, isaExtensions } from "../../../arch/riscv/fdt.ts";

function describe(cpus: number, mode: "guest" | "machine"): FdtNode {
  const root: FdtNode = { properties: {}, children: {} };
  describeCpus(root, cpus, mode, 10_000_000);
  return root.children.cpus;
}

Deno.test("describeCpus: one node a CPU, with its number and an interrupt controller that others can name", () => {
  const node = describe(17, "guest");
  assert.deepEqual(node.properties["timebase-frequency"], [10_000_000]);
  const cpus = Object.keys(node.children).filter((name) => name.startsWith("cpu@"));
  assert.equal(cpus.length, 17);
  const last = node.children["cpu@10"];
  assert.deepEqual(last.properties.reg, [16]);
  assert.equal(last.children["interrupt-controller"].label, "cpu16_intc");
  assert.deepEqual(last.children["interrupt-controller"].properties["#interrupt-cells"], [1]);
  assert.deepEqual(node.children["cpu-map"].children.cluster0.children.core16.properties.cpu, [{ ref: "cpu16" }]);
});

Deno.test("describeCpus: the guest of our hypervisor sees no h, nobody sees v", () => {
  for (const [mode, letters] of [["guest", "imafdc"], ["machine", "imafdch"]] as const) {
    const { properties } = describe(1, mode).children["cpu@0"];
    const extensions = properties["riscv,isa-extensions"] as readonly string[];
    assert.ok((properties["riscv,isa"] as string).startsWith(`rv64${letters}_zicbom_`));
    assert.deepEqual(extensions.slice(0, letters.length), [...letters]);
    assert.equal(extensions.includes("v"), false);
    for (const name of ["sstc", "svade", "svadu", "svinval", "svnapot", "svpbmt", "zba", "zbb", "zbs", "zicond"]) {
      assert.ok(extensions.includes(name), name);
    }
    assert.deepEqual(isaExtensions(mode).letters, letters);
  }
});
