/* What traps out of a guest, why, and with which values. */
#include "nested.h"

#include "../runtime/print.h"

GUEST(guest_ecall, "nop");
GUEST(guest_hstatus, "csrr a0, hstatus");
GUEST(guest_vsscratch, "csrr a0, vsscratch");
GUEST(guest_mstatus, "csrr a0, mstatus");
GUEST(guest_sstatus, "csrr a0, sstatus");
GUEST(guest_time, "csrr a0, time");
GUEST(guest_satp, "csrr a0, satp");
GUEST(guest_sfence, "sfence.vma");
GUEST(guest_sret, "sret");
GUEST(guest_wfi, "wfi");
GUEST(guest_hfence, "hfence.gvma");
GUEST(guest_hlv, "hlv.w a0, (a0)");
GUEST(guest_illegal, ".4byte 0xffffffff");
GUEST(guest_write_scratch, "csrw sscratch, a0\n csrr a0, sscratch");
GUEST(guest_ld, "ld a0, 0(a0)");
GUEST(guest_lb, "lb a0, 1(a0)");
GUEST(guest_lhu, "lhu a0, 2(a0)");
GUEST(guest_sd, "sd a0, 8(a0)");
GUEST(guest_sb, "sb a0, -1(a0)");
GUEST(guest_c_lw, ".option rvc\n c.lw a0, 4(a0)\n .option norvc");
GUEST(guest_c_sd, ".option rvc\n c.sd a0, 8(a0)\n .option norvc");
GUEST(guest_amoadd, "amoadd.w a0, a0, (a0)");
GUEST(guest_lr, "lr.d a0, (a0)");
GUEST(guest_fld, "fld fa0, 0(a0)");
GUEST(guest_fsw, "fsw fa0, 4(a0)");
GUEST(guest_jump, "jr a0");
GUEST(guest_wait_interrupt, "csrsi sstatus, 2\n nop\n nop\n nop\n li a0, 0");

void tell(const char *name) {
  print("  %-22s cause %2u, stval %x, htval %x, htinst %x, SPV %u SPVP %u GVA %u SPP %u, a0 %x\n", name, seen.cause,
        seen.value, seen.address, seen.instruction, seen.hstatus >> 7 & 1, seen.hstatus >> 8 & 1, seen.hstatus >> 6 & 1,
        seen.sstatus >> 8 & 1, seen.a0);
}

struct trial {
  const char *name;
  const char *code;
  u64 a0;
};

static void run_trials(const struct trial *trials, u64 count, u64 modes) {
  for (u64 i = 0; i < count; i++) {
    for (u64 mode = 2 - modes; mode < 2; mode++) {
      run_guest(mode, (u64)trials[i].code, trials[i].a0);
      print(mode == MODE_VS ? "VS" : "VU");
      tell(trials[i].name);
    }
  }
}

void show_virtual_instructions(void) {
  static const struct trial trials[] = {
      {"ecall", guest_ecall, 0},     {"csrr hstatus", guest_hstatus, 0}, {"csrr vsscratch", guest_vsscratch, 0},
      {"csrr mstatus", guest_mstatus, 0}, {"hfence.gvma", guest_hfence, 0}, {"hlv.w", guest_hlv, 0x80000000},
      {"illegal", guest_illegal, 0},
  };
  static const struct trial trapped[] = {
      {"csrr time", guest_time, 0}, {"csrr satp", guest_satp, 0}, {"sfence.vma", guest_sfence, 0},
      {"sret", guest_sret, 0},      {"wfi", guest_wfi, 0},        {"csrr sstatus", guest_sstatus, 0},
  };
  print("instructions\n");
  run_trials(trials, LENGTH(trials), 2);
  print("with VTVM, VTW, VTSR set and hcounteren 0\n");
  csr_set(hstatus, H_VTVM | H_VTW | H_VTSR);
  csr_write(hcounteren, 0);
  run_trials(trapped, LENGTH(trapped), 2);
  settle_guest();
  run_guest(MODE_VS, (u64)guest_write_scratch, 0x1234);
  print("VS writes sscratch: reads %x, vsscratch %x\n", seen.a0, csr_read(vsscratch));
}

void show_guest_faults(void) {
  u64 none = GUEST_PAGE(PAGE_NONE);
  const struct trial loads[] = {
      {"ld", guest_ld, none},           {"lb", guest_lb, none + 7},       {"lhu", guest_lhu, none},
      {"sd", guest_sd, none},           {"sb", guest_sb, none + 16},      {"c.lw", guest_c_lw, none},
      {"c.sd", guest_c_sd, none + 32},  {"lr.d", guest_lr, none},         {"fld", guest_fld, none},
      {"fsw", guest_fsw, none},         {"jump", guest_jump, none},       {"jump + 2", guest_jump, none + 2},
  };
  const struct trial others[] = {
      {"ld, page full", guest_ld, GUEST_PAGE(PAGE_FULL)},
      {"ld, read only", guest_ld, GUEST_PAGE(PAGE_READ)},
      {"sd, read only", guest_sd, GUEST_PAGE(PAGE_READ)},
      {"jump, read only", guest_jump, GUEST_PAGE(PAGE_READ)},
      {"ld, leaf without U", guest_ld, GUEST_PAGE(PAGE_SUPERVISOR)},
      {"ld, last GiB", guest_ld, 2047ul << 30 | 511ul << 21},
      {"ld, beyond 41 bits", guest_ld, 1ul << 41},
  };
  print("guest page faults, vsatp bare\n");
  run_trials(loads, LENGTH(loads), 1);
  run_trials(others, LENGTH(others), 1);
  print("the same with vsatp in identity\n");
  csr_write(vsatp, paging_satp(guest_root, SV39, 5));
  asm volatile("hfence.vvma" : : : "memory");
  run_trials(loads, LENGTH(loads), 1);
  settle_guest();
}

