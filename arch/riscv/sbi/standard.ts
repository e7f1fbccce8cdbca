/**
 * The extensions that every guest finds.
 *
 * @module
 */
import { base } from "./base.ts";
import { debugConsole } from "./debug_console.ts";
import type { SbiExtension } from "./sbi.ts";
import { systemReset } from "./system_reset.ts";
import { time } from "./time.ts";

/** In the order of their chapters. */
export const STANDARD_EXTENSIONS: readonly SbiExtension[] = [base, time, systemReset, debugConsole];
