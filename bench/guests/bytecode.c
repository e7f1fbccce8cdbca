/* A bytecode interpreter: a register machine with a switch, as language runtimes have them. */
#include "bench.h"

enum opcode { ADD, MUL, AND, XOR, SHIFT, LESS, PEEK, POKE, JUMP, UNLESS, SUBTRACT, OR, HALT };

struct instruction {
  u8 opcode, to, a, b;
};

enum { I, N, SEED, SUM, TEST, SLOT, CELL, ODD, FACTOR, STEP, MASK, EIGHT, BYTE, ONE, REGISTERS };

/* sum over n steps of a generator and a table of 256 cells. */
static const struct instruction program[] = {
    {LESS, TEST, I, N},           /*  0 */
    {UNLESS, 16, TEST, 0},        /*  1 */
    {MUL, SEED, SEED, FACTOR},    /*  2 */
    {ADD, SEED, SEED, STEP},      /*  3 */
    {AND, SEED, SEED, MASK},      /*  4 */
    {SHIFT, SLOT, SEED, EIGHT},   /*  5 */
    {AND, SLOT, SLOT, BYTE},      /*  6 */
    {PEEK, CELL, SLOT, 0},        /*  7 */
    {ADD, CELL, CELL, I},         /*  8 */
    {POKE, 0, SLOT, CELL},        /*  9 */
    {XOR, SUM, SUM, CELL},        /* 10 */
    {AND, ODD, CELL, ONE},        /* 11 */
    {UNLESS, 14, ODD, 0},         /* 12 */
    {SUBTRACT, SUM, SUM, SEED},   /* 13 */
    {ADD, I, I, ONE},             /* 14 */
    {JUMP, 0, 0, 0},              /* 15 */
    {HALT, 0, 0, 0},              /* 16 */
};

static NOINLINE void execute(const struct instruction *at, u64 *r, u64 *cells) {
  const struct instruction *start = at;
  for (;;) {
    struct instruction now = *at++;
    switch (now.opcode) {
      case ADD: r[now.to] = r[now.a] + r[now.b]; break;
      case SUBTRACT: r[now.to] = r[now.a] - r[now.b]; break;
      case MUL: r[now.to] = r[now.a] * r[now.b]; break;
      case AND: r[now.to] = r[now.a] & r[now.b]; break;
      case OR: r[now.to] = r[now.a] | r[now.b]; break;
      case XOR: r[now.to] = r[now.a] ^ r[now.b]; break;
      case SHIFT: r[now.to] = r[now.a] >> (r[now.b] & 63); break;
      case LESS: r[now.to] = r[now.a] < r[now.b]; break;
      case PEEK: r[now.to] = cells[r[now.a] & 255]; break;
      case POKE: cells[r[now.a] & 255] = r[now.b]; break;
      case JUMP: at = start + now.to; break;
      case UNLESS:
        if (!r[now.a]) at = start + now.to;
        break;
      default: return;
    }
  }
}

u64 run_bytecode(u64 size) {
  u64 cells[256] = {0};
  u64 r[REGISTERS] = {[N] = size * 1000, [SEED] = 1,   [FACTOR] = 1103515245, [STEP] = 12345, [MASK] = 0x7fffffff,
                      [EIGHT] = 8,       [BYTE] = 255, [ONE] = 1};
  execute(program, r, cells);
  return r[SUM];
}
