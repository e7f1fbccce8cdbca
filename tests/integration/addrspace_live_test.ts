/** `AddrSpace` under a running guest: a change takes effect at the guest's very next access, whatever was cached before. @module */
import assert from "node:assert/strict";
import { ENGINE_NAMES } from "../../arch/riscv/hart.ts";
import { MappingFlags } from "../../core/addrspace/nested_page_table.ts";
import type { AxVM } from "../../core/vm.ts";
import { changer, CHANGERS, DEVICE } from "./changer.ts";
import { createGuest, type GuestOptions, RAM, type TestGuest } from "./guest.ts";

const { READ, WRITE, EXECUTE } = MappingFlags;

/** The page that is changed: in the middle of a chunk of 2 MiB, which one huge leaf maps. */
const PAGE = RAM + 0x105_5000;

/** Another page in another chunk: what {@link PAGE} is mapped to instead. */
const OTHER = RAM + 0x123_4000;

/** Where the guest runs, and how deep its own translation is. */
interface Place {
  readonly name: string;
  readonly mode: "guest" | "machine";
  readonly paging: boolean;
}

const PLACES: readonly Place[] = [
  { name: "guest mode", mode: "guest", paging: false },
  { name: "guest mode under Sv39", mode: "guest", paging: true },
  { name: "machine mode", mode: "machine", paging: false },
];

/** An access that the guest makes over and over, and the exception that it gets where the mapping forbids it. */
interface Access {
  readonly name: string;
  readonly code: string;
  readonly cause: number;
  /** Right that it needs. */
  readonly needs: number;
  /** Whether it reads what the page holds, so that s5 tells which page that was. */
  readonly reads: boolean;
  readonly offset: number;
}

const ACCESSES: readonly Access[] = [
  { name: "load", code: "ld s5,0(s0)", cause: 5, needs: READ, reads: true, offset: 0 },
  { name: "floating-point load", code: "fld fa0,0(s0)\nfmv.x.d s5,fa0", cause: 5, needs: READ, reads: true, offset: 0 },
  { name: "store", code: "sw s9,16(s0)", cause: 7, needs: WRITE, reads: false, offset: 16 },
  { name: "atomic", code: "amoor.d s5,zero,(s0)", cause: 7, needs: WRITE, reads: true, offset: 0 },
  { name: "fetch", code: "jalr ra,256(s0)", cause: 1, needs: EXECUTE, reads: true, offset: 256 },
];

/** A register of the UART that has no effect. */
const SCRATCH = 0x1000_0007;

/**
 * Makes the access in an endless loop: s5 what it read, s6 scause and s7 stval of its fault, s9 the number of loops.
 *
 * @param port Where it writes before each access
 */
function source(access: string, { mode, paging }: Place, port = SCRATCH): string {
  const x = mode === "guest" ? "s" : "m";
  return `
    la t0,trap
    csrw ${x}tvec,t0
    li t0,0x6000
    csrs ${x}status,t0     # FS
    ${paging ? SV39 : ""}
    li s0,${PAGE}
    li s1,${port}
    li s2,${OTHER}
    li t0,1
    sd t0,0(s0)
    li t0,2
    sd t0,0(s2)
    ld t0,function
    sd t0,256(s0)
    ld t0,other_function
    sd t0,256(s2)
    fence.i
    loop:
    li s5,0
    li s6,0
    li s7,0
    sb zero,0(s1)
    access:
    ${access}
    after:
    addi s9,s9,1
    j loop
    .align 2
    trap:
    csrr s6,${x}cause
    csrr s7,${x}tval
    la t0,after
    csrw ${x}epc,t0
    ${x}ret
    .align 3
    function:
    addi s5,zero,1
    ret
    other_function:
    addi s5,zero,2
    ret
    .align 12
    table:
    .space 4096
  `.replace(/ld t0,(\w+)\n/g, "la t0,$1\nld t0,0(t0)\n");
}

/** Identity for the lower 4 GiB with huge leaves. */
const SV39 = `
    la t0,table
    li t1,0xcf
    li t3,0x10000000
    sd t1,0(t0)
    add t1,t1,t3
    sd t1,8(t0)
    add t1,t1,t3
    sd t1,16(t0)
    srli t0,t0,12
    li t1,0x8000000000000000
    or t0,t0,t1
    csrw satp,t0
    sfence.vma
`;

/** A register of the guest by number. */
function register(guest: TestGuest, index: number): number {
  return Number(guest.vm.vcpus[0].arch.getGpr(index));
}

const state = (guest: TestGuest) => ({
  read: register(guest, 21),
  cause: register(guest, 22),
  address: register(guest, 23),
});

