/** Builds small ELF64 files for tests. @module */

/** One PT_LOAD segment. */
export interface BuiltSegment {
  virtual: bigint;
  physical: bigint;
  bytes: Uint8Array;
  memory?: number;
}

/** One symbol. */
export interface BuiltSymbol {
  name: string;
  value: bigint;
  /** `st_info`: binding in the high, type in the low four bits. */
  info?: number;
  section?: number;
}

/** Builds a file with program headers, segments, and a symbol table. */
export function buildElf(
  { machine = 0xfeed, type = 2, entry, segments, symbols = [] }: {
    machine?: number;
    type?: number;
    entry: bigint;
    segments: BuiltSegment[];
    symbols?: BuiltSymbol[];
  },
): Uint8Array<ArrayBuffer> {
  const names = new TextEncoder().encode("\0" + symbols.map((symbol) => symbol.name + "\0").join(""));
  const bodies = segments.reduce((sum, segment) => sum + segment.bytes.length, 0);
  const bodiesAt = 64 + 56 * segments.length;
  const symbolsAt = bodiesAt + bodies;
  const namesAt = symbolsAt + 24 * (symbols.length + 1);
  const sectionsAt = namesAt + names.length;
  const file = new Uint8Array(sectionsAt + 3 * 64);
  const view = new DataView(file.buffer);
  const u16 = (at: number, value: number) => view.setUint16(at, value, true);
  const u32 = (at: number, value: number) => view.setUint32(at, value, true);
  const u64 = (at: number, value: bigint | number) => view.setBigUint64(at, BigInt(value), true);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  u16(16, type);
  u16(18, machine);
  u32(20, 1);
  u64(24, entry);
  u64(32, 64);
  u64(40, sectionsAt);
  u16(52, 64);
  u16(54, 56);
  u16(56, segments.length);
  u16(58, 64);
  u16(60, 3);
  let body = bodiesAt;
  segments.forEach(({ virtual, physical, bytes, memory }, index) => {
    const at = 64 + 56 * index;
    u32(at, 1);
    u64(at + 8, body);
    u64(at + 16, virtual);
    u64(at + 24, physical);
    u64(at + 32, bytes.length);
    u64(at + 40, memory ?? bytes.length);
    file.set(bytes, body);
    body += bytes.length;
  });
  let name = 1;
  symbols.forEach((symbol, index) => {
    const at = symbolsAt + 24 * (index + 1);
    u32(at, name);
    file[at + 4] = symbol.info ?? 0x10;
    u16(at + 6, symbol.section ?? 1);
    u64(at + 8, symbol.value);
    name += symbol.name.length + 1;
  });
  file.set(names, namesAt);
  u32(sectionsAt + 64 + 4, 2);
  u64(sectionsAt + 64 + 24, symbolsAt);
  u64(sectionsAt + 64 + 32, 24 * (symbols.length + 1));
  u32(sectionsAt + 64 + 40, 2);
  u32(sectionsAt + 128 + 4, 3);
  u64(sectionsAt + 128 + 24, namesAt);
  u64(sectionsAt + 128 + 32, names.length);
  return file;
}
