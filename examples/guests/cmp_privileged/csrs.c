/* CSRs: who may read and write which, and what they make of what is written. */
#include "../runtime/print.h"
#include "attempt.h"

struct csr {
  u32 number;
  const char *name;
};

static const struct csr csrs[] = {
    {0x001, "fflags"},   {0x002, "frm"},        {0x003, "fcsr"},     {0xc00, "cycle"},      {0xc01, "time"},
    {0xc02, "instret"},  {0xc03, "hpmcounter3"}, {0x100, "sstatus"},  {0x104, "sie"},        {0x105, "stvec"},
    {0x106, "scounteren"}, {0x10a, "senvcfg"},   {0x140, "sscratch"}, {0x141, "sepc"},       {0x142, "scause"},
    {0x143, "stval"},    {0x144, "sip"},        {0x14d, "stimecmp"}, {0x180, "satp"},       {0x600, "hstatus"},
    {0x602, "hedeleg"},  {0x603, "hideleg"},    {0x604, "hie"},      {0x605, "htimedelta"}, {0x606, "hcounteren"},
    {0x607, "hgeie"},    {0x60a, "henvcfg"},    {0x643, "htval"},    {0x644, "hip"},        {0x645, "hvip"},
    {0x64a, "htinst"},   {0x680, "hgatp"},      {0xe12, "hgeip"},    {0x200, "vsstatus"},   {0x204, "vsie"},
    {0x205, "vstvec"},   {0x240, "vsscratch"},  {0x241, "vsepc"},    {0x242, "vscause"},    {0x243, "vstval"},
    {0x244, "vsip"},     {0x24d, "vstimecmp"},  {0x280, "vsatp"},    {0xf11, "mvendorid"},  {0xf12, "marchid"},
    {0xf13, "mimpid"},   {0xf14, "mhartid"},    {0xf15, "mconfigptr"}, {0x300, "mstatus"},  {0x301, "misa"},
    {0x302, "medeleg"},  {0x303, "mideleg"},    {0x304, "mie"},      {0x305, "mtvec"},      {0x306, "mcounteren"},
    {0x30a, "menvcfg"},  {0x320, "mcountinhibit"}, {0x340, "mscratch"}, {0x341, "mepc"},    {0x342, "mcause"},
    {0x343, "mtval"},    {0x344, "mip"},        {0x34a, "mtinst"},   {0x34b, "mtval2"},     {0x3a0, "pmpcfg0"},
    {0x3a1, "pmpcfg1"},  {0x3b0, "pmpaddr0"},   {0xb00, "mcycle"},   {0xb02, "minstret"},   {0x5c0, "0x5c0"},
    {0x000, "0x000"},    {0x9ff, "0x9ff"},      {0xfff, "0xfff"},
};

enum { CSRRW = 1, CSRRS = 2, CSRRC = 3, CSRRWI = 5, CSRRSI = 6, A0 = 10 };

static u32 encode(u32 csr, u32 function, u32 destination, u32 source) {
  return csr << 20 | source << 15 | function << 12 | destination << 7 | 0x73;
}

/* "-" where the access went through, else the cause in hexadecimal. */
static char outcome(u64 mode, u32 instruction) {
  attempt_word(mode, instruction, 1);
  return completed() ? '-' : "0123456789abcdefghijklmnopq"[taken.cause & 31];
}