/** Runs until the guest is about to make its next access, and has made some. */
async function toAccess(guest: TestGuest): Promise<void> {
  await toLabel(guest, "access");
}

/** Single steps to a label. */
async function toLabel(guest: TestGuest, label: string): Promise<void> {
  const wanted = BigInt(guest.program.label(label));
  for (let i = 0; i < 100; i++) {
    await guest.advance(1);
    if (guest.vm.vcpus[0].arch.getPc() === wanted) return;
  }
  throw new Error(`The guest never came to ${label}`);
}

/** Makes one access and returns what came of it. */
async function oneAccess(guest: TestGuest): Promise<ReturnType<typeof state>> {
  await toLabel(guest, "after");
  return state(guest);
}

/** Maps {@link PAGE} to the frame of {@link OTHER}; the frame that it had is lost. */
function remap({ space }: AxVM): void {
  const host = space.translate(OTHER)!;
  space.unmap(PAGE, 4096);
  space.mapLinear(PAGE, host, 4096, READ | WRITE | EXECUTE);
}

/** What a change makes of an access: a fault, or a number read. */
type Change = (vm: AxVM, access: Access) => { fault: boolean; read: number };

const CHANGES: Readonly<Record<string, Change>> = {
  "unmap": (vm) => {
    vm.space.unmap(PAGE, 4096);
    return { fault: true, read: 0 };
  },
  "protect to read and execute": (vm, { needs }) => {
    vm.space.protect(PAGE, 4096, READ | EXECUTE);
    return { fault: needs === WRITE, read: 1 };
  },
  "protect to read and write": (vm, { needs }) => {
    vm.space.protect(PAGE, 4096, READ | WRITE);
    return { fault: needs === EXECUTE, read: 1 };
  },
  "protect to nothing": (vm) => {
    vm.space.protect(PAGE, 4096, 0);
    return { fault: true, read: 0 };
  },
  "remap": (vm) => {
    remap(vm);
    return { fault: false, read: 2 };
  },
};

function expected(access: Access, { fault, read }: ReturnType<Change>): ReturnType<typeof state> {
  if (fault) return { read: 0, cause: access.cause, address: PAGE + access.offset };
  return { read: access.reads ? read : 0, cause: 0, address: 0 };
}

async function warmGuest(access: Access, place: Place, options: GuestOptions = {}): Promise<TestGuest> {
  const guest = await createGuest(source(access.code, place), { mode: place.mode, ...options });
  await guest.advance(2000);
  await toAccess(guest);
  return guest;
}

for (const place of PLACES) {
  for (const [name, change] of Object.entries(CHANGES)) {
    Deno.test(`AddrSpace: ${name} takes effect at the next access of a guest between two slices (${place.name})`, async () => {
      for (const access of ACCESSES) {
        await using guest = await warmGuest(access, place);
        assert.deepEqual(await oneAccess(guest), expected(access, { fault: false, read: 1 }), access.name);
        await toAccess(guest);
        const wanted = change(guest.vm, access);
        assert.deepEqual(await oneAccess(guest), expected(access, wanted), access.name);
        // Its neighbours, which the same huge leaf mapped, are as they were.
        assert.notEqual(guest.vm.memory.read(PAGE - 4096, 8192 - 4096), undefined);
        assert.equal(guest.vm.space.contains(PAGE + 4096), true);
      }
    });

    for (const who of CHANGERS) {
      Deno.test(`AddrSpace: ${name} from ${who} takes effect at the guest's next instruction (${place.name})`, async () => {
        for (const [i, access] of ACCESSES.entries()) {
          let wanted: ReturnType<Change> | undefined;
          const changed: { vm?: AxVM } = {};
          const plugin = changer(who, 100, () => wanted = change(changed.vm!, access));
          const arch = { engine: ENGINE_NAMES[i % ENGINE_NAMES.length] };
          const options = { mode: place.mode, plugins: [plugin], arch };
          await using guest = await createGuest(source(access.code, place, DEVICE), options);
          changed.vm = guest.vm;
          while (wanted === undefined) await guest.advance(7);
          // The write's instruction is complete; what follows it is the access.
          const { cause, read } = await untilLooped(guest);
          const { cause: wantedCause, read: wantedRead } = expected(access, wanted);
          assert.deepEqual({ cause, read }, { cause: wantedCause, read: wantedRead }, access.name);
        }
      });
    }
  }

  Deno.test(`AddrSpace: a page that is remapped and mapped back shows its own contents each time (${place.name})`, async () => {
    const [load] = ACCESSES;
    const fetch = ACCESSES.find(({ name }) => name === "fetch")!;
    for (const access of [load, fetch]) {
      await using guest = await warmGuest(access, place);
      const { space } = guest.vm;
      const hosts = [space.translate(PAGE)!, space.translate(OTHER)!];
      space.mapLinear(0x2_0000_0000, hosts[0], 4096, READ); // keeps the frame in use
      for (let i = 0; i < 6; i++) {
        space.unmap(PAGE, 4096);
        space.mapLinear(PAGE, hosts[1 - i % 2], 4096, READ | WRITE | EXECUTE);
        await toAccess(guest);
        assert.equal((await oneAccess(guest)).read, 2 - i % 2, `${access.name} ${i}`);
      }
    }
  });
}

