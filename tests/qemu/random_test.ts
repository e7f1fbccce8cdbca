/**
 * Random sequences leave the same registers, flags, memory and CSRs behind on QEMU and on our machine. `QEMU_SEQUENCES=n` runs n of each
 * family, `QEMU_ENGINE=e` with that engine.
 *
 * @module
 */
import assert from "node:assert/strict";
import { disassemble } from "../../arch/riscv/disassemble.ts";
import { Random } from "../arch/riscv/random.ts";
import { createImageGuest, runToEnd } from "../integration/guest.ts";
import { runFlatOnQemu } from "./qemu.ts";
import { COMPARED_CSRS, type Family, randomSequence } from "./random_sequences.ts";
import { buildImage, type Sequence } from "./sequence_image.ts";
import { resultNames } from "./sequence_runtime.ts";

const COUNT = Number(Deno.env.get("QEMU_SEQUENCES") ?? 3000);
const FIRST_SEED = Number(Deno.env.get("QEMU_SEED") ?? 1);

const ENGINE = Deno.env.get("QEMU_ENGINE");

/** Sequences of one image. */
const PER_IMAGE = 3000;

/** Bits that are compared. After a breakpoint GVA tells whether xtval, which may be 0 or the address, holds a guest's address. */
const MASKS: Readonly<Record<string, bigint>> = { mstatus: ~(1n << 38n), hstatus: ~(1n << 6n) };

async function runOnOurs(image: Uint8Array): Promise<string> {
  const program = { bytes: image, base: 0x8000_0000, label: () => 0 };
  const arch = ENGINE === undefined ? {} : { engine: ENGINE };
  const guest = await createImageGuest(program, { mode: "machine", memory: 128 * 2 ** 20, arch });
  try {
    return await runToEnd(guest, 500_000_000);
  } finally {
    await guest[Symbol.asyncDispose]();
  }
}

async function runBoth(image: Uint8Array): Promise<[ours: string[], qemus: string[]]> {
  const [ours, qemu] = [await runOnOurs(image), await runFlatOnQemu(image)];
  assert.equal(qemu.code, 0, qemu.text.slice(-200));
  return [ours.trimEnd().split("\n"), qemu.text.trimEnd().split("\n")];
}

function csrsOf(family: Family): readonly string[] {
  return family === "privileged" ? COMPARED_CSRS : [];
}

/** The instructions of a sequence, for messages. */
function listing({ halves }: Sequence): string {
  const lines: string[] = [];
  for (let i = 0; i < halves.length;) {
    const isLong = (halves[i] & 3) === 3;
    const bits = isLong ? halves[i] | halves[i + 1] << 16 : halves[i];
    lines.push(`${(i * 2).toString(16).padStart(3)}: ${(bits >>> 0).toString(16).padEnd(9)} ${disassemble(bits)}`);
    i += isLong ? 2 : 1;
  }
  return lines.join("\n");
}

/** Runs one sequence alone and says what differs. */
async function explain(family: Family, sequence: Sequence, seed: number): Promise<string> {
  const names = resultNames(csrsOf(family), family === "paging");
  const [ours, qemus] = await runBoth(buildImage([sequence], csrsOf(family), MASKS, true));
  const trapLines = (lines: string[]) => lines.slice(0, lines.length - names.length - 1);
  const results = (lines: string[]) => lines.slice(lines.length - names.length - 1);
  const [a, b] = [trapLines(ours), trapLines(qemus)];
  const trap = a.findIndex((line, i) => line !== b[i]);
  const found = trap >= 0 ? [`trap ${trap} (cause place value mtval2) is ${a[trap]}on ours, ${b[trap]}on QEMU`] : [];
  names.forEach((name, i) => {
    if (results(ours)[i] !== results(qemus)[i]) {
      found.push(`${name} is ${results(ours)[i]}on ours, ${results(qemus)[i]}on QEMU`);
    }
  });
  return `${family} sequence of seed ${seed}, mode ${sequence.mode}, fcsr ${sequence.fcsr.toString(16)}:\n${
    listing(sequence)
  }\n${found.join("\n") || "alone it does not differ"}`;
}

async function compare(family: Family, firstSeed: number, count: number): Promise<string[]> {
  const make = (seed: number, of: number, index: number) => randomSequence(new Random(seed * 7919), family, of, index);
  const sequences = Array.from({ length: count }, (_, i) => make(firstSeed + i, count, i));
  const [ours, qemus] = await runBoth(buildImage(sequences, csrsOf(family), MASKS, false));
  assert.equal(ours.length, count);
  const different = ours.flatMap((line, i) => line === qemus[i] ? [] : [i]);
  if (different.length > 0) console.log(`${different.length} of ${count} ${family} sequences differ`);
  const reasons = [];
  for (const i of different.slice(0, Number(Deno.env.get("QEMU_SHOW") ?? 3))) {
    reasons.push(await explain(family, make(firstSeed + i, 1, 0), firstSeed + i));
  }
  return reasons;
}

for (const family of ["integer", "float", "privileged", "paging"] as const) {
  Deno.test(`${family} sequences leave the same state behind on QEMU and here`, async () => {
    for (let done = 0; done < COUNT; done += PER_IMAGE) {
      const reasons = await compare(family, FIRST_SEED + done, Math.min(PER_IMAGE, COUNT - done));
      assert.equal(reasons.length, 0, reasons.join("\n\n"));
    }
  });
}
