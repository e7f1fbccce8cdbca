/* The smallest guest: a line through the SBI debug console, then power off. */
#include "../runtime/print.h"
#include "../runtime/sbi.h"

void guest_main(u64 hart, u64 device_tree) {
  sbi_console();
  print("Hello from a guest in S-mode: hart %u, device tree %s\n", hart, device_tree ? "given" : "missing");
  sbi_shutdown(false);
}
