/** Tests of the serial port: FIFOs, interrupts, loopback and the sequences by which Linux recognises it. @module */
import assert from "node:assert/strict";
import { Uart16550 } from "../../devices/uart16550.ts";
import { deviceContract } from "../contract/device.ts";
import { FakeConsole, FakeLine } from "../contract/plugin_context.ts";

const RBR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7;

deviceContract({
  name: "Uart16550",
  size: 0x100,
  offsets: [0, 1, 2, 3, 4, 5, 6, 7],
  create: (world) => new Uart16550(world.irq, world.console),
});

function make(): { uart: Uart16550; irq: FakeLine; console: FakeConsole } {
  const irq = new FakeLine();
  const console = new FakeConsole();
  return { uart: new Uart16550(irq, console), irq, console };
}

Deno.test("Uart16550 sends bytes to its console and is always ready for more", () => {
  const { uart, console } = make();
  for (const byte of new TextEncoder().encode("hello")) {
    assert.equal(uart.read(LSR) & 0x60, 0x60);
    uart.write(RBR, byte);
  }
  assert.equal(console.text, "hello");
});

Deno.test("Uart16550 is recognised as a 16550A by Linux's autoconfig", () => {
  const { uart } = make();
  // drivers/tty/serial/8250/8250_port.c, autoconfig(): IER holds what is written
  uart.write(IER, 0);
  assert.equal(uart.read(IER) & 0x0f, 0);
  uart.write(IER, 0x0f);
  assert.equal(uart.read(IER) & 0x0f, 0x0f);
  uart.write(IER, 0);
  // loopback: RTS and OUT2 come back as CTS and DCD
  uart.write(MCR, 0x1a);
  assert.equal(uart.read(MSR) & 0xf0, 0x90);
  uart.write(MCR, 0);
  // no EFR behind LCR = 0xbf; a FIFO that says so
  uart.write(LCR, 0xbf);
  uart.write(FCR, 0);
  uart.write(LCR, 0);
  uart.write(FCR, 1);
  assert.equal(uart.read(IIR) >> 6, 3);
  // autoconfig_16550a(): no EFR behind DLAB, no EXCR1, no 64-byte FIFO, no UUE bit
  uart.write(LCR, 0x80);
  assert.notEqual(uart.read(IIR), 0);
  uart.write(LCR, 0);
  uart.write(FCR, 0x21);
  assert.equal(uart.read(IIR) >> 5, 6);
  uart.write(IER, 0x40);
  assert.equal(uart.read(IER) & 0x40, 0);
  // scratch register
  uart.write(SCR, 0x5a);
  assert.equal(uart.read(SCR), 0x5a);
});

Deno.test("Uart16550 raises the transmitter interrupt each time it is enabled, as Linux's start-up test wants", () => {
  const { uart, irq } = make();
  for (let round = 0; round < 2; round++) {
    uart.write(IER, 2);
    assert.ok(irq.level);
    assert.equal(uart.read(IIR) & 0x0f, 2);
    assert.ok(!irq.level, "reading IIR acknowledges it");
    assert.equal(uart.read(IIR) & 0x0f, 1);
    uart.write(RBR, 0x41);
    assert.ok(irq.level, "the byte is gone at once");
    uart.write(IER, 0);
    assert.ok(!irq.level);
  }
});

Deno.test("Uart16550 keeps the divisor latch apart from data and IER", () => {
  const { uart, console } = make();
  uart.write(IER, 5);
  uart.write(LCR, 0x83);
  uart.write(0, 0x34);
  uart.write(1, 0x12);
  assert.deepEqual([uart.read(0), uart.read(1)], [0x34, 0x12]);
  uart.write(LCR, 3);
  assert.equal(uart.read(IER), 5);
  assert.equal(console.text, "");
});

Deno.test("Uart16550 without FIFOs holds one byte and loses none", () => {
  const { uart, irq, console } = make();
  uart.write(IER, 1);
  console.type("ab");
  assert.equal(console.available, 1);
  assert.ok(irq.level);
  assert.equal(uart.read(IIR), 4);
  assert.equal(uart.read(RBR), 0x61);
  assert.equal(uart.read(LSR) & 1, 1);
  assert.equal(uart.read(RBR), 0x62);
  assert.equal(uart.read(LSR) & 1, 0);
  assert.ok(!irq.level);
  assert.equal(uart.read(RBR), 0);
});

Deno.test("Uart16550 tells a full trigger level from a character timeout", () => {
  const { uart, console } = make();
  uart.write(FCR, 0x81); // trigger at 8
  uart.write(IER, 1);
  console.type("abc");
  assert.equal(uart.read(IIR), 0xcc);
  console.type("defgh");
  assert.equal(uart.read(IIR), 0xc4);
  console.type("0123456789");
  assert.equal(console.available, 2, "16 bytes are in the FIFO");
  let text = "";
  while (uart.read(LSR) & 1) text += String.fromCharCode(uart.read(RBR));
  assert.equal(text, "abcdefgh0123456789");
  assert.equal(uart.read(IIR), 0xc1);
});

Deno.test("Uart16550 serves causes in the order of their priority", () => {
  const { uart, irq, console } = make();
  uart.write(MCR, 0x10);
  uart.write(RBR, 1);
  uart.write(RBR, 2); // overrun: no FIFO
  uart.write(MCR, 0x11); // DSR changes
  console.type("x");
  uart.write(IER, 0x0f);
  assert.equal(uart.read(IIR), 6);
  assert.equal(uart.read(LSR) & 3, 3);
  assert.equal(uart.read(IIR), 4);
  assert.equal(uart.read(RBR), 1);
  assert.equal(uart.read(IIR), 2);
  assert.equal(uart.read(IIR), 0);
  // leaving MSR's real lines for looped-back ones changed all of them, DSR came back
  assert.equal(uart.read(MSR) & 0x0f, 0x0b);
  assert.equal(uart.read(IIR), 1);
  assert.ok(!irq.level);
  uart.write(MCR, 0);
  assert.equal(uart.read(RBR), 0x78, "input waited while the line was looped back");
});

Deno.test("Uart16550 clears its receiver by FCR bit 1", () => {
  const { uart, console } = make();
  uart.write(FCR, 1);
  console.type("abc");
  uart.write(FCR, 3);
  assert.equal(uart.read(LSR) & 1, 0);
});
