/** Tests of the real-time clock: time, setting it, and the alarm as Linux's driver uses them. @module */
import assert from "node:assert/strict";
import { GoldfishRtc } from "../../devices/goldfish_rtc.ts";
import { deviceContract } from "../contract/device.ts";
import { FakeClock, FakeLine } from "../contract/plugin_context.ts";

const TIME_LOW = 0, TIME_HIGH = 4, ALARM_LOW = 8;
const IRQ_ENABLED = 0x10, CLEAR_ALARM = 0x14, ALARM_STATUS = 0x18, CLEAR_INTERRUPT = 0x1c;

deviceContract({
  name: "GoldfishRtc",
  size: 0x1000,
  offsets: [0, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c],
  create: (world) => new GoldfishRtc(world.irq, world.clock),
});

function make(): { rtc: GoldfishRtc; clock: FakeClock; irq: FakeLine } {
  const clock = new FakeClock();
  const irq = new FakeLine();
  return { rtc: new GoldfishRtc(irq, clock), clock, irq };
}

/** Reads the time as Linux does, in nanoseconds. */
function time(rtc: GoldfishRtc): bigint {
  const low = BigInt(rtc.read(TIME_LOW, 4));
  return (BigInt(rtc.read(TIME_HIGH, 4)) << 32n) | low;
}

/** Writes 64 bits, upper half first, as Linux does. */
function write64(rtc: GoldfishRtc, offset: number, value: bigint): void {
  rtc.write(offset + 4, Number(value >> 32n), 4);
  rtc.write(offset, Number(value & 0xffff_ffffn), 4);
}

/** Whether two times are as near as the device is exact. */
function near(a: bigint, b: bigint): boolean {
  return a - b <= 512n && b - a <= 512n;
}

Deno.test("GoldfishRtc tells nanoseconds since 1970 from the clock's epoch and ticks", () => {
  const { rtc, clock } = make();
  assert.ok(near(time(rtc), 1_700_000_000_000_000_000n));
  clock.advance(12_345_678);
  assert.ok(near(time(rtc), 1_700_000_001_234_567_800n), `${time(rtc)}`);
});

Deno.test("GoldfishRtc keeps the upper half of the time until the lower half is read again", () => {
  const { rtc, clock } = make();
  const before = time(rtc);
  rtc.read(TIME_LOW, 4);
  clock.advance(100_000_000);
  assert.equal(rtc.read(TIME_HIGH, 4), Number(before >> 32n));
});

Deno.test("GoldfishRtc is set by the guest and runs on from there", () => {
  const { rtc, clock } = make();
  write64(rtc, TIME_LOW, 946_684_800_000_000_000n);
  assert.ok(near(time(rtc), 946_684_800_000_000_000n), `${time(rtc)}`);
  clock.advance(10_000_000);
  assert.ok(near(time(rtc), 946_684_801_000_000_000n), `${time(rtc)}`);
});

Deno.test("GoldfishRtc rings its alarm at the time, once, and only through an enabled interrupt", () => {
  const { rtc, clock, irq } = make();
  write64(rtc, ALARM_LOW, time(rtc) + 1_000_000_000n);
  rtc.write(IRQ_ENABLED, 1, 4);
  assert.equal(rtc.read(ALARM_STATUS, 4), 1);
  clock.advance(9_999_000);
  assert.ok(!irq.level);
  clock.advance(1_100);
  assert.ok(irq.level);
  assert.equal(rtc.read(ALARM_STATUS, 4), 0);
  rtc.write(IRQ_ENABLED, 0, 4);
  assert.ok(!irq.level);
  rtc.write(IRQ_ENABLED, 1, 4);
  rtc.write(CLEAR_INTERRUPT, 1, 4);
  assert.ok(!irq.level);
});

Deno.test("GoldfishRtc rings at once for a time that has passed, and never for an alarm that was cleared", () => {
  const { rtc, clock, irq } = make();
  rtc.write(IRQ_ENABLED, 1, 4);
  write64(rtc, ALARM_LOW, 5n);
  assert.ok(irq.level);
  rtc.write(CLEAR_INTERRUPT, 1, 4);
  write64(rtc, ALARM_LOW, time(rtc) + 1_000_000n);
  rtc.write(CLEAR_ALARM, 1, 4);
  clock.advance(20_000);
  assert.ok(!irq.level);
  assert.equal(clock.deadlines.size, 0);
});

Deno.test("GoldfishRtc's alarm follows when the guest sets the time", () => {
  const { rtc, irq } = make();
  rtc.write(IRQ_ENABLED, 1, 4);
  write64(rtc, ALARM_LOW, 1_800_000_000_000_000_000n);
  write64(rtc, TIME_LOW, 1_800_000_000_000_000_000n);
  assert.ok(irq.level);
});