/* Reads in U, S and M; then an access that would set no bit, which writes to a read-only register all the same or not. */
void show_access(void) {
  for (u64 counters = 0; counters < 2; counters++) {
    csr_write(mcounteren, counters ? -1ul : 0);
    csr_write(scounteren, counters ? -1ul : 0);
    csr_write(menvcfg, 0);
    print("counters %s: csrr in U, S, M; csrrsi 0 and csrrs x0 in M\n", counters ? "on" : "off");
    for (u64 i = 0; i < LENGTH(csrs); i++) {
      u32 number = csrs[i].number;
      if (counters && (number < 0xc00 || number > 0xc03)) continue;
      print("  %-14s %c%c%c %c%c\n", csrs[i].name, (u64)outcome(MODE_U, encode(number, CSRRS, A0, 0)),
            (u64)outcome(MODE_S, encode(number, CSRRS, A0, 0)), (u64)outcome(MODE_M, encode(number, CSRRS, A0, 0)),
            (u64)outcome(MODE_M, encode(number, CSRRSI, 0, 0)), (u64)outcome(MODE_M, encode(number, CSRRS, 0, 0)));
    }
  }
  static const u32 read_only[] = {0xc00, 0xc02, 0xe12, 0xf11, 0xf14};
  print("writes to read-only registers in M:");
  for (u64 i = 0; i < LENGTH(read_only); i++) {
    print(" %c%c%c", (u64)outcome(MODE_M, encode(read_only[i], CSRRW, 0, 0)),
          (u64)outcome(MODE_M, encode(read_only[i], CSRRWI, A0, 1)), (u64)outcome(MODE_M, encode(read_only[i], CSRRC, A0, A0)));
  }
  print("\n");
  settle();
}

/* The bits of `mask`: the others are as the machine likes. */
#define LEGAL(csr, mask)                                                                                       \
  do {                                                                                                   \
    u64 before = csr_read(csr);                                                                          \
    csr_write(csr, -1ul);                                                                                \
    u64 ones = csr_read(csr);                                                                            \
    csr_write(csr, 0);                                                                                   \
    u64 zeros = csr_read(csr);                                                                           \
    csr_write(csr, 0x5555555555555555);                                                                  \
    u64 fives = csr_read(csr);                                                                           \
    csr_write(csr, 0xaaaaaaaaaaaaaaaa);                                                                  \
    u64 tens = csr_read(csr);                                                                            \
    csr_write(csr, before);                                                                              \
    print("  %-10s %016x %016x %016x %016x\n", #csr, ones & (mask), zeros & (mask), fives & (mask),          \
          tens & (mask));                                                                                \
  } while (0)

void show_legal_values(void) {
  print("what is read after ones, zeros, 5555..., aaaa... were written\n");
  LEGAL(mstatus, ~0xf00001e00ul);
  LEGAL(medeleg, ~0x800ul);
  LEGAL(mideleg, 0x1666);
  LEGAL(mie, 0x1eee);
  LEGAL(mip, 0x226);
  LEGAL(mcounteren, 0xffffffff);
  LEGAL(mscratch, -1ul);
  LEGAL(mepc, ~1ul);
  LEGAL(mcause, -1ul);
  LEGAL(mtval, -1ul);
  LEGAL(mtval2, -1ul);
  LEGAL(mtinst, -1ul);
  LEGAL(menvcfg, ~(1ul << 61 | 0x30));
  LEGAL(sstatus, ~0x300000600ul);
  LEGAL(sie, -1ul);
  LEGAL(sip, -1ul);
  LEGAL(scounteren, 0xffffffff);
  LEGAL(sscratch, -1ul);
  LEGAL(sepc, ~1ul);
  LEGAL(scause, -1ul);
  LEGAL(stval, -1ul);
  LEGAL(senvcfg, ~0x30ul);
  LEGAL(satp, -1ul);
  LEGAL(hstatus, 0x7003c0);
  LEGAL(hedeleg, -1ul);
  LEGAL(hideleg, -1ul);
  LEGAL(hie, -1ul);
  LEGAL(hip, -1ul);
  LEGAL(hvip, -1ul);
  LEGAL(hcounteren, 0xffffffff);
  LEGAL(htval, -1ul);
  LEGAL(htimedelta, -1ul);
  LEGAL(vsstatus, 0xc6122);
  LEGAL(vsie, -1ul);
  LEGAL(vsscratch, -1ul);
  LEGAL(vsepc, ~1ul);
  LEGAL(vscause, -1ul);
  LEGAL(vstval, -1ul);
  settle();
  csr_write(mideleg, 0x222);
  LEGAL(sie, -1ul);
  LEGAL(sip, -1ul);
  csr_write(mcounteren, -1ul);
  settle();
}
