/** Small stand-ins for what Debian's packages hold: kernel modules, a busybox, cpio and tar archives. @module */

/** An ELF64 object with nothing but a `.modinfo` section of these `key=value` items. */
export function moduleObject(items: readonly string[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const names = encoder.encode("\0.modinfo\0.shstrtab\0");
  const info = encoder.encode(items.map((item) => `${item}\0`).join(""));
  const table = 64 + names.length + info.length;
  const object = new Uint8Array(table + 3 * 64);
  const view = new DataView(object.buffer);
  object.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setBigUint64(0x28, BigInt(table), true);
  view.setUint16(0x3c, 3, true);
  view.setUint16(0x3e, 1, true);
  object.set(names, 64);
  object.set(info, 64 + names.length);
  const section = (index: number, name: number, offset: number, size: number): void => {
    view.setUint32(table + index * 64, name, true);
    view.setBigUint64(table + index * 64 + 0x18, BigInt(offset), true);
    view.setBigUint64(table + index * 64 + 0x20, BigInt(size), true);
  };
  section(1, 10, 64, names.length);
  section(2, 1, 64 + names.length, info.length);
  return object;
}

/** A program with busybox's table of applets somewhere inside. */
export function busyboxProgram(applets: readonly string[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(
    `\x7fELF [\0[[\0not the table\0 code ${applets.map((name) => `${name}\0`).join("")}\0 more`,
  );
}

/** One member of a "newc" archive, read back. */
export interface CpioMember {
  path: string;
  mode: number;
  uid: number;
  gid: number;
  time: number;
  rdev: [number, number];
  data: Uint8Array;
}

/** Reads a "newc" archive. */
export function readCpio(archive: Uint8Array): CpioMember[] {
  const text = (start: number, length: number): string =>
    new TextDecoder().decode(archive.subarray(start, start + length));
  const members: CpioMember[] = [];
  for (let at = 0; at < archive.length;) {
    if (text(at, 6) !== "070701") throw new Error(`No header at ${at}`);
    const field = (index: number): number => parseInt(text(at + 6 + index * 8, 8), 16);
    const [nameSize, size] = [field(11), field(6)];
    const dataAt = (at + 110 + nameSize + 3) & ~3;
    members.push({
      path: text(at + 110, nameSize - 1),
      mode: field(1),
      uid: field(2),
      gid: field(3),
      time: field(5),
      rdev: [field(9), field(10)],
      data: archive.slice(dataAt, dataAt + size),
    });
    at = (dataAt + size + 3) & ~3;
  }
  return members;
}

/** One member of a ustar archive: header and padded data. */
export function tarMember(path: string, data: Uint8Array, type = "0", prefix = ""): Uint8Array {
  const encoder = new TextEncoder();
  const member = new Uint8Array(512 + Math.ceil(data.length / 512) * 512);
  member.set(encoder.encode(path), 0);
  member.set(encoder.encode(data.length.toString(8).padStart(11, "0")), 124);
  member.set(encoder.encode(type), 156);
  member.set(encoder.encode("ustar\0"), 257);
  member.set(encoder.encode(prefix), 345);
  member.set(data, 512);
  return member;
}

/** A stream that gives `parts` in chunks of `size` bytes. */
export function chunked(parts: readonly Uint8Array[], size: number): ReadableStream<Uint8Array> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new ReadableStream({
    start(controller): void {
      for (let start = 0; start < whole.length; start += size) controller.enqueue(whole.slice(start, start + size));
      controller.close();
    },
  });
}