/* Traps that the guest takes by itself, told by its handler. */
static void tell_inner(const char *name) {
  print("  %-22s guest cause %d, stval %x; then HS cause %u\n", name, inner.cause, inner.value, seen.cause);
  inner.cause = ~0ul;
}

static u64 load_as_guest(u64 address) {
  u64 result;
  asm volatile("hlv.d %0, (%1)" : "=r"(result) : "r"(address) : "memory");
  return result;
}

/* A table of the guest's own that lies where the hypervisor maps nothing. */
static void show_table_faults(void) {
  csr_write(vsatp, 8ul << 60 | GUEST_PAGE(PAGE_NONE) >> 12);
  asm volatile("hfence.vvma" : : : "memory");
  run_guest(MODE_VS, (u64)guest_ecall, 0);
  tell("table unmapped");
  u64 *entry = paging_entry(guest_root, SV39, 0x40000000, 2), before = *entry;
  *entry = GUEST_PAGE(PAGE_NONE) >> 12 << 10 | PTE_V;
  csr_write(vsatp, paging_satp(guest_root, SV39, 0));
  asm volatile("hfence.vvma" : : : "memory");
  run_guest(MODE_VS, (u64)guest_ld, 0x40001008);
  tell("second level unmapped");
  run_guest(MODE_VS, (u64)guest_sd, 0x40001008);
  tell("the same by a store");
  *entry = before;
}

void show_two_stages(void) {
  print("two stages\n");
  csr_write(vsatp, paging_satp(guest_root, SV39, 0));
  asm volatile("hfence.vvma" : : : "memory");
  run_guest(MODE_VS, (u64)guest_ld, 0x1000);
  tell_inner("no page of the guest");
  run_guest(MODE_VS, (u64)guest_sd, 0x1000);
  tell_inner("the same, a store");
  run_guest(MODE_VU, (u64)guest_ecall, 0);
  tell_inner("VU on an S page");
  paging_map(guest_root, SV39, 0x1000, GUEST_PAGE(PAGE_FULL), PAGE_SIZE, PAGE_RW, 0);
  asm volatile("hfence.vvma" : : : "memory");
  run_guest(MODE_VS, (u64)guest_ld, 0x1000);
  tell("mapped by both");
  csr_set(hstatus, H_SPVP);
  print("  hlv.d of it: %x, of a page in identity: %x\n", load_as_guest(0x1000), load_as_guest(GUEST_PAGE(PAGE_OTHER)));
  asm volatile("hsv.w %0, (%1)" : : "r"(0x1122334455667788), "r"(0x1010ul) : "memory");
  print("  hsv.w: %x\n", frames[PAGE_FULL][2]);
  map_guest_page(GUEST_PAGE(PAGE_FULL), frames[PAGE_OTHER], PAGE_RWX | PTE_U);
  run_guest(MODE_VS, (u64)guest_ld, 0x1000);
  tell("after hfence.gvma");
  map_guest_page(GUEST_PAGE(PAGE_FULL), frames[PAGE_FULL], PAGE_RWX | PTE_U);
  show_table_faults();
  settle_guest();
  print("repair: mapped at the fault and resumed\n");
  run_guest(MODE_VS, (u64)guest_ld, GUEST_PAGE(PAGE_CLEAN));
  tell("first");
  map_guest_page(seen.address << 2, frames[PAGE_CLEAN], PAGE_RWX | PTE_U);
  run_guest(MODE_VS, seen.pc, seen.a0);
  tell("resumed");
}

void show_injection(void) {
  static const u64 lines[] = {2, 6, 10};
  print("interrupts injected by hvip\n");
  for (u64 i = 0; i < LENGTH(lines); i++) {
    csr_write(hideleg, 0x444);
    csr_write(vsie, 0x222);
    csr_write(hvip, 1ul << lines[i]);
    inner.cause = ~0ul;
    run_guest(MODE_VS, (u64)guest_wait_interrupt, 0);
    print("  hvip %x: vsip %x, guest cause %x, pc +%u, then HS cause %u\n", csr_read(hvip), csr_read(vsip), inner.cause,
          inner.pc - (u64)guest_wait_interrupt, seen.cause);
  }
  csr_write(hvip, 1 << 2);
  csr_write(hideleg, 0);
  csr_write(hie, 1 << 2);
  run_guest(MODE_VS, (u64)guest_ecall, 0);
  print("  not delegated: HS cause %x\n", seen.cause);
  csr_write(hie, 0);
  settle_guest();
  csr_write(htimedelta, 1ul << 40);
  run_guest(MODE_VS, (u64)guest_time, 0);
  u64 now = csr_read(time);
  print("time of the guest is ahead by 2^40: %u\n", (u64)(seen.a0 - (1ul << 40) <= now && now - seen.a0 + (1ul << 40) < 10000000));
  settle_guest();
}
