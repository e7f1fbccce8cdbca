/**
 * From the end of a VM to the exit code of the process.
 *
 * @module
 */
import type { RunOutcome } from "../mod.ts";

/** Exit code of a VM that was powered off after `--timeout`. */
export const TIMEOUT_CODE = 124;

/** Exit code for a wrong command line. */
export const USAGE_CODE = 2;

/** Exit code for every other error. */
export const ERROR_CODE = 1;

/** Exit codes of signals: 128 and the number. */
export const SIGNAL_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Exit code for an outcome. A process has only 8 bits for it, and a failure must not look like success there. */
export function exitCode(outcome: RunOutcome): number {
  if (outcome.reason !== "shutdown" || outcome.code === 0) return outcome.code;
  return outcome.code % 256 || ERROR_CODE;
}
