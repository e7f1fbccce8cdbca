/**
 * What went wrong with a file, in words that a user can act on.
 *
 * @module
 */

/** Number of the system's error, where Deno's message ends in one. */
function systemError(error: Error): number | undefined {
  const match = /\(os error (\d+)\)/.exec(error.message);
  return match === null ? undefined : Number(match[1]);
}

/** Linux error numbers that Deno has no class of its own for. */
const EFBIG = 27, ENOSPC = 28, EROFS = 30, EDQUOT = 122;

/**
 * Says why a file could not be used, as the end of a sentence: `there is no such file; check the path`.
 *
 * @param error What an operation of `Deno` threw
 */
export function explainFileError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof Deno.errors.NotFound) return "there is no such file; check the path";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder; name a file in it";
  if (error instanceof Deno.errors.NotADirectory) return "a part of its path is not a folder; check the path";
  if (error instanceof Deno.errors.PermissionDenied) return "permission is denied; change the file's permissions";
  if (error instanceof Deno.errors.NotCapable) {
    return `Deno was started without the permission; ${lowerFirst(error.message)}`;
  }
  switch (systemError(error)) {
    case ENOSPC:
    case EDQUOT:
      return "the host's disk is full; free some space";
    case EFBIG:
      return "the host allows no larger file; raise its limit";
    case EROFS:
      return "the host's file system is read-only; put the file elsewhere";
  }
  return lowerFirst(error.message.split("\n")[0]);
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
