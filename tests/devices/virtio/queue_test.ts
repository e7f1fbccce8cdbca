/** Tests of the split queue: chains, indirect tables, event index, and rings of a hostile driver. @module */
import assert from "node:assert/strict";
import {
  type Chain,
  emptyQueue,
  gather,
  type Malformed,
  popChain,
  pushUsed,
  type QueueState,
  readChain,
  scatter,
  sliceBuffers,
  totalLength,
  wantsInterrupt,
} from "../../../devices/virtio/queue.ts";
import { AVAIL, DATA, DESC, type Descriptor, Driver, INDIRECT, NEXT, USED, WRITE } from "./driver.ts";
import { seeded } from "../../contract/device.ts";

const PLAIN = { indirect: true, eventIdx: false };

function make(size = 8): { driver: Driver; queue: QueueState } {
  const queue = { ...emptyQueue(), size, ready: true };
  queue.desc = [DESC, 0];
  queue.driver = [AVAIL, 0];
  queue.device = [USED, 0];
  return { driver: new Driver(undefined, size), queue };
}

function malformed(result: Chain | Malformed | undefined): string {
  assert.ok(result && "malformed" in result, `expected a malformed ring, got ${JSON.stringify(result)}`);
  return result.malformed;
}

function tryChain(parts: Descriptor[], features = PLAIN): Chain | Malformed {
  const { driver, queue } = make();
  parts.forEach((part, i) => driver.descriptor(i, part));
  return readChain(queue, driver.memory, features, 0);
}

Deno.test("popChain takes chains in order and resolves them into readable and writable buffers", () => {
  const { driver, queue } = make();
  driver.chain([{ address: DATA, length: 16 }, { address: DATA + 16, length: 0 }, {
    address: DATA + 32,
    length: 5,
    flags: WRITE,
  }]);
  driver.chain([{ address: DATA + 64, length: 1, flags: WRITE }], 5);
  driver.offer(0);
  driver.offer(5);
  assert.deepEqual(popChain(queue, driver.memory, PLAIN), {
    head: 0,
    readable: [{ address: DATA, length: 16 }, { address: DATA + 16, length: 0 }],
    writable: [{ address: DATA + 32, length: 5 }],
  });
  assert.deepEqual(popChain(queue, driver.memory, PLAIN), {
    head: 5,
    readable: [],
    writable: [{ address: DATA + 64, length: 1 }],
  });
  assert.equal(popChain(queue, driver.memory, PLAIN), undefined);
});

Deno.test("readChain follows an indirect table, also one longer than the queue, at the end of a chain", () => {
  const { driver, queue } = make(4);
  const table = DATA + 0x1000;
  const parts = Array.from({ length: 9 }, (_, i) => ({ address: DATA + i, length: 1, flags: i > 3 ? WRITE : 0 }));
  driver.chain(parts, 0, table);
  driver.descriptor(0, { address: DATA + 0x100, length: 3, flags: NEXT, next: 1 });
  driver.descriptor(1, { address: table, length: 9 * 16, flags: INDIRECT });
  const chain = readChain(queue, driver.memory, PLAIN, 0) as Chain;
  assert.equal(totalLength(chain.readable), 3 + 4);
  assert.equal(chain.writable.length, 5);
});

Deno.test("readChain refuses what a driver must not do", () => {
  const table = { address: DATA, length: 16, flags: INDIRECT };
  assert.match(malformed(tryChain([{ address: DATA, length: 1, flags: NEXT, next: 0 }])), /loop/);
  assert.match(malformed(tryChain([{ address: DATA, length: 1, flags: NEXT, next: 8 }])), /outside/);
  assert.match(malformed(tryChain([{ address: 0, length: 16, flags: INDIRECT }])), /not in RAM/);
  assert.match(malformed(tryChain([{ ...table, length: 0 }])), /0 bytes/);
  assert.match(malformed(tryChain([{ ...table, length: 17 }])), /17 bytes/);
  assert.match(malformed(tryChain([{ ...table, flags: INDIRECT | NEXT }])), /successor/);
  assert.match(malformed(tryChain([table], { indirect: false, eventIdx: false })), /negotiated/);
  assert.match(
    malformed(tryChain([{ address: DATA, length: 1, flags: WRITE | NEXT, next: 1 }, { address: DATA, length: 1 }])),
    /readable/,
  );
  const huge = { address: DATA, length: 0xffff_ffff };
  assert.match(malformed(tryChain([{ ...huge, flags: NEXT, next: 1 }, huge])), /4 GiB/);
});

Deno.test("readChain refuses an indirect table in an indirect table, and a loop inside one", () => {
  const { driver, queue } = make();
  driver.descriptor(0, { address: DATA, length: 32, flags: INDIRECT });
  driver.descriptor(0, { address: DATA, length: 32, flags: INDIRECT }, DATA);
  assert.match(malformed(readChain(queue, driver.memory, PLAIN, 0)), /holds an indirect/);
  driver.descriptor(0, { address: DATA, length: 0, flags: NEXT, next: 1 }, DATA);
  driver.descriptor(1, { address: DATA, length: 0, flags: NEXT, next: 0 }, DATA);
  assert.match(malformed(readChain(queue, driver.memory, PLAIN, 0)), /loop/);
});

