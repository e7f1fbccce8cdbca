/**
 * Hypercalls of AxVisor (axhvc 0.2): channels between VMs. The hypervisor answers them and sets a0 itself.
 *
 * @module
 */
import type { SbiCall, SbiExtension, SbiResult } from "./sbi.ts";

const ARGUMENTS = 6;

function hypercall({ fid, low, high }: SbiCall): SbiResult {
  const args = new Int32Array(2 * ARGUMENTS);
  for (let i = 0; i < ARGUMENTS; i++) {
    args[2 * i] = low(i);
    args[2 * i + 1] = high(i);
  }
  return { error: 0, noReturn: true, exit: { kind: "Hypercall", nr: fid, args } };
}

/** Publish, subscribe, unpublish, unsubscribe. Numbers 0 to 2 would turn the hypervisor off: no guest of ours may. */
export const hypercalls: SbiExtension = {
  eid: 0x485643,
  name: "HVC",
  functions: { 3: hypercall, 4: hypercall, 5: hypercall, 6: hypercall },
};
