/** Files that are either whole or absent: everything is written beside its place and renamed into it. @module */

/** Whether something lies at `path`. */
export async function fileExists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Writes a file so that no reader, and no later run after a crash, sees a part of it. */
export async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  const part = `${path}.part-${crypto.randomUUID()}`;
  try {
    const file = await Deno.create(part);
    try {
      for (let done = 0; done < data.length;) done += await file.write(data.subarray(done));
      await file.syncData();
    } finally {
      file.close();
    }
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  }
}

/** Removes what earlier runs that were killed left half done in `folder`: files and folders of ours, older than an hour. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const entry of [...Deno.readDirSync(folder)]) {
    if (!/^(download|unpack|disk)-|\.part-/.test(entry.name)) continue;
    const path = `${folder}/${entry.name}`;
    const age = Date.now() - ((await Deno.stat(path)).mtime?.getTime() ?? Date.now());
    if (age > 3600_000) await Deno.remove(path, { recursive: true });
  }
}

/** The first `digits` hex digits of the SHA-256 of a text: names a recipe by what it says. */
export async function textDigest(text: string, digits: number): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, digits);
}
