/** Finds the machine's Debian mirror in apt's source lists (sources.list(5): the one-line and the deb822 style). @module */

/** One enabled entry of a source list. */
export interface SourceEntry {
  /** `deb`, `deb-src`. */
  readonly types: readonly string[];
  /** Archive addresses, as written. */
  readonly uris: readonly string[];
  /** Code names or suite names. */
  readonly suites: readonly string[];
  /** `main`, `contrib`, ... */
  readonly components: readonly string[];
}

/** A Debian archive has one of these as a suite; third-party archives name theirs otherwise or lack `main`. */
const DEBIAN_SUITES = new Set([
  ...["stable", "oldstable", "oldoldstable", "testing", "unstable", "sid", "experimental"],
  ...["stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke"],
]);

/** Reads the one-line style: `deb [options] uri suite component...`. */
export function parseOneLineSources(text: string): SourceEntry[] {
  const entries: SourceEntry[] = [];
  for (const raw of text.split("\n")) {
    const line = raw.replace(/#.*$/, "").trim();
    const match = /^(deb|deb-src)\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line);
    if (match === null) continue;
    entries.push({ types: [match[1]], uris: [match[2]], suites: [match[3]], components: words(match[4]) });
  }
  return entries;
}

/** Reads the deb822 style: stanzas of `Field: value`, continued on indented lines, ended by an empty line. */
export function parseDeb822Sources(text: string): SourceEntry[] {
  const entries: SourceEntry[] = [];
  for (const stanza of stanzas(text)) {
    if (/^(no|false|without|off|disable|0)$/i.test(stanza.get("enabled") ?? "")) continue;
    const uris = words(stanza.get("uris"));
    if (uris.length === 0) continue;
    entries.push({
      types: words(stanza.get("types")),
      uris,
      suites: words(stanza.get("suites")),
      components: words(stanza.get("components")),
    });
  }
  return entries;
}

/**
 * The address of the first Debian archive (not the security one) among the entries; undefined where there is none.
 * An address that ends in `/debian` goes before one that does not, since some third parties use Debian's suite names.
 */
export function chooseDebianMirror(entries: readonly SourceEntry[]): string | undefined {
  const candidates = entries.filter(isDebianArchive).flatMap((entry) => entry.uris).filter((uri) =>
    !/security|^cdrom:/.test(uri)
  );
  return candidates.find((uri) => /\/debian\/?$/.test(uri)) ?? candidates[0];
}

/** Reads the machine's source lists from `folder` (apt's `/etc/apt`), in apt's order; unreadable files are passed over. */
export async function readMachineSources(folder = "/etc/apt"): Promise<SourceEntry[]> {
  const entries = parseOneLineSources(await readOptional(`${folder}/sources.list`));
  const parts = `${folder}/sources.list.d`;
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(parts)) names.push(entry.name);
  } catch {
    return entries;
  }
  for (const name of names.sort()) {
    if (name.endsWith(".list")) entries.push(...parseOneLineSources(await readOptional(`${parts}/${name}`)));
    if (name.endsWith(".sources")) entries.push(...parseDeb822Sources(await readOptional(`${parts}/${name}`)));
  }
  return entries;
}

function isDebianArchive(entry: SourceEntry): boolean {
  return entry.types.includes("deb") && entry.components.includes("main") &&
    entry.suites.some((suite) => DEBIAN_SUITES.has(suite.replace(/-(updates|proposed-updates|backports)$/, "")));
}

function stanzas(text: string): Map<string, string>[] {
  const result: Map<string, string>[] = [];
  let fields = new Map<string, string>();
  let last = "";
  for (const line of [...text.split("\n"), ""]) {
    if (line.startsWith("#")) continue;
    if (line.trim() === "") {
      if (fields.size > 0) result.push(fields);
      fields = new Map();
      continue;
    }
    const match = /^([^\s:]+):\s*(.*)$/.exec(line);
    if (match !== null) {
      last = match[1].toLowerCase();
      fields.set(last, match[2]);
    } else if (last !== "") {
      fields.set(last, `${fields.get(last) ?? ""} ${line.trim()}`);
    }
  }
  return result;
}

function words(text = ""): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

async function readOptional(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return "";
  }
}
