/**
 * Which test covers a source file that has no test at the mirrored path. Files that only declare types need none.
 *
 * A key is a file, or a folder (ending in `/`) for all files in it that nothing else covers. The value is a test that must load the file.
 *
 * @module
 */

/** Test by source. */
export const COVERED_BY: Readonly<Record<string, string>> = {
  // The parts of AddrSpace are private to it.
  "core/addrspace/": "tests/core/addrspace/addr_space_test.ts",
  "core/address.ts": "tests/core/bus_test.ts",
  "core/completions.ts": "tests/core/vm_test.ts",
  "core/config_checks.ts": "tests/core/config_test.ts",
  "core/config_keys.ts": "tests/core/config_test.ts",
  "core/errors.ts": "tests/core/config_test.ts",
  "core/fdt_reader.ts": "tests/core/fdt_test.ts",
  "core/fdt_writer.ts": "tests/core/fdt_test.ts",
  "core/inbox.ts": "tests/core/vm_test.ts",
  "core/irq.ts": "tests/plugins/plic_test.ts",
  "core/ivc.ts": "tests/core/hypervisor_test.ts",
  "core/plugin_types.ts": "tests/core/plugin_test.ts",
  "core/random.ts": "tests/core/vm_test.ts",
  "core/real_clock.ts": "tests/core/virtual_clock_test.ts",
  "core/snapshot_codec.ts": "tests/core/snapshot_test.ts",
  "core/state_hash.ts": "tests/core/vm_test.ts",
  // What AxVM is made of; each part is driven through it.
  "core/vm_boot.ts": "tests/core/vm_test.ts",
  "core/vm_build.ts": "tests/core/vm_test.ts",
  "core/vm_clock.ts": "tests/core/vm_test.ts",
  "core/vm_devices.ts": "tests/core/vm_test.ts",
  "core/vm_exits.ts": "tests/core/vm_test.ts",
  "core/vm_host.ts": "tests/core/vm_test.ts",
  "core/vm_images.ts": "tests/core/vm_test.ts",
  "core/vm_machine.ts": "tests/core/vm_test.ts",
  "core/vm_tree.ts": "tests/core/vm_test.ts",
  // The parts of the module builder are visible only in the modules that come out.
  "core/wasm/": "tests/core/wasm/module_builder_test.ts",
  // Rows of tables: the test of the table checks every row.
  "arch/riscv/csr/": "tests/arch/riscv/csr/csr_file_test.ts",
  "arch/riscv/isa/": "tests/arch/riscv/isa/table_test.ts",
  // All ways to compute the same are compared with the reference.
  "arch/riscv/float/": "tests/arch/riscv/float/operations_test.ts",
  "arch/riscv/float/reference_number.ts": "tests/arch/riscv/float/reference_test.ts",
  // All engines are compared with each other.
  "arch/riscv/engine/": "tests/arch/riscv/engine/agreement_test.ts",
  "arch/riscv/engine/oracle_amo.ts": "tests/arch/riscv/vcpu_test.ts",
  // Extensions are called through the dispatcher, as guests do.
  "arch/riscv/sbi/": "tests/arch/riscv/sbi/calls_test.ts",
  "arch/riscv/mmu/": "tests/arch/riscv/mmu/two_stage_test.ts",
  "arch/riscv/trap/": "tests/arch/riscv/trap/deliver_test.ts",
  // The hart and its parts, and what ties them to a VM.
  "arch/riscv/": "tests/arch/riscv/vcpu_test.ts",
  "arch/riscv/mod.ts": "tests/arch/riscv/sbi/guest_test.ts",
};
