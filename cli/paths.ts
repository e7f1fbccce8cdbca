/**
 * Paths as the caller means them.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";
import { explainFileError } from "../host/file_errors.ts";
import { filePath, resolvePath } from "../host/file_paths.ts";

export { fileUrl, folderUrl } from "../host/file_paths.ts";

/** The folder of this program, if it is a checkout on this host. */
function checkout(): string | undefined {
  const url = new URL("..", import.meta.url);
  return url.protocol === "file:" ? resolvePath("/", filePath(url)) : undefined;
}

/**
 * The folder that relative paths start from. `deno task` changes into the folder of `deno.json` and tells in INIT_CWD where it was
 * called; other programs set that variable as well, so it counts only if we were changed into our own folder.
 */
export function callerFolder(): string {
  const here = Deno.cwd();
  if (here !== checkout()) return here;
  const { state } = Deno.permissions.querySync({ name: "env", variable: "INIT_CWD" });
  return state === "granted" ? Deno.env.get("INIT_CWD") || here : here;
}

/** An absolute path. */
export function absolutePath(path: string, folder: string = callerFolder()): string {
  return resolvePath(folder, path);
}

/** Whether text is an address with a scheme (`https:`, `npm:`) and not a path. */
export function isAddress(text: string): boolean {
  return /^[a-z][a-z\d+.-]+:/i.test(text);
}

/** A path so that it means the same inside an address: characters that are special there are escaped. */
export function escapePath(path: string): string {
  return isAddress(path) ? path : path.replace(/[%?#\\]/g, encodeURIComponent);
}

/**
 * Makes sure that a path is a file.
 *
 * @param what What the file is for, for the message: `the image`
 * @throws {HypervisorError} if it is not
 */
export function requireFile(path: string, folder: string, what: string): void {
  if (isAddress(path)) return;
  try {
    if (Deno.statSync(absolutePath(path, folder)).isDirectory) throw new Deno.errors.IsADirectory();
  } catch (cause) {
    throw new HypervisorError(`Cannot read ${what} "${path}": ${explainFileError(cause)}`, { cause });
  }
}
