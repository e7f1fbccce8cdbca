/**
 * Runs images on `qemu-system-riscv64`, the other implementation that ours is compared with.
 *
 * @module
 */

/** What QEMU made of an image. */
export interface QemuRun {
  /** What the guest printed. */
  readonly text: string;
  /** Exit code; 0 after a power-off through the test finisher. */
  readonly code: number;
}

/** Options of every run: the `virt` board without a window, its serial port on standard output. */
const BOARD = [
  "-M",
  "virt",
  "-cpu",
  "rv64,svinval=true,svnapot=true,svpbmt=true",
  "-m",
  "128M",
  "-display",
  "none",
  "-monitor",
  "none",
  "-serial",
  "stdio",
];

/** Seconds after which a run counts as hung. */
const LIMIT_SECONDS = 120;

/** Runs QEMU; throws one sentence if it is not there. */
export async function runQemu(args: readonly string[]): Promise<QemuRun> {
  const signal = AbortSignal.timeout(LIMIT_SECONDS * 1000);
  const command = new Deno.Command("qemu-system-riscv64", {
    args: [...BOARD, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal,
  });
  try {
    const { code, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    return { text: decoder.decode(stdout).replaceAll("\r", "") + decoder.decode(stderr), code };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(
      "Cannot run qemu-system-riscv64: install the Debian package qemu-system-riscv (qemu-system-misc before Debian 13)",
      { cause },
    );
  }
}

/** Runs bytes that are entered in M-mode at the start of RAM. */
export async function runFlatOnQemu(image: Uint8Array, options: readonly string[] = []): Promise<QemuRun> {
  const file = await Deno.makeTempFile({ suffix: ".bin" });
  try {
    await Deno.writeFile(file, image);
    return await runQemu(["-bios", file, ...options]);
  } finally {
    await Deno.remove(file);
  }
}
