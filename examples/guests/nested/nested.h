/* A hypervisor of one page: what it sees of its guest, and the pieces of guest code. */
#pragma once

/* The compiler does not know the extension; the assembler does. */
asm(".option arch, +h");
#include "../runtime/base.h"
#include "../runtime/paging.h"
#include "../runtime/trap.h"

enum { GUEST_FETCH_PAGE = 20, GUEST_LOAD_PAGE = 21, VIRTUAL_INSTRUCTION = 22, GUEST_STORE_PAGE = 23 };

/* Fields of hstatus. */
enum { H_GVA = 1 << 6, H_SPV = 1 << 7, H_SPVP = 1 << 8, H_HU = 1 << 9, H_VTVM = 1 << 20, H_VTW = 1 << 21, H_VTSR = 1 << 22 };

/* The last trap into HS-mode. Filled by nested.S, which knows the order. */
struct seen {
  u64 cause, pc, value, address, instruction, hstatus, sstatus, a0;
};
extern struct seen seen;

/* The last trap into VS-mode, told by the guest's own handler; cause -1 is none. */
struct inner {
  u64 cause, pc, value;
};
extern struct inner inner;

enum { MODE_VU = 0, MODE_VS = 1 };

/* Runs guest code until it traps into HS-mode. */
void run_guest(u64 mode, u64 pc, u64 a0);

/* Guest code that ends in an ecall, without compressed instructions. */
#define GUEST(name, text)                                                                                 \
  extern const char name[];                                                                               \
  asm(".pushsection .text\n .balign 4\n .globl " #name "\n " #name ":\n .option push\n .option norvc\n" text \
      "\n ecall\n .option pop\n .popsection")

extern char guest_entry[]; /* the guest's trap handler */

/* Guest-physical places beside the image, which is where it is. */
enum { PAGE_FULL, PAGE_NONE, PAGE_READ, PAGE_SUPERVISOR, PAGE_CLEAN, PAGE_OTHER, PAGES };
#define GUEST_PAGE(number) (0x90000000ul + PAGE_SIZE * (number))

extern u64 *guest_root;                          /* the guest's own table, in identity */
extern volatile u64 frames[PAGES][512];          /* what is behind the guest's pages */
void make_tables(void);
void map_guest_page(u64 address, volatile void *frame, u64 flags);
void settle_guest(void);                         /* plain state: vsatp bare, nothing trapped, nothing pending */

/* Prints what HS-mode saw. */
void tell(const char *name);

void show_virtual_instructions(void);
void show_guest_faults(void);
void show_two_stages(void);
void show_injection(void);
