/**
 * The settings of a VM's `[arch]` table, checked.
 *
 * @module
 */
import { HypervisorError } from "../../core/errors.ts";
import { DEFAULT_CODE_CACHE } from "./engine/translator.ts";
import { ENGINE_NAMES, type EngineName } from "./hart.ts";

/** The engines as a sentence names them. */
const ENGINES = `${ENGINE_NAMES.slice(0, -1).join(", ")} or ${ENGINE_NAMES[ENGINE_NAMES.length - 1]}`;

/** Least room for translated code: a few modules. */
const LEAST_CODE_CACHE = 2 ** 20;

/** Most room for translated code: what numbers of bytes stay exact in 32 bits. */
const MOST_CODE_CACHE = 2 ** 32;

/** Keys of the table and what they mean. */
const KEYS: Readonly<Record<keyof Settings, string>> = {
  nested_levels: "levels of the nested page table: 3 (Sv39x4, default), 4 (Sv48x4) or 5 (Sv57x4)",
  engine: `who executes the guest: ${ENGINES}; the default is ${ENGINE_NAMES[0]}`,
  code_cache: `bytes of host memory that translated code may take; the default is ${DEFAULT_CODE_CACHE}`,
};

interface Settings {
  readonly nested_levels?: unknown;
  readonly engine?: unknown;
  readonly code_cache?: unknown;
}

/** What the table says. */
export interface RiscvOptions {
  /** Levels of the nested page table. */
  readonly levels: 3 | 4 | 5;
  /** Who executes. */
  readonly engine: EngineName;
  /** Bytes of memory that translated code may take. */
  readonly codeCache: number;
}

/**
 * Reads the table.
 *
 * @throws {HypervisorError} if a key or value is wrong
 */
export function readRiscvOptions(options: Readonly<Record<string, unknown>>): RiscvOptions {
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(KEYS, key)) {
      throw new HypervisorError(`Unknown key 'arch.${key}'; known: ${Object.keys(KEYS).join(", ")}`);
    }
  }
  const { nested_levels, engine, code_cache } = options as Settings;
  return { levels: readLevels(nested_levels), engine: readEngine(engine), codeCache: readCodeCache(code_cache) };
}

function readLevels(levels: unknown = 3): 3 | 4 | 5 {
  if (levels === 3 || levels === 4 || levels === 5) return levels;
  throw new HypervisorError(`Cannot use ${JSON.stringify(levels)} as arch.nested_levels: give 3, 4 or 5`);
}

function readEngine(engine: unknown = ENGINE_NAMES[0]): EngineName {
  const known = ENGINE_NAMES.find((name) => name === engine);
  if (known !== undefined) return known;
  throw new HypervisorError(`Cannot use ${JSON.stringify(engine)} as arch.engine: give ${ENGINES}`);
}

function readCodeCache(bytes: unknown = DEFAULT_CODE_CACHE): number {
  if (Number.isInteger(bytes) && bytes as number >= LEAST_CODE_CACHE && bytes as number <= MOST_CODE_CACHE) {
    return bytes as number;
  }
  throw new HypervisorError(
    `Cannot use ${JSON.stringify(bytes)} as arch.code_cache: give bytes from ${LEAST_CODE_CACHE} to ${MOST_CODE_CACHE}`,
  );
}