/** Goes on to the end of the loop that the guest is in. */
async function untilLooped(guest: TestGuest): Promise<ReturnType<typeof state>> {
  const loops = register(guest, 25);
  while (register(guest, 25) === loops) await guest.advance(1);
  return state(guest);
}

Deno.test("AddrSpace: a store lands in the page that was mapped last, and no longer in the one before", async () => {
  for (const place of PLACES) {
    const store = ACCESSES.find(({ name }) => name === "store")!;
    await using guest = await warmGuest(store, place);
    const { space, memory } = guest.vm;
    const before = space.translate(PAGE)!;
    const host = space.translate(OTHER)!;
    space.mapLinear(0x2_0000_0000, before, 4096, READ);
    const old = memory.read(0x2_0000_0010, 4);
    space.unmap(PAGE, 4096);
    space.mapLinear(PAGE, host, 4096, READ | WRITE);
    await oneAccess(guest);
    assert.deepEqual(memory.read(0x2_0000_0010, 4), old, place.name);
    assert.deepEqual(memory.read(OTHER + 16, 4), memory.read(PAGE + 16, 4), place.name);
    assert.notDeepEqual(memory.read(OTHER + 16, 4), Uint8Array.of(0, 0, 0, 0), place.name);
  }
});

Deno.test("AddrSpace: a change inside a huge leaf splits it, and only the page in question changes", async () => {
  await using guest = await warmGuest(ACCESSES[0], PLACES[0]);
  const { space } = guest.vm;
  assert.equal(space.table.query(PAGE)!.pageSize, 2 << 20);
  const hosts = [-4096, 0, 4096].map((distance) => space.translate(PAGE + distance)!);
  space.protect(PAGE, 4096, EXECUTE);
  assert.equal(space.table.query(PAGE)!.pageSize, 4096);
  assert.equal(space.table.query(PAGE - 4096)!.host, hosts[0]);
  assert.equal(space.table.query(PAGE)!.host, hosts[1]);
  assert.equal(space.table.query(PAGE + 4096)!.host, hosts[2]);
  assert.equal(space.table.query(PAGE + 4096)!.flags & 7, READ | WRITE | EXECUTE);
  assert.equal((await oneAccess(guest)).cause, 5);
});

Deno.test("GuestMemory.write: code that the host or a device writes is what the guest executes next, without a fence", async () => {
  for (const place of PLACES) {
    const fetch = ACCESSES.find(({ name }) => name === "fetch")!;
    await using guest = await warmGuest(fetch, place);
    for (let i = 0; i < 3; i++) {
      assert.equal((await oneAccess(guest)).read, 1 + i, place.name);
      await toAccess(guest);
      // addi s5,zero,2 + i
      const word = 0xa93 | (2 + i) << 20;
      guest.vm.memory.write(PAGE + 256, Uint8Array.of(word, word >> 8, word >> 16, word >> 24));
    }
  }
});

Deno.test("AddrSpace: an unmapped page faults on every CPU that had it cached", async () => {
  await using guest = await createGuest(
    `
    la t0,trap
    csrw mtvec,t0
    li s0,${PAGE}
    loop:
    ld s5,0(s0)
    addi s9,s9,1
    j loop
    .align 2
    trap:
    csrr s6,mcause
    stay:
    j stay
    `,
    { mode: "machine", cpus: 3 },
  );
  await guest.advance(400_000);
  const cpus = guest.vm.vcpus.map(({ arch }) => arch);
  for (const cpu of cpus) {
    assert.ok(cpu.getGpr(25) > 1000n);
    assert.equal(cpu.getGpr(22), 0n);
  }
  guest.vm.space.unmap(PAGE, 4096);
  const loops = cpus.map((cpu) => cpu.getGpr(25));
  await guest.advance(200_000);
  for (const [index, cpu] of cpus.entries()) {
    assert.equal(cpu.getGpr(22), 5n);
    assert.ok(cpu.getGpr(25) - loops[index] <= 1n);
  }
});
