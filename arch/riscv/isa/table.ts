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
import type { Instruction, TableRow } from "./instruction.ts";
import { M } from "./m.ts";
import { PRIVILEGED } from "./privileged.ts";
import { ZBA } from "./zba.ts";
import { ZBB } from "./zbb.ts";
import { ZBS } from "./zbs.ts";
import { ZICBO } from "./zicbo.ts";
import { ZICOND } from "./zicond.ts";
import { ZICSR } from "./zicsr.ts";

/** Every 32-bit instruction. */
export const INSTRUCTIONS: readonly TableRow[] = [
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
].map(tableRow);

function tableRow(row: Instruction, index: number): TableRow {
  const { name, format, pattern, extension, run, call, steady, quick, syntax } = row;
  return { index, name, format, pattern, extension, run, call, steady, quick, syntax };
}
