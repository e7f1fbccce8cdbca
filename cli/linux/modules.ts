/** Reads what a kernel module says of itself (ELF64 section `.modinfo`) and works out the order of insertion. @module */

/** What a module's `.modinfo` section says that matters for loading it. */
export interface ModuleInfo {
  /** Its name, with underscores. */
  readonly name: string;
  /** Names of the modules whose symbols it uses. */
  readonly depends: readonly string[];
  /** Names or aliases of modules that should be inserted before it. */
  readonly softBefore: readonly string[];
  /** Other names that it answers to. */
  readonly aliases: readonly string[];
}

const ELF_MAGIC = 0x464c457f;
const SECTION_HEADER_SIZE = 64;
const SIGNATURE_MAGIC = "~Module signature appended~\n";

/**
 * Reads the `.modinfo` section of a little-endian ELF64 object.
 *
 * @throws {RangeError} when the bytes are no such object or lack the section.
 */
export function readModuleInfo(object: Uint8Array, label: string): ModuleInfo {
  const section = findSection(object, ".modinfo");
  if (section === undefined) throw new RangeError(`'${label}' is not a kernel module: no .modinfo section`);
  const values = new Map<string, string[]>();
  for (const item of new TextDecoder().decode(section).split("\0")) {
    const equals = item.indexOf("=");
    if (equals < 0) continue;
    const key = item.slice(0, equals);
    values.set(key, [...values.get(key) ?? [], item.slice(equals + 1)]);
  }
  const soft = (values.get("softdep") ?? []).filter((value) => value.startsWith("pre:"));
  return {
    name: moduleName(values.get("name")?.[0] ?? label),
    depends: splitNames(values.get("depends")?.[0] ?? "", ","),
    softBefore: soft.flatMap((value) => splitNames(value.slice(4).replace(/post:.*$/, ""), /\s+/)),
    aliases: values.get("alias") ?? [],
  };
}

/**
 * The module without the signature appended to it (Linux: include/linux/module_signature.h: signature, 12 bytes of which the
 * last four are its length, magic text); an unsigned one as it is.
 */
export function withoutSignature(object: Uint8Array): Uint8Array {
  const footer = SIGNATURE_MAGIC.length + 12;
  const end = object.length - footer;
  if (end < 0 || new TextDecoder().decode(object.subarray(end + 12)) !== SIGNATURE_MAGIC) return object;
  const length = new DataView(object.buffer, object.byteOffset, object.byteLength).getUint32(end + 8);
  return length > end ? object : object.subarray(0, end - length);
}

/** A module's name from its path or file name: no folder, no suffix, dashes as underscores. */
export function moduleName(path: string): string {
  return path.replace(/^.*\//, "").replace(/\.ko(\.\w+)?$/, "").replaceAll("-", "_");
}

/**
 * The insertion order of `roots` and all that they depend on, each after its dependencies. A soft dependency counts when
 * one of the modules is named so or has it as an alias. (`depends` never names what is built into the kernel.)
 *
 * @throws {RangeError} when a module is missing, or modules depend on each other in a circle.
 */
export function insertionOrder(
  roots: readonly string[],
  modules: ReadonlyMap<string, ModuleInfo>,
): string[] {
  const order: string[] = [];
  const open = new Set<string>();
  const visit = (name: string, neededBy: string): void => {
    if (order.includes(name)) return;
    const info = modules.get(name);
    if (info === undefined) throw new RangeError(`Kernel module '${name}' is missing, needed by ${neededBy}`);
    if (open.has(name)) throw new RangeError(`Kernel module '${name}' depends on itself by way of ${neededBy}`);
    open.add(name);
    for (const soft of info.softBefore) {
      const provider = findProvider(soft, modules);
      if (provider !== undefined && provider !== name) visit(provider, `'${name}'`);
    }
    for (const dependency of info.depends) visit(moduleName(dependency), `'${name}'`);
    open.delete(name);
    order.push(name);
  };
  for (const root of roots) visit(moduleName(root), "this guest");
  return order;
}

/**
 * The text of a `modules.dep` (modules.dep(5)): for each module its path, a colon and the paths of all that it needs,
 * the nearest first.
 */
export function writeModulesDep(modules: ReadonlyMap<string, ModuleInfo>, paths: ReadonlyMap<string, string>): string {
  return [...paths].map(([name, path]) => {
    const needed = insertionOrder([name], modules).slice(0, -1).reverse();
    return `${path}:${needed.map((other) => ` ${paths.get(other) ?? ""}`).join("")}\n`;
  }).join("");
}

function findProvider(name: string, modules: ReadonlyMap<string, ModuleInfo>): string | undefined {
  if (modules.has(moduleName(name))) return moduleName(name);
  for (const info of modules.values()) if (info.aliases.includes(name)) return info.name;
  return undefined;
}

function splitNames(text: string, separator: string | RegExp): string[] {
  return text.split(separator).map((part) => part.trim()).filter((part) => part !== "");
}

/** The bytes of the named section: e_shoff at 0x28, e_shnum at 0x3c, e_shstrndx at 0x3e (ELF-64 object file format). */
function findSection(object: Uint8Array, wanted: string): Uint8Array | undefined {
  const view = new DataView(object.buffer, object.byteOffset, object.byteLength);
  if (object.length < 64 || view.getUint32(0, true) !== ELF_MAGIC || object[4] !== 2) return undefined;
  const table = Number(view.getBigUint64(0x28, true));
  const count = view.getUint16(0x3c, true);
  if (table + count * SECTION_HEADER_SIZE > object.length) return undefined;
  const bounds = (index: number): [number, number] => {
    const start = Number(view.getBigUint64(table + index * SECTION_HEADER_SIZE + 0x18, true));
    return [start, start + Number(view.getBigUint64(table + index * SECTION_HEADER_SIZE + 0x20, true))];
  };
  const names = object.subarray(...bounds(view.getUint16(0x3e, true)));
  for (let index = 0; index < count; index++) {
    const start = view.getUint32(table + index * SECTION_HEADER_SIZE, true);
    const end = names.indexOf(0, start);
    if (new TextDecoder().decode(names.subarray(start, end)) === wanted) return object.subarray(...bounds(index));
  }
  return undefined;
}
