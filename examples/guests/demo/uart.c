/* A 16550 with FIFOs: what is written waits in a ring until transmit interrupts carry it away. */
#include "demo.h"

enum { DATA = 0, INTERRUPT_ENABLE = 1, INTERRUPT_ID = 2, FIFO_CONTROL = 2, MODEM_CONTROL = 4, LINE_STATUS = 5 };
enum { ENABLE_RECEIVE = 1, ENABLE_TRANSMIT = 2, READY = 1, EMPTY = 0x20, LOOP = 0x10, OUT2 = 8, FIFO_DEPTH = 16 };

u64 uart_interrupts, uart_sent;

static u64 uart;
static char ring[4096];
static volatile u64 head, tail;

static char received[64];
static volatile u64 received_length, receive_wanted;

/* Fills the transmit FIFO, and asks for an interrupt while there is more. */
static void transmit(void) {
  if (read8(uart + LINE_STATUS) & EMPTY) {
    for (u64 i = 0; i < FIFO_DEPTH && tail != head; i++) {
      write8(uart + DATA, (u8)ring[tail++ % sizeof ring]);
      uart_sent++;
    }
  }
  write8(uart + INTERRUPT_ENABLE, ENABLE_RECEIVE | (tail != head ? ENABLE_TRANSMIT : 0));
}

static void interrupt(void) {
  uart_interrupts++;
  read8(uart + INTERRUPT_ID);
  while (read8(uart + LINE_STATUS) & READY) {
    char byte = (char)read8(uart + DATA);
    if (received_length < sizeof received) received[received_length++] = byte;
  }
  transmit();
}

void uart_start(u64 base, u32 source) {
  uart = base;
  write8(uart + INTERRUPT_ENABLE, 0);
  write8(uart + FIFO_CONTROL, 0x07);
  write8(uart + MODEM_CONTROL, OUT2);
  irq_enable(source, interrupt);
}

bool uart_idle(void) { return head == tail; }

static bool room(void) { return head - tail < sizeof ring; }

void uart_write(const char *text, u64 length) {
  for (u64 i = 0; i < length; i++) {
    if (!room()) wait_until(room);
    ring[head++ % sizeof ring] = text[i];
  }
  /* Only asks: the interrupt does the work. It writes this register too, so it must not come in between. */
  u64 interrupts_on = csr_swap(sstatus, csr_read(sstatus) & ~2ul) & 2;
  if (head != tail) write8(uart + INTERRUPT_ENABLE, ENABLE_RECEIVE | ENABLE_TRANSMIT);
  csr_set(sstatus, interrupts_on);
}

static bool all_back(void) { return received_length >= receive_wanted; }

u64 uart_loopback(const char *text, u64 length, char *back, u64 *interrupts) {
  wait_until(uart_idle);
  write8(uart + MODEM_CONTROL, OUT2 | LOOP);
  write8(uart + INTERRUPT_ENABLE, ENABLE_RECEIVE);
  u64 before = uart_interrupts;
  received_length = 0;
  for (u64 i = 0; i < length; i++) {
    receive_wanted = i + 1;
    write8(uart + DATA, (u8)text[i]);
    wait_until(all_back);
  }
  *interrupts = uart_interrupts - before;
  write8(uart + MODEM_CONTROL, OUT2);
  memcpy(back, received, received_length);
  return received_length;
}
