/**
 * RISC-V: the architecture that Denovisor runs, RV64GC with the hypervisor extension.
 *
 * @module
 */
import type { ArchModule } from "../../core/arch_vcpu.ts";
import { RiscvGuest, riscvMemoryNeeded } from "./guest.ts";
import { recognizeLinuxImage } from "./linux_image.ts";

/** EM_RISCV (ELF psABI specification for RISC-V). */
const EM_RISCV = 243;

/** The architecture. */
export const riscv: ArchModule = {
  name: "riscv",
  elfMachine: EM_RISCV,
  recognizeImage: recognizeLinuxImage,
  memoryNeeded: riscvMemoryNeeded,
  createGuest: (context) => new RiscvGuest(context),
};
