/* Synchronous traps from every mode, undelegated and delegated. */
#include "../runtime/machine.h"
#include "../runtime/print.h"
#include "attempt.h"

static const char mode_names[] = "US?M";

CODE(code_ecall, "nop");
CODE(code_ebreak, "ebreak");
CODE(code_illegal, ".4byte 0xffffffff");
CODE(code_illegal_compressed, ".2byte 0\n .2byte 1");
CODE(code_load, "lw a0, 0(a0)");
CODE(code_store, "sw a0, 0(a0)");
CODE(code_jump, "jr a0");
CODE(code_jump_odd, "la a0, 1f\n jalr a0, 1(a0)\n 1: nop");
CODE(code_mret, "mret");
CODE(code_sret, "la a0, 1f\n csrw sepc, a0\n sret\n 1: nop");
CODE(code_sret_only, "sret");
CODE(code_sfence, "sfence.vma");
CODE(code_read_satp, "csrr a0, satp");
CODE(code_write_satp, "csrw satp, zero");
CODE(code_wfi, "wfi");
CODE(code_fence_i, "fence.i\n fence");
CODE(code_float, "fadd.s fa0, fa0, fa0");
CODE(code_lr_nowhere, "lr.w a0, (a0)");
CODE(code_hfence, ".4byte 0x62000073");
CODE(code_hlv, ".4byte 0x68054573");

struct trial {
  const char *name;
  const char *code;
  u64 a0;
};


/* An address without memory or device. */
#define NOWHERE 0x20000000000

static const struct trial trials[] = {
    {"ecall", code_ecall, 0},
    {"ebreak", code_ebreak, 0},
    {"illegal", code_illegal, 0},
    {"illegal, 2 bytes", code_illegal_compressed, 0},
    {"load nowhere", code_load, NOWHERE},
    {"store nowhere", code_store, NOWHERE},
    {"lr nowhere", code_lr_nowhere, NOWHERE},
    {"jump to nowhere", code_jump, NOWHERE},
    {"jalr to odd", code_jump_odd, 0},
    {"mret", code_mret, 0},
    {"sret", code_sret_only, 0},
    {"sfence.vma", code_sfence, 0},
    {"csrr satp", code_read_satp, 0},
    {"csrw satp", code_write_satp, 0},
    {"fence.i", code_fence_i, 0},
    {"fadd while off", code_float, 0},
    {"hfence.gvma", code_hfence, 0},
    {"hlv.w", code_hlv, 0x80000000},
};

/* Trials that only make sense, or that machines only agree on, above a mode. */
static u64 lowest_mode(const char *code) { return code == code_hlv ? MODE_S : MODE_U; }

static u64 highest_mode(const char *code) {
  return code == code_sret_only ? MODE_U : code == code_mret ? MODE_S : MODE_M;
}

/* Status bits that the trap left: MIE MPIE MPP SIE SPIE SPP, as far as the level sees them. */
static void tell(const char *name, u64 mode) {
  print("  %-18s %c: to %c, cause %u, value %x, pc +%u, status %05x\n", name, (u64)mode_names[mode],
        (u64)mode_names[taken.level], taken.cause, taken.value, taken.pc, taken.status & 0x19aa);
}

static void show_trials(void) {
  for (u64 i = 0; i < LENGTH(trials); i++) {
    for (u64 mode = lowest_mode(trials[i].code); mode <= highest_mode(trials[i].code); mode += 1 + (mode == 1)) {
      bool jumped = trials[i].code == code_jump;
      attempt(mode, trials[i].code, trials[i].a0);
      if (jumped) taken.pc += (u64)trials[i].code;
      if (taken.cause == BREAKPOINT) taken.value = 0; /* the address or nothing */
      tell(trials[i].name, mode);
    }
  }
}

static void show_trap_bits(void) {
  static const struct {
    const char *name;
    u64 bit;
  } bits[] = {{"TVM", TVM_BIT}, {"TW", TW_BIT}, {"TSR", TSR_BIT}};
  for (u64 i = 0; i < LENGTH(bits); i++) {
    print("%s set, in S:\n", bits[i].name);
    csr_write(mstatus, bits[i].bit | SPP_BIT);
    attempt(MODE_S, code_sfence, 0);
    tell("sfence.vma", MODE_S);
    attempt(MODE_S, code_read_satp, 0);
    tell("csrr satp", MODE_S);
    attempt(MODE_S, code_write_satp, 0);
    tell("csrw satp", MODE_S);
    csr_write(mstatus, bits[i].bit | SPP_BIT);
    attempt(MODE_S, code_sret, 0);
    taken.pc = 0;
    tell("sret", MODE_S);
    /* Something is pending, so that WFI does not wait where it may run. */
    csr_write(mie, 1 << SOFTWARE_S);
    csr_write(mip, 1 << SOFTWARE_S);
    csr_write(mideleg, 1 << SOFTWARE_S);
    attempt(MODE_S, code_wfi, 0);
    tell("wfi", MODE_S);
    settle();
  }
}

/* Returns: which mode they lead to and what they make of the stacks of enables. */
static void show_returns(void) {
  print("returns\n");
  for (u64 status = 0; status < 4; status++) {
    csr_write(mstatus, (status & 1 ? MPIE_BIT : 0) | (status & 2 ? SPIE_BIT | SPP_BIT : 0));
    attempt(MODE_S, code_sret, 0);
    tell("mret to S, sret", MODE_S);
    csr_write(mstatus, MPRV_BIT);
    attempt(MODE_M, code_ecall, 0);
    print("    MPRV after mret to M: %u\n", taken.status >> 17 & 1);
    csr_write(mstatus, 0);
  }
}

void show_traps(void) {
  print("traps without delegation\n");
  show_trials();
  show_trap_bits();
  show_returns();
}

void show_delegation(void) {
  print("traps with delegation of all\n");
  csr_write(medeleg, ~(1ul << ECALL_S)); /* S-mode hands over by that one */
  show_trials();
  settle();
  print("delegation of single causes, from U:\n");
  for (u64 cause = 0; cause < 16; cause++) {
    if (cause == ECALL_S) continue;
    csr_write(medeleg, 1ul << cause);
    attempt(MODE_U, code_illegal, 0);
    u64 illegal = taken.level;
    attempt(MODE_U, code_ebreak, 0);
    u64 breakpoint = taken.level;
    attempt(MODE_U, code_ecall, 0);
    u64 call = taken.level;
    attempt(MODE_U, code_load, NOWHERE);
    print("  %-2u illegal %c, ebreak %c, ecall %c, load %c\n", cause, (u64)mode_names[illegal],
          (u64)mode_names[breakpoint], (u64)mode_names[call], (u64)mode_names[taken.level]);
  }
  settle();
}
