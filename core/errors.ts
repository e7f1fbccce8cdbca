/**
 * Errors that the host's user caused. What a guest does wrong is never an exception: it is a trap, an exit or an error value.
 *
 * @module
 */

/** Something the host's user asked for cannot be done; the message says what was tried, with what, and what to do. */
export class HypervisorError extends Error {
  /** The class name, so that a caller can tell our errors from programming mistakes. */
  override readonly name: string = "HypervisorError";
}

/** A VM configuration is wrong. It lists every problem at once, each with the path of its key. */
export class ConfigError extends HypervisorError {
  /** The class name. */
  override readonly name: string = "ConfigError";

  /**
   * Makes one.
   *
   * @param problems One sentence each, opening with the key's path (`base.cpu_num: ...`)
   */
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** An operation was asked of an object whose state does not allow it. */
export class StateError extends HypervisorError {
  /** The class name. */
  override readonly name: string = "StateError";
}
