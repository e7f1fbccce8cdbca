/**
 * The map of the default board.
 *
 * @module
 */
import assert from "node:assert/strict";
import { overlaps } from "../../core/address.ts";
import { type Place, slotOption, VIRT, VIRTIO_SLOTS, virtioPlace } from "../../plugins/virt_map.ts";

const PLACES: Place[] = [
  ...Object.values(VIRT),
  ...Array.from({ length: VIRTIO_SLOTS }, (_, slot) => virtioPlace(slot)),
];

Deno.test("VIRT and virtioPlace give every device a window and a wire of its own", () => {
  const ranges = PLACES.map(({ base, size }) => ({ start: base, size }));
  for (const [i, a] of ranges.entries()) for (const b of ranges.slice(i + 1)) assert.ok(!overlaps(a, b));
  const wires = PLACES.flatMap(({ irq }) => irq ?? []);
  assert.equal(new Set(wires).size, wires.length);
});

Deno.test("slotOption takes the numbers of the board's slots and names what it was given otherwise", () => {
  assert.equal(slotOption(7), 7);
  for (const wrong of [8, -1, 1.5, "1", undefined]) {
    assert.throws(() => slotOption(wrong), /Option "slot" must be a number from 0 to 7, not /);
  }
});
