/**
 * The CPUs in the device tree: what the hart implements, in the words of the bindings
 * (Linux kernel, Documentation/devicetree/bindings/riscv/cpus.yaml and extensions.yaml).
 *
 * @module
 */
import type { VmMode } from "../../core/arch_vcpu.ts";
import type { FdtNode } from "../../core/fdt_types.ts";
import { CACHE_BLOCK_SIZE } from "./layout.ts";

/** Extensions in canonical order after the single letters. Vector state is absent, so `v` is not among the letters. */
const MULTI_LETTER = [
  "zicbom",
  "zicbop",
  "zicboz",
  "zicntr",
  "zicond",
  "zicsr",
  "zifencei",
  "zihintpause",
  "zihpm",
  "zba",
  "zbb",
  "zbs",
] as const;

/** Supervisor extensions, in canonical order. */
const SUPERVISOR = ["sstc", "svade", "svadu", "svinval", "svnapot", "svpbmt"] as const;

/** Extensions that a guest sees: in guest mode no `h`, because the hypervisor is outside. */
export function isaExtensions(mode: VmMode): { letters: string; names: readonly string[] } {
  return { letters: mode === "machine" ? "imafdch" : "imafdc", names: [...MULTI_LETTER, ...SUPERVISOR] };
}

/** Adds `/cpus` with `cpus` CPUs; their interrupt controllers are labelled `cpu0_intc` and so on. */
export function describeCpus(root: FdtNode, cpus: number, mode: VmMode, timebaseFrequency: number): void {
  const { letters, names } = isaExtensions(mode);
  const isa = `rv64${letters}_${names.join("_")}`;
  const children: Record<string, FdtNode> = {};
  const map: Record<string, FdtNode> = {};
  for (let index = 0; index < cpus; index++) {
    children[`cpu@${index.toString(16)}`] = cpuNode(index, isa, [...letters, ...names]);
    map[`core${index}`] = { properties: { cpu: [{ ref: `cpu${index}` }] }, children: {} };
  }
  children["cpu-map"] = { properties: {}, children: { cluster0: { properties: {}, children: map } } };
  root.children.cpus = {
    properties: { "#address-cells": [1], "#size-cells": [0], "timebase-frequency": [timebaseFrequency] },
    children,
  };
}

function cpuNode(index: number, isa: string, extensions: readonly string[]): FdtNode {
  return {
    label: `cpu${index}`,
    properties: {
      device_type: "cpu",
      reg: [index],
      status: "okay",
      compatible: "riscv",
      "riscv,isa": isa,
      "riscv,isa-base": "rv64i",
      "riscv,isa-extensions": extensions,
      "riscv,cbom-block-size": [CACHE_BLOCK_SIZE],
      "riscv,cbop-block-size": [CACHE_BLOCK_SIZE],
      "riscv,cboz-block-size": [CACHE_BLOCK_SIZE],
      "mmu-type": "riscv,sv57",
    },
    children: {
      "interrupt-controller": {
        label: `cpu${index}_intc`,
        properties: {
          "#interrupt-cells": [1],
          "interrupt-controller": true,
          compatible: "riscv,cpu-intc",
        },
        children: {},
      },
    },
  };
}
