/**
 * The extensions that every guest finds; `docs/sbi.md` lists them.
 *
 * @module
 */
import { base } from "./base.ts";
import { debugConsole } from "./debug_console.ts";
import { firmwareFeatures } from "./firmware_features.ts";
import { hartState } from "./hart_state.ts";
import { hypercalls } from "./hypercall.ts";
import { ipi } from "./ipi.ts";
import { LEGACY_EXTENSIONS } from "./legacy.ts";
import { pmu } from "./pmu.ts";
import { remoteFence } from "./remote_fence.ts";
import type { SbiExtension } from "./sbi.ts";
import { systemReset } from "./system_reset.ts";
import { systemSuspend } from "./system_suspend.ts";
import { time } from "./time.ts";

/** In the order of their chapters. */
export const STANDARD_EXTENSIONS: readonly SbiExtension[] = [
  base,
  ...LEGACY_EXTENSIONS,
  time,
  ipi,
  remoteFence,
  hartState,
  systemReset,
  pmu,
  debugConsole,
  systemSuspend,
  firmwareFeatures,
  hypercalls,
];
