/**
 * Hypervisor instructions: fences of guest translation, and loads and stores as the guest would do them (Privileged ISA, "Hypervisor
 * Instructions"; Svinval).
 *
 * @module
 */
import { HStatus, Status } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { raiseIllegal, raiseVirtualInstruction } from "../trap/deliver.ts";
import { Privilege } from "../trap/mode.ts";
import type { AccessSize, Instruction } from "./instruction.ts";

/**
 * Whether HS-mode's instruction may execute; else the trap is raised.
 *
 * @param trapBit Bit of mstatus that forbids it in HS-mode, 0 if none does
 * @param userBit Bit of hstatus that allows it in U-mode, 0 if none does
 */
function hypervisorAllowed(hart: Hart, bits: number, trapBit: number, userBit: number): boolean {
  const { state } = hart;
  const privilege = state.word(FIELD.privilege);
  if (state.word(FIELD.virtual) !== 0) return raiseVirtualInstruction(hart, bits);
  if (privilege === Privilege.M) return true;
  const allowed = privilege === Privilege.S
    ? (state.low(FIELD.mstatus) & trapBit) === 0
    : (state.low(FIELD.hstatus) & userBit) !== 0;
  return allowed || raiseIllegal(hart, bits);
}

function hfenceVvma(hart: Hart, bits: number): boolean {
  if (!hypervisorAllowed(hart, bits, 0, 0)) return false;
  const { state } = hart;
  const address = (bits >>> 15) & 31;
  const asid = (bits >>> 20) & 31;
  hart.mmu.hfenceVvma(state.xLow(address), state.xHigh(address), address !== 0, state.xLow(asid) & 0xffff, asid !== 0);
  return true;
}

function hfenceGvma(hart: Hart, bits: number): boolean {
  if (!hypervisorAllowed(hart, bits, Status.TVM, 0)) return false;
  const { state } = hart;
  const address = (bits >>> 15) & 31;
  const vmid = (bits >>> 20) & 31;
  hart.mmu.hfenceGvma(state.xLow(address), state.xHigh(address), address !== 0, state.xLow(vmid) & 0x3fff, vmid !== 0);
  return true;
}

function fence(name: string, funct7: string, extension: string, call: Instruction["call"]): Instruction {
  return { name, format: "R", pattern: `${funct7}..........000000001110011`, extension, call, syntax: "rs1,rs2" };
}

/** Sets rd to what lies at a host address, extended to 64 bits. */
function setLoaded(hart: Hart, rd: number, host: number, size: AccessSize, signed: boolean): void {
  const { state, memory } = hart;
  if (size === 8) {
    // Aligned to 4 is not certain: a misaligned access inside a page is done in place.
    state.setX(rd, loadWord(memory.u8, host), loadWord(memory.u8, host + 4));
    return;
  }
  const unsigned = size === 4
    ? loadWord(memory.u8, host)
    : size === 2
    ? memory.u8[host] | (memory.u8[host + 1] << 8)
    : memory.u8[host];
  const unused = 32 - size * 8;
  const low = signed ? (unsigned << unused) >> unused : unsigned;
  state.setX(rd, low, signed ? low >> 31 : 0);
}

function loadWord(bytes: Uint8Array, host: number): number {
  return bytes[host] | (bytes[host + 1] << 8) | (bytes[host + 2] << 16) | (bytes[host + 3] << 24);
}

function load(name: string, funct7: string, variant: string, size: AccessSize, signed: boolean): Instruction {
  const executes = name.startsWith("hlvx");
  return {
    name,
    format: "R",
    pattern: `${funct7}${variant}.....100.....1110011`,
    extension: "h",
    steady: () => true,
    syntax: "rd,(rs1)",
    call: (hart, bits) => {
      if (!hypervisorAllowed(hart, bits, 0, HStatus.HU)) return false;
      const address = (bits >>> 15) & 31;
      const host = hart.mmu.guestLoad(hart.state.xLow(address), hart.state.xHigh(address), size, executes);
      if (host === -1) return false;
      setLoaded(hart, (bits >>> 7) & 31, host, size, signed);
      return true;
    },
  };
}

function store(name: string, funct7: string, size: AccessSize): Instruction {
  return {
    name,
    format: "R",
    pattern: `${funct7}..........100000001110011`,
    extension: "h",
    steady: () => true,
    syntax: "rs2,(rs1)",
    call: (hart, bits) => {
      if (!hypervisorAllowed(hart, bits, 0, HStatus.HU)) return false;
      const { state } = hart;
      const address = (bits >>> 15) & 31;
      const source = (bits >>> 20) & 31;
      return hart.mmu.guestStore(
        state.xLow(address),
        state.xHigh(address),
        state.xLow(source),
        state.xHigh(source),
        size,
      );
    },
  };
}

/** Rows in the order of the specification. */
export const HYPERVISOR: readonly Instruction[] = [
  load("hlv.b", "0110000", "00000", 1, true),
  load("hlv.bu", "0110000", "00001", 1, false),
  load("hlv.h", "0110010", "00000", 2, true),
  load("hlv.hu", "0110010", "00001", 2, false),
  load("hlv.w", "0110100", "00000", 4, true),
  load("hlvx.hu", "0110010", "00011", 2, false),
  load("hlvx.wu", "0110100", "00011", 4, false),
  store("hsv.b", "0110001", 1),
  store("hsv.h", "0110011", 2),
  store("hsv.w", "0110101", 4),
  load("hlv.wu", "0110100", "00001", 4, false),
  load("hlv.d", "0110110", "00000", 8, true),
  store("hsv.d", "0110111", 8),
  fence("hfence.vvma", "0010001", "h", hfenceVvma),
  fence("hfence.gvma", "0110001", "h", hfenceGvma),
  fence("hinval.vvma", "0010011", "svinval", hfenceVvma),
  fence("hinval.gvma", "0110011", "svinval", hfenceGvma),
];
