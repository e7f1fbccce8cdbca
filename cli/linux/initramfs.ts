/** Writes cpio archives in the "newc" format, as Linux reads its initramfs (Documentation/driver-api/early-userspace/buffer-format). @module */

/** One member of an archive; paths are relative, without a leading slash. */
export type CpioEntry =
  | { readonly kind: "directory"; readonly path: string; readonly mode?: number }
  | { readonly kind: "file"; readonly path: string; readonly data: Uint8Array; readonly mode?: number }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }
  | { readonly kind: "character"; readonly path: string; readonly major: number; readonly minor: number };

const MAGIC = "070701";
const TRAILER = "TRAILER!!!";
const TYPE_BITS = { directory: 0o040000, file: 0o100000, symlink: 0o120000, character: 0o020000 };

/**
 * The archive of `entries`, in their order, every member owned by root and dated `time` (seconds since 1970).
 * A folder must come before what lies in it: the kernel does not make missing ones.
 *
 * @throws {RangeError} when a path is absolute or empty, or its folder has not come before it.
 */
export function writeCpio(entries: readonly CpioEntry[], time = 0): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const folders = new Set<string>();
  const members = entries.map((entry, index) => {
    checkPath(entry.path, folders);
    if (entry.kind === "directory") folders.add(entry.path);
    const data = entry.kind === "file"
      ? entry.data
      : entry.kind === "symlink"
      ? encoder.encode(entry.target)
      : new Uint8Array();
    return { header: header(entry, index + 1, time, data.length), name: encoder.encode(`${entry.path}\0`), data };
  });
  members.push({
    header: fields([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, TRAILER.length + 1, 0]),
    name: encoder.encode(`${TRAILER}\0`),
    data: new Uint8Array(),
  });

  const size = members.reduce(
    (sum, { header, name, data }) => align4(align4(sum + header.length + name.length) + data.length),
    0,
  );
  const archive = new Uint8Array(size);
  let offset = 0;
  for (const member of members) {
    archive.set(encoder.encode(member.header), offset);
    archive.set(member.name, offset + member.header.length);
    offset = align4(offset + member.header.length + member.name.length);
    archive.set(member.data, offset);
    offset = align4(offset + member.data.length);
  }
  return archive;
}

function header(entry: CpioEntry, inode: number, time: number, size: number): string {
  const permissions = entry.kind === "symlink"
    ? 0o777
    : entry.kind === "character"
    ? 0o600
    : entry.mode ?? defaultMode(entry.kind);
  const [major, minor] = entry.kind === "character" ? [entry.major, entry.minor] : [0, 0];
  const links = entry.kind === "directory" ? 2 : 1;
  const nameSize = new TextEncoder().encode(entry.path).length + 1;
  return fields([inode, TYPE_BITS[entry.kind] | permissions, 0, 0, links, time, size, 0, 0, major, minor, nameSize, 0]);
}

function defaultMode(kind: "directory" | "file"): number {
  return kind === "directory" ? 0o755 : 0o644;
}

/** The header: the magic and 13 fields (inode, mode, uid, gid, nlink, mtime, size, dev, rdev, name size, check), 8 hex digits each. */
function fields(values: readonly number[]): string {
  return MAGIC + values.map((value) => value.toString(16).padStart(8, "0")).join("");
}

function checkPath(path: string, folders: ReadonlySet<string>): void {
  if (path === "" || path.startsWith("/")) throw new RangeError(`Archive path must be relative, got '${path}'`);
  const slash = path.lastIndexOf("/");
  if (slash > 0 && !folders.has(path.slice(0, slash))) {
    throw new RangeError(`Archive path '${path}' comes before its folder`);
  }
}

function align4(value: number): number {
  return (value + 3) & ~3;
}
