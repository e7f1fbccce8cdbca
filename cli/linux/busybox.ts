/** Reads from a busybox program which applets it has, so that their links can be made without running it. @module */

/**
 * The applet names of a busybox executable. They lie in it as one table: sorted names, each ended by NUL, an empty name at
 * the end, opening with `[` and `[[` (busybox, libbb/appletlib.c: `applet_names`).
 *
 * @throws {RangeError} when there is no such table.
 */
export function readAppletNames(program: Uint8Array): string[] {
  const opening = new TextEncoder().encode("[\0[[\0");
  for (let at = program.indexOf(opening[0]); at >= 0; at = program.indexOf(opening[0], at + 1)) {
    if (!opening.every((byte, index) => program[at + index] === byte)) continue;
    const names = readNames(program, at);
    if (names.includes("sh") && names.includes("mount")) return names;
  }
  throw new RangeError("No table of applets in the busybox program");
}

function readNames(program: Uint8Array, start: number): string[] {
  const names: string[] = [];
  const decoder = new TextDecoder();
  while (start < program.length) {
    const end = program.indexOf(0, start);
    const name = decoder.decode(program.subarray(start, end < 0 ? program.length : end));
    if (!/^[\w.+[-]+$/.test(name)) break;
    names.push(name);
    start += name.length + 1;
  }
  return names;
}
