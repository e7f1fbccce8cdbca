/** Tests of the disk that carries a command to the guest and its output back. @module */

import assert from "node:assert/strict";
import { RUN_BLOCK_SIZE, RUN_CHUNK_SIZE, RUN_SLOTS, RunDisk, type RunSlot } from "../../../cli/linux/run_disk.ts";

const NONCE = "7f0c-test";
const encoder = new TextEncoder();

interface Run {
  disk: RunDisk;
  out: string[];
  err: string[];
}

function start(command = "true"): Run {
  const [out, err]: [string[], string[]] = [[], []];
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  const disk = new RunDisk({
    command,
    nonce: NONCE,
    onOutput: (bytes) => void out.push(text(bytes)),
    onError: (bytes) => void err.push(text(bytes)),
  });
  return { disk, out, err };
}

function frame(
  sequence: number,
  data: string | Uint8Array,
  options: { nonce?: string; status?: number } = {},
): Uint8Array {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  const result = new Uint8Array((1 + Math.ceil(bytes.length / RUN_BLOCK_SIZE)) * RUN_BLOCK_SIZE);
  const status = options.status === undefined ? "" : ` ${options.status}`;
  result.set(encoder.encode(`denovisor-frame ${options.nonce ?? NONCE} ${sequence} ${bytes.length}${status}\n`));
  result.set(bytes, RUN_BLOCK_SIZE);
  return result;
}

function slotOffset(slot: RunSlot): number {
  return RUN_SLOTS[slot] * RUN_BLOCK_SIZE;
}

Deno.test("RunDisk shows the guest a request line and the command's bytes in the next block", () => {
  const command = "echo 'ä'; exit 3";
  const { disk } = start(command);
  const length = encoder.encode(command).length;
  const line = `denovisor-run 1 ${NONCE} ${length}\n`;
  assert.equal(new TextDecoder().decode(disk.read(0, line.length)), line);
  assert.equal(disk.read(line.length, 1)[0], 0);
  assert.equal(new TextDecoder().decode(disk.read(RUN_BLOCK_SIZE, length)), command);
  assert.equal(disk.size % RUN_BLOCK_SIZE, 0);
});

Deno.test("RunDisk hands out each frame's bytes when the frame is whole, slot by slot", () => {
  const { disk, out, err } = start();
  disk.write(slotOffset("out"), frame(0, "first\n"));
  assert.deepEqual(out, ["first\n"]);
  disk.write(slotOffset("err"), frame(0, "trouble\n"));
  disk.write(slotOffset("out"), frame(1, "second, no newline"));
  assert.deepEqual(out, ["first\n", "second, no newline"]);
  assert.deepEqual(err, ["trouble\n"]);
  assert.equal(disk.status, undefined);
});

Deno.test("RunDisk waits for all blocks of a frame, in whatever order they come", () => {
  const { disk, out } = start();
  const data = "x".repeat(RUN_CHUNK_SIZE - 7);
  const whole = frame(0, data);
  const at = slotOffset("out");
  disk.write(at + 8192, whole.slice(8192));
  disk.write(at, whole.slice(0, 4096));
  assert.deepEqual(out, []);
  disk.write(at + 4096, whole.slice(4096, 8192));
  assert.deepEqual(out, [data]);
});

Deno.test("RunDisk ignores a repeated frame, a frame with another nonce, and rubbish", () => {
  const { disk, out } = start();
  const at = slotOffset("out");
  disk.write(at, frame(0, "a"));
  disk.write(at, frame(0, "a"));
  assert.deepEqual(out, ["a"]);
  const other = start();
  other.disk.write(at, frame(0, "fake", { nonce: "another" }));
  other.disk.write(at, new Uint8Array(RUN_BLOCK_SIZE * 20).fill(0x41));
  other.disk.write(at, encoder.encode(`denovisor-frame ${NONCE} 0 99999\n`.padEnd(RUN_BLOCK_SIZE, "\0")));
  other.disk.write(slotOffset("status"), frame(0, "", { nonce: "another", status: 0 }));
  assert.deepEqual(other.out, []);
  assert.equal(other.disk.status, undefined);
});

Deno.test("RunDisk tells the exit status once the guest has written it", () => {
  const { disk } = start();
  disk.write(slotOffset("status"), frame(0, "", { status: 137 }));
  assert.equal(disk.status, 137);
});

Deno.test("RunDisk hands out copies, so that a later frame does not change an earlier one", () => {
  const kept: Uint8Array[] = [];
  const disk = new RunDisk({
    command: "",
    nonce: NONCE,
    onOutput: (bytes) => void kept.push(bytes),
    onError: () => {},
  });
  disk.write(slotOffset("out"), frame(0, "one"));
  disk.write(slotOffset("out"), frame(1, "two"));
  assert.equal(new TextDecoder().decode(kept[0]), "one");
});

Deno.test("RunDisk refuses a command that does not fit and a nonce that is no word", () => {
  assert.throws(() => start("x".repeat(2 << 20)), /Command of 2097152 bytes is longer than/);
  const options = { command: "", nonce: "a b", onOutput: () => {}, onError: () => {} };
  assert.throws(() => new RunDisk(options), /nonce 'a b' is not one word/);
});
