/**
 * The rules of the architecture that a program can check: which folder may import which, what core must not say, and what only the
 * host may do. Each rule looks at one file and lists its violations in words.
 *
 * @module
 */
import { importsOf, resolveImport } from "./imports.ts";
import { code, scan, type Token } from "./scan.ts";

/** What each part may import, as prefixes of paths. Parts that are not listed may import anything. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "core/": ["core/"],
  "arch/": ["arch/", "core/"],
  "devices/": ["devices/", "core/"],
  "plugins/": ["plugins/", "devices/", "core/", "arch/riscv/sbi/"],
  "mod.ts": ["core/", "arch/", "devices/", "plugins/"],
  "host/": ["host/", "mod.ts", "core/", "devices/", "plugins/"],
  "cli/": ["cli/", "deno.json", "host/", "mod.ts", "core/", "arch/", "devices/", "plugins/"],
  "examples/": [
    "examples/",
    "mod.ts",
    "host/deno.ts",
    "cli/linux/mod.ts",
    "cli/config_file.ts",
    "arch/riscv/sbi/sbi.ts",
  ],
};

/** The parts that run wherever JavaScript does. */
const PORTABLE: readonly string[] = ["core/", "arch/", "devices/", "plugins/", "mod.ts"];

/** Where a plugin's module is loaded by a computed name. */
const LOADER = "core/plugin.ts";

/** What each name that portable code must not use is replaced by, and the files that are the exception. */
const FORBIDDEN: Readonly<Record<string, { readonly instead: string; readonly except?: readonly string[] }>> = {
  Deno: { instead: "a service of VmHost" },
  process: { instead: "a service of VmHost" },
  Date: { instead: "the VM's clock" },
  performance: { instead: "the VM's clock" },
  setTimeout: { instead: "a timer of the VM's clock" },
  setInterval: { instead: "a timer of the VM's clock" },
  requestAnimationFrame: { instead: "a timer of the VM's clock" },
  globalThis: { instead: "a parameter" },
  fetch: { instead: "readHostFile", except: ["core/vm_host.ts"] },
};

/** The same for members of objects that are otherwise welcome. */
const FORBIDDEN_MEMBERS: readonly { object: string; members: readonly string[]; instead: string; except?: string }[] = [
  { object: "Math", members: ["random"], instead: "VmControl.random" },
  {
    object: "console",
    members: ["log", "info", "warn", "error", "debug", "trace", "dir", "table", "assert", "time", "timeEnd", "count"],
    instead: "a console of the VM, or its log",
  },
  {
    object: "crypto",
    members: ["getRandomValues", "randomUUID"],
    instead: "VmControl.random",
    except: "core/vm_host.ts",
  },
];

/** Words of one instruction set, its privileged architecture, firmware and boards; in comments and strings too. */
const ISA_WORDS: readonly RegExp[] = [
  /risc-?v|\brv(?:32|64)/i,
  /\bharts?\b|\bhart[A-Z_]|[a-z]Harts?\b/,
  /\bHarts?\b/,
  /\bsbi\b|opensbi/i,
  /\bsbi[A-Z]|[a-z]?Sbi[A-Z]/,
  /\bsv(?:32|39|48|57)/i,
  /\b[hv]?s?atp\b|hgatp|vsatp/i,
  /\b[msu]?(?:scause|mcause|stval|mtval|htval|htinst|sepc|mepc|stvec|mtvec)\b/i,
  /\b(?:mstatus|hstatus|vsstatus|sstatus|hedeleg|hideleg|medeleg|mideleg|hvip|henvcfg|menvcfg|misa|stimecmp|htimedelta)\b/i,
  /\bcsrs?\b/i,
  /\b(?:m|s|u|hs|vs|vu)-mode\b/i,
  /\b(?:ecall|mret|sret|hfence|sfence|wfi)\b/i,
  /\b(?:plic|a?clint|aia|imsic|aplic)\b/i,
];

/** All violations of one file. */
export function architectureViolations(path: string, source: string): string[] {
  const found = [...importViolations(path, source)];
  if (path.startsWith("core/")) found.push(...isaWords(path, source));
  if (PORTABLE.some((part) => path.startsWith(part))) {
    found.push(...portabilityViolations(path, source), ...forbiddenNames(path, source));
  }
  return found;
}

/** Imports that do not point down. */
export function importViolations(path: string, source: string): string[] {
  const part = Object.keys(ALLOWED).find((prefix) => path.startsWith(prefix));
  if (part === undefined) return [];
  return importsOf(source).flatMap(({ specifier, line }) => {
    if (specifier === undefined || !specifier.startsWith(".")) return [];
    const target = resolveImport(path, specifier);
    if (ALLOWED[part].some((prefix) => target.startsWith(prefix))) return [];
    return [`${path}:${line}: imports ${target}; ${part} may import ${ALLOWED[part].join(", ")} only`];
  });
}

/** Imports that would break where the project is imported by URL. */
export function portabilityViolations(path: string, source: string): string[] {
  return importsOf(source).flatMap(({ specifier, line }) => {
    const where = `${path}:${line}`;
    if (specifier === undefined) {
      return path === LOADER ? [] : [`${where}: imports a computed name; only ${LOADER} may`];
    }
    if (!/^\.\.?\//.test(specifier)) return [`${where}: imports "${specifier}"; use a relative path`];
    return specifier.endsWith(".ts") ? [] : [`${where}: imports "${specifier}"; write its extension .ts`];
  });
}

/** Words of an instruction set where there must be none. */
export function isaWords(path: string, source: string): string[] {
  return source.split("\n").flatMap((text, index) =>
    ISA_WORDS.flatMap((word) => {
      const match = word.exec(text);
      return match ? [`${path}:${index + 1}: says "${match[0]}"; core knows no architecture`] : [];
    })
  );
}

/** Global names that only the host may use. */
export function forbiddenNames(path: string, source: string): string[] {
  const tokens = code(scan(source));
  return tokens.flatMap((token, index) => {
    if (token.kind !== "word" || !isGlobalUse(tokens, index)) return [];
    const where = `${path}:${token.line}`;
    const rule = Object.hasOwn(FORBIDDEN, token.text) ? FORBIDDEN[token.text] : undefined;
    if (rule && !rule.except?.includes(path)) return [`${where}: uses ${token.text}; use ${rule.instead}`];
    const member = forbiddenMember(tokens, index);
    if (!member || member.except === path) return [];
    return [`${where}: uses ${token.text}.${tokens[index + 2].text}; use ${member.instead}`];
  });
}

function forbiddenMember(tokens: readonly Token[], index: number): typeof FORBIDDEN_MEMBERS[number] | undefined {
  if (![".", "?."].includes(tokens[index + 1]?.text)) return undefined;
  const member = tokens[index + 2]?.text;
  return FORBIDDEN_MEMBERS.find(({ object, members }) => object === tokens[index].text && members.includes(member));
}

/** Whether a word stands for a value: it is neither a member (`a.name`), nor a key or parameter (`name:`). */
function isGlobalUse(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]?.text;
  if (before === "." || before === "?.") return false;
  const after = tokens[index + 1]?.text;
  return after !== ":" || before === "?" || before === "case";
}
