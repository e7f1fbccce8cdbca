/* Reads a flattened device tree (Devicetree Specification 0.4, chapter 5). */
#pragma once
#include "base.h"

/* A node: the address of its FDT_BEGIN_NODE token; 0 is no node. */
typedef u64 fdt_node;

struct fdt_property {
  const u8 *bytes; /* NULL if the node has no such property */
  u32 length;
};

/* Sets the tree that the other functions read; false if the address holds none. */
bool fdt_open(u64 address);
/* Bytes of the whole tree. */
u32 fdt_size(void);
/* The first node after `after` (0: from the root on) that has `compatible` among its compatible strings. */
fdt_node fdt_compatible(fdt_node after, const char *compatible);
/* The first node at any depth whose name, up to an @, is `name`. */
fdt_node fdt_named(const char *name);
struct fdt_property fdt_property(fdt_node node, const char *name);
/* The property's text, or "" if there is none. */
const char *fdt_text(fdt_node node, const char *name);
/* Cell `index` of a property of 32-bit cells; 0 if there is none. */
u32 fdt_cell(fdt_node node, const char *name, u32 index);
/* First address of `reg`, where address and size have two cells each, as everywhere on this board but for CPUs. */
u64 fdt_address(fdt_node node);
/* Size of the first `reg`. */
u64 fdt_reg_size(fdt_node node);
/* The name of the node with its unit address. */
const char *fdt_name(fdt_node node);
