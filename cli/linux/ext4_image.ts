/** Makes the inodes of a fresh ext4 image root's and of one date, so that an image does not depend on who built it and when. @module */

import { HostToolError } from "./host_tools.ts";

const SUPERBLOCK = 1024;
const EXT4_MAGIC = 0xef53;
/** Feature flags under which inodes carry checksums or descriptors are long; {@link EXT4_FEATURES} has none of them. */
const INCOMPAT_64BIT = 0x80;
const RO_COMPAT_CHECKSUMS = 0x10 | 0x400;

/** mke2fs's `-O` value: what Linux's ext4 does well with, without the checksums that would bind the inodes' owners. */
export const EXT4_FEATURES =
  "none,has_journal,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize";

/** Access to a file at offsets. */
export interface ImageFile {
  /** Fills `target` from `offset` on. */
  read(offset: number, target: Uint8Array): void;
  /** Writes `bytes` at `offset`. */
  write(offset: number, bytes: Uint8Array): void;
}

/**
 * Gives every inode in use to root and dates it `time` (seconds since 1970), the superblock too
 * (Linux: Documentation/filesystems/ext4, "Inode Table", "Super Block").
 *
 * @throws {HostToolError} when the image is no ext4 file system of {@link EXT4_FEATURES}.
 */
export function normaliseInodes(file: ImageFile, time: number): void {
  const superblock = readBytes(file, SUPERBLOCK, 1024);
  if (superblock.getUint16(0x38, true) !== EXT4_MAGIC) throw new HostToolError("mke2fs made no ext4 image");
  const checksums = superblock.getUint32(0x64, true) & RO_COMPAT_CHECKSUMS;
  if (checksums !== 0 || (superblock.getUint32(0x60, true) & INCOMPAT_64BIT) !== 0) {
    throw new HostToolError(
      "mke2fs made an ext4 image with checksums that were not asked for: install another e2fsprogs",
    );
  }
  for (const offset of [0x2c, 0x30, 0x40, 0x108]) superblock.setUint32(offset, offset === 0x2c ? 0 : time, true);
  file.write(SUPERBLOCK, new Uint8Array(superblock.buffer));

  const blockSize = 1024 << superblock.getUint32(0x18, true);
  const perGroup = superblock.getUint32(0x28, true);
  const inodeSize = superblock.getUint16(0x58, true);
  const groups = Math.ceil(superblock.getUint32(0x00, true) / perGroup);
  const descriptors = readBytes(file, blockSize === 1024 ? 2048 : blockSize, groups * 32);
  for (let group = 0; group < groups; group++) {
    const offset = descriptors.getUint32(group * 32 + 8, true) * blockSize;
    const table = readBytes(file, offset, perGroup * inodeSize);
    for (let index = 0; index < perGroup; index++) {
      if (!normaliseInode(table, index * inodeSize, inodeSize, time)) continue;
      file.write(offset + index * inodeSize, new Uint8Array(table.buffer, index * inodeSize, inodeSize));
    }
  }
}

/** Returns whether the inode is in use. */
function normaliseInode(table: DataView, at: number, size: number, time: number): boolean {
  if (table.getUint16(at, true) === 0) return false;
  for (const owner of [0x02, 0x18, 0x78, 0x7a]) table.setUint16(at + owner, 0, true);
  for (const date of [0x08, 0x0c, 0x10]) table.setUint32(at + date, time, true);
  table.setUint32(at + 0x64, 0, true);
  if (size > 128) {
    for (const fraction of [0x84, 0x88, 0x8c, 0x94]) table.setUint32(at + fraction, 0, true);
    table.setUint32(at + 0x90, time, true);
  }
  return true;
}

function readBytes(file: ImageFile, offset: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  file.read(offset, bytes);
  return new DataView(bytes.buffer);
}
