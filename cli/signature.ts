/**
 * Signatures of architectural tests: memory between two symbols as hexadecimal lines (riscv-isa-sim, fesvr/htif.cc, `+signature=`).
 *
 * @module
 */
import { type AxVM, HypervisorError } from "../mod.ts";
import { explainFileError } from "../host/file_errors.ts";
import { resolvePath } from "../host/file_paths.ts";

/** Where a signature lies in guest memory. */
export interface SignatureRange {
  /** Address of `begin_signature`. */
  readonly start: number;
  /** Bytes up to `end_signature`. */
  readonly size: number;
}

/**
 * Finds the signature of a VM's image.
 *
 * @throws {HypervisorError} if the image has none
 */
export function findSignature(vm: AxVM): SignatureRange {
  const [start, end] = [vm.symbol("begin_signature"), vm.symbol("end_signature")];
  if (start === undefined || end === undefined) {
    throw new HypervisorError(
      "Cannot write a signature: the image has no symbols begin_signature and end_signature; run an ELF that has them",
    );
  }
  if (end < start) throw new HypervisorError("Cannot write a signature: end_signature lies before begin_signature");
  return { start, size: end - start };
}

/**
 * Makes sure that there is a folder for the signature, before a long run is in vain.
 *
 * @throws {HypervisorError} if there is none
 */
export function requireFolder(path: string): void {
  const folder = resolvePath(path, "..");
  try {
    if (Deno.statSync(folder).isDirectory) return;
  } catch {
    // The sentence below says it.
  }
  throw new HypervisorError(`Cannot write the signature to "${path}": there is no folder "${folder}"; make it first`);
}

/** Writes a signature of a VM that has stopped to a file. */
export async function writeSignature(
  vm: AxVM,
  range: SignatureRange,
  path: string,
  granularity: number,
): Promise<void> {
  const bytes = vm.memory.read(range.start, range.size);
  if (bytes === undefined) {
    throw new HypervisorError("Cannot write the signature: it does not lie in RAM; link the program into RAM");
  }
  try {
    await Deno.writeTextFile(path, formatSignature(bytes, granularity));
  } catch (cause) {
    throw new HypervisorError(`Cannot write the signature to "${path}": ${explainFileError(cause)}`, { cause });
  }
}

/**
 * One little-endian word to a line, its last digits first byte; what the last word lacks is zero.
 *
 * @param granularity Bytes of a word
 */
export function formatSignature(bytes: Uint8Array, granularity: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += granularity) {
    let line = "";
    for (let i = granularity - 1; i >= 0; i--) line += (bytes[at + i] ?? 0).toString(16).padStart(2, "0");
    lines.push(`${line}\n`);
  }
  return lines.join("");
}
