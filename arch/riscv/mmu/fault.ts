/**
 * How a translation failed: filled by whichever stage finds out, turned into an exception by the one who asked (Privileged ISA,
 * "Virtual Address Translation Process"; Hypervisor extension, "Transformed Instruction or Pseudoinstruction").
 *
 * @module
 */
import { FAULT_CAUSES } from "../trap/causes.ts";

/** Kinds of fault. `HOST` is none of the guest's: the VM keeps RAM from it for now, to notice the access. */
export const FaultKind = { PAGE: 0, ACCESS: 1, GUEST_PAGE: 2, HOST: 3 } as const;

/** What mtinst or htinst takes for an implicit access to a 64-bit VS-stage entry. */
export const Pseudo = { NONE: 0, READ: 0x3000, WRITE: 0x3020 } as const;

/** Exception codes by {@link FaultKind} and then by kind of access. */
const CAUSES: readonly (readonly number[])[] = [FAULT_CAUSES.page, FAULT_CAUSES.access, FAULT_CAUSES.guestPage];

/** The latest fault of a hart. One object, reused. */
export class Fault {
  /** A {@link FaultKind}. */
  kind = 0;
  /** Low half of the guest-physical address, for guest-page faults. */
  guestLow = 0;
  /** High half of it. */
  guestHigh = 0;
  /** Which implicit access it was: a {@link Pseudo}. */
  pseudo = 0;
  /** Physical address of a `HOST` fault. */
  hostAddress = 0;
  /** Whether a `HOST` fault was a write. */
  hostWrite = false;

  /** Notes a page or access fault. Returns false, for the caller to return. */
  plain(kind: number): false {
    this.kind = kind;
    this.guestLow = 0;
    this.guestHigh = 0;
    this.pseudo = Pseudo.NONE;
    return false;
  }

  /** Notes a guest-page fault. Returns false, for the caller to return. */
  guest(low: number, high: number, pseudo: number): false {
    this.kind = FaultKind.GUEST_PAGE;
    this.guestLow = low;
    this.guestHigh = high;
    this.pseudo = pseudo;
    return false;
  }

  /** Notes that the VM keeps RAM from the guest. Returns false, for the caller to return. */
  host(address: number, write: boolean): false {
    this.plain(FaultKind.HOST);
    this.hostAddress = address;
    this.hostWrite = write;
    return false;
  }

  /** Exception code for the kind of access that was attempted. */
  cause(access: number): number {
    return CAUSES[this.kind][access];
  }
}
