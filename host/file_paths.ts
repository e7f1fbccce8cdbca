/**
 * Paths of files and their `file:` addresses (WHATWG URL Standard, "file state"). The runtime's own functions for that are loaded from
 * Node's library, which would take a tenth of the time in which a VM starts.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";

const WINDOWS: boolean = Deno.build.os === "windows";

/** Characters that mean something else in an address. */
const SPECIAL = /[%?#|\t\n\r\\]/g;

/** Whether a path says itself where it starts. */
function isAbsolute(path: string): boolean {
  return WINDOWS ? /^(?:[a-z]:)?[\\/]/i.test(path) : path.startsWith("/");
}

/** A path as a piece of an address. */
function encode(path: string): string {
  const slashes = WINDOWS ? path.replaceAll("\\", "/") : path;
  return slashes.replace(SPECIAL, encodeURIComponent);
}

/** The address of an absolute path. */
export function fileUrl(path: string): URL {
  return new URL(`file://${WINDOWS ? "/" : ""}${encode(path)}`);
}

/**
 * The path of an address.
 *
 * @throws {HypervisorError} if the file is not on this host
 */
export function filePath({ href, hostname, pathname }: URL): string {
  if (hostname !== "") {
    throw new HypervisorError(`Cannot open "${href}": it names a file on another host; copy it here`);
  }
  const path = decodeURIComponent(pathname);
  return WINDOWS ? path.slice(1).replaceAll("/", "\\") : path;
}

/** A path from a folder on, without `.`, `..` and a slash at the end. */
export function resolvePath(folder: string, path: string): string {
  const url = isAbsolute(path) ? fileUrl(path) : new URL(`./${encode(path)}`, folderUrl(folder));
  return filePath(url).replace(/(?<=[^:])[\\/]+$/, "");
}

/** A folder as the base of relative addresses. */
export function folderUrl(folder: string): URL {
  return new URL(`${fileUrl(folder).href.replace(/\/+$/, "")}/`);
}
