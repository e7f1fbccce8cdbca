/**
 * VM configurations in TOML (AxVisor's VM files with `[[plugins]]`), as the plain object that `Hypervisor.createVm` takes.
 *
 * The parser is an npm package that is imported when the first file is read and not before: everything else starts without a cache
 * and without a network.
 *
 * @module
 */
import { isTable } from "../core/config_checks.ts";
import { HypervisorError } from "../core/errors.ts";
import { explainFileError } from "../host/file_errors.ts";
import { absolutePath, escapePath, fileUrl } from "./paths.ts";

/** The parser; exact, so that a file means the same everywhere. */
const PARSER = { registry: "npm", package: "smol-toml", version: "1.9.1" };

/** Keys of `[kernel]` that are paths. */
const PATH_KEYS: readonly string[] = ["kernel_path", "bios_path", "dtb_path", "ramdisk_path"];

/** A configuration and where it came from. */
export interface ConfigFile {
  /** What the file says; nothing in it is checked yet. */
  readonly config: Record<string, unknown>;
  /** The file: relative paths in the configuration start from its folder. */
  readonly base: URL;
}

/**
 * Reads a VM's TOML.
 *
 * @param path Path of the file
 * @throws {HypervisorError} if it cannot be read or is no TOML
 */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const place = absolutePath(path);
  const text = decode(await read(place, path), path);
  return { config: escapePaths(await parseToml(text, path)), base: fileUrl(place) };
}

async function read(place: string, path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(place);
  } catch (cause) {
    throw new HypervisorError(`Cannot read "${path}": ${explainFileError(cause)}`, { cause });
  }
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HypervisorError(`Cannot read "${path}": it is not text in UTF-8; name a VM's TOML file`, { cause });
  }
}

/** What is used of the parser. */
interface TomlParser {
  parse(text: string): Record<string, unknown>;
}

async function parseToml(text: string, path: string): Promise<Record<string, unknown>> {
  const { parse } = await importParser(path);
  try {
    return parse(text);
  } catch (cause) {
    const { message, line, column } = cause as Error & { line?: number; column?: number };
    const reason = message.split("\n")[0].replace(/^Invalid TOML document: /, "");
    throw new HypervisorError(`${path}:${line ?? 1}:${column ?? 1}: ${reason}; correct the TOML there`, { cause });
  }
}

/** The specifier is put together at run time: Deno looks written ones up before the program starts. */
async function importParser(path: string): Promise<TomlParser> {
  const specifier = `${PARSER.registry}:${PARSER.package}@${PARSER.version}`;
  try {
    return await import(specifier);
  } catch (cause) {
    throw new HypervisorError(
      `Cannot read "${path}": the TOML parser (${specifier}) is not in Deno's cache and cannot be downloaded; ` +
        `run "deno cache ${specifier}" once with a network`,
      { cause },
    );
  }
}

function escapePaths(config: Record<string, unknown>): Record<string, unknown> {
  const { kernel, plugins } = config;
  const escape = (value: unknown): unknown => typeof value === "string" ? escapePath(value) : value;
  const result = { ...config };
  if (isTable(kernel)) {
    const paths = PATH_KEYS.filter((key) => key in kernel).map((key) => [key, escape(kernel[key])]);
    result.kernel = { ...kernel, ...Object.fromEntries(paths) };
  }
  if (Array.isArray(plugins)) {
    result.plugins = plugins.map((plugin) => isTable(plugin) ? { ...plugin, use: escape(plugin.use) } : escape(plugin));
  }
  return result;
}
