/**
 * The small guests of this folder: what each is built from and how QEMU runs it.
 *
 * @module
 */

/** One guest: a folder whose `.c` and `.S` files are linked with `runtime/`. */
export interface Guest {
  /** Name of the image, and of the folder that it is in. */
  readonly name: string;
  /** The folder, from this one, where it is not called as the image is. */
  readonly folder?: string;
  /** Whether it is entered in M-mode after reset, or in S-mode under an SBI. */
  readonly mode: "machine" | "supervisor";
  /** Forms of the image: `name.elf`, `name.bin` (flat). */
  readonly forms: readonly ("elf" | "bin")[];
  /** What `-march` says when it is not {@link MARCH}. */
  readonly march?: string;
  /** Symbols that the stripped ELF keeps, for those who read them. */
  readonly symbols?: readonly string[];
  /** Number of harts, 1 if not said. */
  readonly cpus?: number;
  /** Options of QEMU beside the machine, the image and the disk. */
  readonly qemu?: readonly string[];
  /** Exit code of a run: what the guest reports, 0 if not said. */
  readonly exitCode?: number;
  /** File with what it prints, where that depends on the board; `expected.txt` if not said. */
  readonly transcript?: string;
  /** Text at the start of the disk in virtio slot 0, for guests that want one. */
  readonly disk?: string;
}

/** The instruction set of the guests, unless they say otherwise. */
export const MARCH = "rv64gc";

/** Address of every image: RAM's start in M-mode, behind the firmware in S-mode. */
export function baseAddress(mode: Guest["mode"]): number {
  return mode === "machine" ? 0x8000_0000 : 0x8020_0000;
}

/** Bytes of the disk that a guest with {@link Guest.disk} is given. */
export const DISK_SIZE = 32 * 1024;

/** All guests. */
export const GUESTS: readonly Guest[] = [
  { name: "hello", mode: "supervisor", forms: ["elf", "bin"] },
  {
    name: "demo",
    mode: "supervisor",
    forms: ["elf"],
    disk: "This was on the disk before the guest was born.",
    transcript: "on_qemu.txt",
  },
  // With -icount, QEMU retires instructions one by one too.
  { name: "mips", mode: "supervisor", forms: ["elf"], qemu: ["-icount", "shift=0"] },
  { name: "machine_hello", mode: "machine", forms: ["elf"] },
  {
    name: "htif",
    mode: "machine",
    forms: ["elf"],
    symbols: ["tohost", "fromhost", "begin_signature", "end_signature"],
    qemu: ["-M", "spike"],
    exitCode: 42,
  },
  { name: "smp", mode: "supervisor", forms: ["elf"], cpus: 4 },
  { name: "paging", mode: "supervisor", forms: ["elf"] },
  { name: "selfmod", mode: "supervisor", forms: ["elf"] },
  { name: "arceos_contract", mode: "supervisor", forms: ["bin"], disk: "A sector, read by polling." },
  { name: "cmp_integer", mode: "machine", forms: ["elf"], march: "rv64gc_zba_zbb_zbs" },
  { name: "cmp_float", mode: "machine", forms: ["elf"] },
  { name: "cmp_privileged", mode: "machine", forms: ["elf"] },
  { name: "nested", mode: "machine", forms: ["elf"], transcript: "on_qemu.txt" },
];

/** The benchmark's guest: the boot arguments choose what it does. QEMU and our tests run it in their own ways. */
export const BENCH: Guest = { name: "bench", folder: "../../bench/guests", mode: "supervisor", forms: ["elf"] };
