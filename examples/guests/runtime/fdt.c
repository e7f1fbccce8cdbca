/* Walks the structure block token by token; nothing is copied, and damaged offsets only end the walk. */
#include "fdt.h"

enum { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOP = 4 };

static u64 tree, structure, structure_end, strings;

static u32 big_endian(u64 address) {
  const u8 *b = (const u8 *)address;
  return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

static u64 align4(u64 address) { return (address + 3) & ~3ul; }

bool fdt_open(u64 address) {
  if (address == 0 || address & 3 || big_endian(address) != 0xd00dfeed) return false;
  tree = address;
  structure = address + big_endian(address + 8);
  strings = address + big_endian(address + 12);
  structure_end = structure + big_endian(address + 36);
  return true;
}

u32 fdt_size(void) { return big_endian(tree + 4); }

const char *fdt_name(fdt_node node) { return (const char *)node + 4; }

/* The token after the one at `at`. */
static u64 next_token(u64 at) {
  switch (big_endian(at)) {
    case BEGIN_NODE: return align4(at + 4 + string_length(fdt_name(at)) + 1);
    case PROPERTY: return align4(at + 12 + big_endian(at + 4));
    case END_NODE:
    case NOP: return at + 4;
    default: return structure_end;
  }
}

struct fdt_property fdt_property(fdt_node node, const char *name) {
  if (node) {
    for (u64 at = next_token(node); at < structure_end; at = next_token(at)) {
      u32 token = big_endian(at);
      if (token == BEGIN_NODE || token == END_NODE) break;
      if (token == PROPERTY && string_equal((const char *)strings + big_endian(at + 8), name)) {
        return (struct fdt_property){(const u8 *)at + 12, big_endian(at + 4)};
      }
    }
  }
  return (struct fdt_property){NULL, 0};
}

static bool list_has(struct fdt_property list, const char *text) {
  for (u32 at = 0; at < list.length; at += string_length((const char *)list.bytes + at) + 1) {
    if (string_equal((const char *)list.bytes + at, text)) return true;
  }
  return false;
}

fdt_node fdt_compatible(fdt_node after, const char *compatible) {
  for (u64 at = after ? next_token(after) : structure; at < structure_end; at = next_token(at)) {
    if (big_endian(at) == BEGIN_NODE && list_has(fdt_property(at, "compatible"), compatible)) return at;
  }
  return 0;
}

fdt_node fdt_named(const char *name) {
  u64 length = string_length(name);
  for (u64 at = structure; at < structure_end; at = next_token(at)) {
    if (big_endian(at) != BEGIN_NODE || memcmp(fdt_name(at), name, length) != 0) continue;
    char end = fdt_name(at)[length];
    if (end == '\0' || end == '@') return at;
  }
  return 0;
}

const char *fdt_text(fdt_node node, const char *name) {
  struct fdt_property property = fdt_property(node, name);
  return property.bytes ? (const char *)property.bytes : "";
}

u32 fdt_cell(fdt_node node, const char *name, u32 index) {
  struct fdt_property property = fdt_property(node, name);
  return property.length >= 4 * (index + 1) ? big_endian((u64)property.bytes + 4 * index) : 0;
}

static u64 two_cells(fdt_node node, u32 index) {
  return (u64)fdt_cell(node, "reg", index) << 32 | fdt_cell(node, "reg", index + 1);
}

u64 fdt_address(fdt_node node) { return two_cells(node, 0); }

u64 fdt_reg_size(fdt_node node) { return two_cells(node, 2); }
