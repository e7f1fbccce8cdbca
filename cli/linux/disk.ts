/** Builds the guest's ext4 disk from a folder with mke2fs(8): without root, without mounting anything. @module */

import { EXT4_FEATURES, normaliseInodes } from "./ext4_image.ts";
import { HostToolError, runTool, toolFailure } from "./host_tools.ts";

/**
 * One file, folder or further name of a file; folders and files come before what refers to them. Paths have no leading slash.
 * Further names are hard links: Deno makes symbolic ones only with leave to write everywhere.
 */
export type DiskEntry =
  | { readonly kind: "directory"; readonly path: string; readonly mode?: number }
  | { readonly kind: "file"; readonly path: string; readonly data: Uint8Array; readonly mode?: number }
  | { readonly kind: "link"; readonly path: string; readonly of: string };

/** What {@link buildDisk} needs. */
export interface DiskOptions {
  /** Path of the image; it appears only when it is whole. */
  readonly target: string;
  /** Bytes of the image, which is sparse. */
  readonly size: number;
  /** What it holds. */
  readonly entries: readonly DiskEntry[];
}

/** The identity and the date of every image, so that two builds of the same contents are alike. */
const UUID = "d9b3a1f0-6c1e-4f57-8d0a-52495343562d";
const HASH_SEED = "7c0f2c5e-93a4-4d1b-b6a8-64656e6f7673";
const TIME = Date.UTC(2025, 0, 1) / 1000;
/** Enough for a small system, and few enough that the inode tables stay small. */
const INODES = 16384;
const JOURNAL_MEBIBYTES = 4;

/**
 * Builds an ext4 image, every file of it root's.
 *
 * @throws {HostToolError} when mke2fs is missing or fails (a full disk, mostly).
 */
export async function buildDisk(options: DiskOptions): Promise<void> {
  const folder = options.target.slice(0, options.target.lastIndexOf("/"));
  const work = await Deno.makeTempDir({ dir: folder, prefix: "disk-" });
  try {
    await layOut(`${work}/root`, options.entries);
    const image = `${work}/image`;
    await makeImage(image, `${work}/root`, options.size);
    normaliseFile(image);
    await Deno.rename(image, options.target);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function layOut(root: string, entries: readonly DiskEntry[]): Promise<void> {
  await Deno.mkdir(root);
  await Deno.chmod(root, 0o755);
  for (const entry of entries) {
    const path = `${root}/${entry.path}`;
    if (entry.kind === "link") {
      await Deno.link(`${root}/${entry.of}`, path);
      continue;
    }
    if (entry.kind === "directory") await Deno.mkdir(path);
    else await Deno.writeFile(path, entry.data);
    // The modes that mkdir and open are given pass through the caller's umask.
    await Deno.chmod(path, entry.mode ?? (entry.kind === "directory" ? 0o755 : 0o644));
  }
}

async function makeImage(image: string, root: string, size: number): Promise<void> {
  const file = await Deno.create(image);
  await file.truncate(size);
  file.close();
  const args = ["-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "1", "-N", String(INODES)];
  args.push("-O", EXT4_FEATURES, "-J", `size=${JOURNAL_MEBIBYTES}`, "-U", UUID, "-L", "denovisor");
  args.push("-E", `root_owner=0:0,hash_seed=${HASH_SEED},lazy_itable_init=0,lazy_journal_init=0,nodiscard`);
  args.push("-d", root, image);
  const result = await runTool("mke2fs", args, { env: { E2FSPROGS_FAKE_TIME: String(TIME) } });
  if (result.code !== 0) {
    throw new HostToolError(`${toolFailure("mke2fs", [], result.code, result.stderr)} (is the cache's disk full?)`);
  }
}

function normaliseFile(path: string): void {
  const file = Deno.openSync(path, { read: true, write: true });
  try {
    normaliseInodes({
      read: (offset, target) => {
        file.seekSync(offset, Deno.SeekMode.Start);
        for (let done = 0; done < target.length;) {
          const count = file.readSync(target.subarray(done));
          if (count === null) throw new HostToolError(`mke2fs made a truncated image at '${path}'`);
          done += count;
        }
      },
      write: (offset, bytes) => {
        file.seekSync(offset, Deno.SeekMode.Start);
        for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
      },
    }, TIME);
  } finally {
    file.close();
  }
}
