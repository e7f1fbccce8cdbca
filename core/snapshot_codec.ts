/**
 * Snapshots as bytes, so that a file can carry them: a header in JSON, and the binary parts behind it.
 *
 * Everything that `structuredClone` copies and a device's state may hold survives: typed arrays, `bigint`, `undefined`, infinities,
 * maps and sets included.
 *
 * @module
 */
import { HypervisorError } from "./errors.ts";
import { SNAPSHOT_VERSION, type VmSnapshot } from "./snapshot.ts";

/** First bytes of a file. */
const MAGIC = "DVSNAP\r\n";

/** Bytes before the header: magic, version, length of the header, checksum of all that follows. */
const PREFIX = 24;

/** Alignment of binary parts, so that a view of any element type may begin there. */
const ALIGN = 8;

const VIEWS = {
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigUint64Array,
  BigInt64Array,
} as const;

type ViewName = keyof typeof VIEWS;

/** A value that JSON does not have: a kind and its contents. */
type Tagged = { readonly $: string; readonly v?: unknown; readonly at?: number; readonly n?: number };

/** Turns a snapshot into bytes. */
export function encodeSnapshot(snapshot: VmSnapshot): Uint8Array<ArrayBuffer> {
  const parts: { at: number; bytes: Uint8Array }[] = [];
  let size = 0;
  const header = new TextEncoder().encode(JSON.stringify(encodeValue(snapshot, (bytes) => {
    const at = size;
    parts.push({ at, bytes });
    size = alignUp(at + bytes.length);
    return at;
  })));
  const start = alignUp(PREFIX + header.length);
  const file = new Uint8Array(start + size);
  file.set(new TextEncoder().encode(MAGIC));
  const view = new DataView(file.buffer);
  view.setUint32(8, SNAPSHOT_VERSION, true);
  view.setUint32(12, header.length, true);
  file.set(header, PREFIX);
  for (const { at, bytes } of parts) file.set(bytes, start + at);
  view.setUint32(16, checksum(file), true);
  return file;
}

/**
 * Reads a snapshot from bytes.
 *
 * @throws {HypervisorError} if they are not a whole snapshot of this version
 */
export function decodeSnapshot(file: Uint8Array): VmSnapshot {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new HypervisorError(`Cannot read the snapshot: ${problem}`, { cause });
  };
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (new TextDecoder().decode(file.subarray(0, 8)) !== MAGIC) {
    refuse("the bytes do not begin as one; give a file that encodeSnapshot has written");
  }
  if (file.length < PREFIX) refuse("it is truncated; take it again");
  const version = view.getUint32(8, true);
  if (version !== SNAPSHOT_VERSION) {
    refuse(`it is of version ${version}, but this program reads version ${SNAPSHOT_VERSION}`);
  }
  const length = view.getUint32(12, true);
  const start = alignUp(PREFIX + length);
  if (file.length < start || view.getUint32(16, true) !== checksum(file)) {
    refuse("it is truncated or damaged; take it again");
  }
  try {
    const header = JSON.parse(new TextDecoder().decode(file.subarray(PREFIX, PREFIX + length)));
    return decodeValue(header, (at, bytes) => {
      if (start + at + bytes > file.length) throw new RangeError("a binary part is missing");
      return file.slice(start + at, start + at + bytes).buffer as ArrayBuffer;
    }) as VmSnapshot;
  } catch (cause) {
    return refuse("its contents make no sense; take it again", cause);
  }
}

/** FNV-1a over 32-bit words: finds a damaged file, not a forged one. */
function checksum(file: Uint8Array): number {
  const words = Math.floor((file.length - PREFIX) / 4);
  const view = new DataView(file.buffer, file.byteOffset + PREFIX, file.length - PREFIX);
  let hash = 0x811c9dc5 ^ file.length;
  for (let i = 0; i < words; i++) hash = Math.imul(hash ^ view.getUint32(i * 4, true), 0x01000193);
  return hash >>> 0;
}

function alignUp(value: number): number {
  return Math.ceil(value / ALIGN) * ALIGN;
}

function encodeValue(value: unknown, store: (bytes: Uint8Array) => number): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "undefined":
      return { $: "undefined" };
    case "bigint":
      return { $: "bigint", v: value.toString() };
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $: "number", v: Object.is(value, -0) ? "-0" : String(value) };
    case "object":
      return value === null ? null : encodeObject(value, store);
    default:
      throw new HypervisorError(
        `Cannot write a snapshot: a state holds a ${typeof value}; a device's state must be plain data`,
      );
  }
}

function encodeObject(value: object, store: (bytes: Uint8Array) => number): unknown {
  if (ArrayBuffer.isView(value)) {
    const name = value.constructor.name;
    if (!(name in VIEWS)) {
      throw new HypervisorError(`Cannot write a snapshot: a state holds a ${name}; use a typed array`);
    }
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return { $: name, at: store(bytes), n: bytes.length };
  }
  if (value instanceof ArrayBuffer) return { $: "ArrayBuffer", at: store(new Uint8Array(value)), n: value.byteLength };
  const encode = (item: unknown): unknown => encodeValue(item, store);
  if (Array.isArray(value)) return value.map(encode);
  if (value instanceof Map) return { $: "Map", v: [...value].map(([key, item]) => [encode(key), encode(item)]) };
  if (value instanceof Set) return { $: "Set", v: [...value].map(encode) };
  const entries = Object.entries(value).map(([key, item]) => [key, encode(item)]);
  // A table that has our own mark as a key is written as a list of entries.
  return "$" in value ? { $: "table", v: entries } : Object.fromEntries(entries);
}

function decodeValue(value: unknown, load: (at: number, bytes: number) => ArrayBuffer): unknown {
  if (typeof value !== "object" || value === null) return value;
  const decode = (item: unknown): unknown => decodeValue(item, load);
  if (Array.isArray(value)) return value.map(decode);
  if (!("$" in value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item)]));
  const { $: kind, v, at, n } = value as Tagged;
  switch (kind) {
    case "undefined":
      return undefined;
    case "bigint":
      return BigInt(v as string);
    case "number":
      return Number(v);
    case "ArrayBuffer":
      return load(at!, n!);
    case "Map":
      return new Map((v as [unknown, unknown][]).map(([key, item]) => [decode(key), decode(item)]));
    case "Set":
      return new Set((v as unknown[]).map(decode));
    case "table":
      return Object.fromEntries((v as [string, unknown][]).map(([key, item]) => [key, decode(item)]));
    default:
      if (!Object.hasOwn(VIEWS, kind)) throw new RangeError(`unknown kind "${kind}"`);
      return new VIEWS[kind as ViewName](load(at!, n!));
  }
}
