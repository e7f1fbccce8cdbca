/**
 * The instruction table: all rows of all extensions, in the order in which the specification's volumes present them.
 *
 * @module
 */
import { A } from "./a.ts";
import { D } from "./d.ts";
import { F } from "./f.ts";
import { HYPERVISOR } from "./hypervisor.ts";
import { I } from "./i.ts";
import type { Instruction } from "./instruction.ts";
import { M } from "./m.ts";
import { PRIVILEGED } from "./privileged.ts";
import { ZBA } from "./zba.ts";
import { ZBB } from "./zbb.ts";
import { ZBS } from "./zbs.ts";
import { ZICBO } from "./zicbo.ts";
import { ZICOND } from "./zicond.ts";
import { ZICSR } from "./zicsr.ts";

/** Every 32-bit instruction. */
export const INSTRUCTIONS: readonly Instruction[] = [
  ...I,
  ...ZICSR,
  ...M,
  ...A,
  ...F,
  ...D,
  ...ZBA,
  ...ZBB,
  ...ZBS,
  ...ZICOND,
  ...ZICBO,
  ...PRIVILEGED,
  ...HYPERVISOR,
];
