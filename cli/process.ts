/**
 * The frame around every program here: errors become one sentence and an exit code, and the terminal is always put back.
 *
 * @module
 */
import { Terminal } from "../host/terminal.ts";
import { ERROR_CODE, USAGE_CODE } from "./exit_code.ts";
import { UsageError } from "./parse_options.ts";
import { isExplained, say } from "./session.ts";

/** Runs a program and ends the process with the exit code that it returns. Not to be awaited at the top level of a module. */
export async function runProgram(program: (terminal: Terminal) => Promise<number>): Promise<never> {
  const terminal = new Terminal();
  globalThis.addEventListener("unload", () => terminal.restore());
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(report(terminal, event.reason));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    Deno.exit(report(terminal, event.error));
  });
  // Nothing is left that could ever happen, and the program waits for it.
  globalThis.addEventListener("beforeunload", () => {
    say(
      terminal,
      "Nothing happens any more, although something is waited for: perhaps a plugin's setup() that never ends",
    );
    terminal.restore();
    Deno.exit(ERROR_CODE);
  });
  let code: number;
  try {
    code = await program(terminal);
  } catch (error) {
    code = report(terminal, error);
  }
  terminal.restore();
  Deno.exit(code);
}

/** Says what went wrong. @returns the exit code */
function report(terminal: Terminal, error: unknown): number {
  terminal.restore();
  if (isExplained(error)) {
    say(terminal, error.message);
    if (error instanceof UsageError) say(terminal, "--help shows how it is used");
    if (wantsStack()) say(terminal, String(error.stack));
    return error instanceof UsageError ? USAGE_CODE : ERROR_CODE;
  }
  const message = error instanceof Error ? `${error.name}: ${error.message.split("\n")[0]}` : String(error);
  const hint = "this is a bug in denovisor or in a plugin; please report it, DENOVISOR_DEBUG=1 shows where it happened";
  say(terminal, `Unexpected ${message}: ${hint}`);
  if (wantsStack()) say(terminal, error instanceof Error ? String(error.stack) : "no stack");
  return ERROR_CODE;
}

function wantsStack(): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "DENOVISOR_DEBUG" });
  return state === "granted" && Deno.env.get("DENOVISOR_DEBUG") === "1";
}