Deno.test("popChain refuses an index beyond the ring, a head beyond the table and rings outside RAM", () => {
  const { driver, queue } = make();
  driver.put16(AVAIL + 2, 9);
  assert.match(malformed(popChain(queue, driver.memory, PLAIN)), /9 entries/);
  driver.put16(AVAIL + 2, 1);
  driver.put16(AVAIL + 4, 0xffff);
  assert.match(malformed(popChain(queue, driver.memory, PLAIN)), /65535/);
  queue.driver = [0, 0];
  assert.match(malformed(popChain(queue, driver.memory, PLAIN)), /not in RAM/);
  queue.driver = [AVAIL, 0xffff_ffff];
  assert.match(malformed(popChain(queue, driver.memory, PLAIN)), /not in RAM/);
  queue.device = [4, 0];
  assert.equal(pushUsed(queue, driver.memory, 0, 0), false);
});

Deno.test("popChain and pushUsed go on where 16-bit indices wrap", () => {
  const { driver, queue } = make(4);
  queue.next = queue.used = queue.signalled = 0xffff;
  driver.chain([{ address: DATA, length: 1 }], 2);
  driver.put16(AVAIL + 4 + 2 * 3, 2);
  driver.put16(AVAIL + 2, 0);
  assert.equal((popChain(queue, driver.memory, PLAIN) as Chain).head, 2);
  assert.ok(pushUsed(queue, driver.memory, 2, 7));
  assert.equal(driver.get16(USED + 2), 0);
  assert.equal(driver.view(USED + 4 + 8 * 3, 8).getUint32(4, true), 7);
  assert.equal(wantsInterrupt(queue, driver.memory, PLAIN), true);
  assert.equal(popChain(queue, driver.memory, PLAIN), undefined);
});

Deno.test("wantsInterrupt heeds the available ring's flag without, and used_event with VIRTIO_F_EVENT_IDX", () => {
  const { driver, queue } = make();
  const event = { indirect: false, eventIdx: true };
  assert.equal(wantsInterrupt(queue, driver.memory, PLAIN), false, "nothing was given back");
  pushUsed(queue, driver.memory, 0, 0);
  driver.put16(AVAIL, 1);
  assert.equal(wantsInterrupt(queue, driver.memory, PLAIN), false);
  pushUsed(queue, driver.memory, 0, 0);
  driver.put16(AVAIL + 4 + 16, 2); // tell me when entry 2 is used
  assert.equal(wantsInterrupt(queue, driver.memory, event), false);
  pushUsed(queue, driver.memory, 0, 0);
  assert.equal(wantsInterrupt(queue, driver.memory, event), true);
  pushUsed(queue, driver.memory, 0, 0);
  assert.equal(wantsInterrupt(queue, driver.memory, event), false);
});

Deno.test("popChain asks for the next notification through avail_event when the ring is empty", () => {
  const { driver, queue } = make();
  const event = { indirect: false, eventIdx: true };
  driver.chain([{ address: DATA, length: 1 }]);
  driver.offer(0);
  popChain(queue, driver.memory, event);
  assert.equal(driver.get16(USED + 4 + 64), 0);
  popChain(queue, driver.memory, event);
  assert.equal(driver.get16(USED + 4 + 64), 1);
});

Deno.test("sliceBuffers, gather and scatter cross buffers and refuse what is not RAM", () => {
  const { driver } = make();
  const buffers = [{ address: DATA, length: 3 }, { address: DATA + 100, length: 0 }, { address: DATA + 50, length: 4 }];
  assert.ok(scatter(driver.memory, buffers, Uint8Array.of(1, 2, 3, 4, 5)));
  assert.deepEqual([...gather(driver.memory, buffers) ?? []], [1, 2, 3, 4, 5, 0, 0]);
  const slice = sliceBuffers(buffers, 2, 3);
  assert.deepEqual(slice, [{ address: DATA + 2, length: 1 }, { address: DATA + 50, length: 2 }]);
  assert.deepEqual(sliceBuffers(buffers, 7, 5), []);
  assert.equal(gather(driver.memory, [{ address: 0, length: 1 }, ...buffers]), undefined);
  assert.equal(scatter(driver.memory, [{ address: 0, length: 1 }], Uint8Array.of(1)), false);
});

Deno.test("popChain ends on random rings", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const { driver, queue } = make();
    for (let i = 0; i < 0x1200; i += 2) driver.put16(DESC + i, random() % 4 ? random() & 7 : random() & 0xffff);
    for (let i = 0; i < 8; i++) {
      driver.descriptor(i, {
        address: random() % 3 ? DESC + 16 * (random() % 8) : random(),
        length: random() % 3 ? 16 * (random() % 20) : random(),
        flags: random() & 7,
        next: random() % 9,
      });
    }
    driver.put16(AVAIL + 2, random() % 9);
    for (let i = 0; i < 20; i++) popChain(queue, driver.memory, { indirect: random() % 2 === 0, eventIdx: true });
  }
});
