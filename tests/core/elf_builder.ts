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

/** What {@link buildElf} puts together. */
export interface BuiltFile {
  machine?: number;
  type?: number;
  entry: bigint;
  segments: BuiltSegment[];
  symbols?: BuiltSymbol[];
}

/** Little-endian stores into a file. */
class FileWriter {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  u16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  u32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  u64(at: number, value: bigint | number): void {
    this.#view.setBigUint64(at, BigInt(value), true);
  }
}

/** Builds a file with program headers, segments, and a symbol table. */
export function buildElf(
  { machine = 0xfeed, type = 2, entry, segments, symbols = [] }: BuiltFile,
): Uint8Array<ArrayBuffer> {
  const names = new TextEncoder().encode("\0" + symbols.map((symbol) => symbol.name + "\0").join(""));
  const bodies = segments.reduce((sum, segment) => sum + segment.bytes.length, 0);
  const bodiesAt = 64 + 56 * segments.length;
  const symbolsAt = bodiesAt + bodies;
  const namesAt = symbolsAt + 24 * (symbols.length + 1);
  const sectionsAt = namesAt + names.length;
  const file = new FileWriter(sectionsAt + 3 * 64);
  file.bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.u16(16, type);
  file.u16(18, machine);
  file.u32(20, 1);
  file.u64(24, entry);
  file.u64(32, 64);
  file.u64(40, sectionsAt);
  file.u16(52, 64);
  file.u16(54, 56);
  file.u16(56, segments.length);
  file.u16(58, 64);
  file.u16(60, 3);
  writeSegments(file, segments, bodiesAt);
  writeSymbols(file, symbols, symbolsAt);
  file.bytes.set(names, namesAt);
  file.u32(sectionsAt + 64 + 4, 2);
  file.u64(sectionsAt + 64 + 24, symbolsAt);
  file.u64(sectionsAt + 64 + 32, 24 * (symbols.length + 1));
  file.u32(sectionsAt + 64 + 40, 2);
  file.u32(sectionsAt + 128 + 4, 3);
  file.u64(sectionsAt + 128 + 24, namesAt);
  file.u64(sectionsAt + 128 + 32, names.length);
  return file.bytes;
}

function writeSegments(file: FileWriter, segments: readonly BuiltSegment[], bodiesAt: number): void {
  let body = bodiesAt;
  segments.forEach(({ virtual, physical, bytes, memory }, index) => {
    const at = 64 + 56 * index;
    file.u32(at, 1);
    file.u64(at + 8, body);
    file.u64(at + 16, virtual);
    file.u64(at + 24, physical);
    file.u64(at + 32, bytes.length);
    file.u64(at + 40, memory ?? bytes.length);
    file.bytes.set(bytes, body);
    body += bytes.length;
  });
}

function writeSymbols(file: FileWriter, symbols: readonly BuiltSymbol[], symbolsAt: number): void {
  let name = 1;
  symbols.forEach((symbol, index) => {
    const at = symbolsAt + 24 * (index + 1);
    file.u32(at, name);
    file.bytes[at + 4] = symbol.info ?? 0x10;
    file.u16(at + 6, symbol.section ?? 1);
    file.u64(at + 8, symbol.value);
    name += symbol.name.length + 1;
  });
}
