/** Fetches Debian packages of another architecture through a private apt configuration (apt.conf(5)) in a folder. @module */

import { chooseDebianMirror, readMachineSources } from "./apt_sources.ts";
import { HostToolError, runTool } from "./host_tools.ts";

/** The guest's architecture, in Debian's words. */
const ARCHITECTURE = "riscv64";
/** The first Debian release that has {@link ARCHITECTURE} as a release architecture. */
const SUITE = "trixie";

/** Keyrings that can verify the suite, best first; names as the package debian-archive-keyring has had them. */
const KEYRINGS = [
  "/usr/share/keyrings/debian-archive-keyring.gpg",
  "/usr/share/keyrings/debian-archive-keyring.pgp",
  "/usr/share/keyrings/debian-archive-trixie-automatic.gpg",
  "/usr/share/keyrings/debian-archive-trixie-automatic.pgp",
  "/etc/apt/trusted.gpg.d/debian-archive-trixie-automatic.asc",
  "/etc/apt/trusted.gpg.d/debian-archive-trixie-automatic.gpg",
];

/** The sentence for a full disk. */
export const NO_SPACE = "The disk that holds the cache folder is full: the guest takes 500 MB there";

/** Where and how packages are fetched. */
export interface AptOptions {
  /** Absolute path of the folder that holds apt's private state and the downloaded packages. */
  readonly folder: string;
  /** Archive address; without it the machine's own. */
  readonly mirror?: string;
  /** Receives one line per step. */
  readonly progress: (line: string) => void;
}

/**
 * A private apt: own lists, own status, own sources, for one architecture. Machine-wide settings such as proxies and
 * credentials stay in force, because apt reads its ordinary configuration first and ours after it (`-c`).
 */
export class PrivateApt {
  readonly #folder: string;
  readonly #mirror: string;
  readonly #progress: (line: string) => void;

  private constructor(folder: string, mirror: string, progress: (line: string) => void) {
    this.#folder = folder;
    this.#mirror = mirror;
    this.#progress = progress;
  }

  /**
   * Writes the configuration and reads the archive's package list.
   *
   * @throws {HostToolError} without a mirror or a keyring, or when the mirror cannot be read or lacks the suite.
   */
  static async open(options: AptOptions): Promise<PrivateApt> {
    const mirror = options.mirror ?? chooseDebianMirror(await readMachineSources());
    if (mirror === undefined) {
      throw new HostToolError(
        "No Debian archive is among this machine's apt sources in '/etc/apt': give one with --mirror URL",
      );
    }
    if (/\s/.test(mirror)) throw new HostToolError(`The mirror '${mirror}' holds a blank: give one URL with --mirror`);
    const keyring = await findKeyring();
    const apt = new PrivateApt(options.folder, mirror, options.progress);
    await apt.#configure(keyring);
    await apt.#update();
    return apt;
  }

  /** The name of the package that the metapackage `name` depends on and that starts with `prefix`. */
  async resolve(name: string, prefix: string): Promise<string> {
    const result = await runTool("apt-cache", [...this.#config(), "depends", "--important", name]);
    const depends = [...result.stdout.matchAll(/^\s*\|?Depends: (\S+)$/gm)].map((match) => match[1]);
    const found = depends.find((depend) => depend.startsWith(prefix));
    if (result.code !== 0 || found === undefined) throw new HostToolError(this.#lacks(name));
    return found;
  }

  /**
   * Fetches the package's current version unless an earlier call did, and returns the path of its .deb. The file comes
   * into being under its own name only when apt has verified the whole of it.
   */
  async download(name: string): Promise<string> {
    const target = `${this.#folder}/${name}.deb`;
    if (await exists(target)) return target;
    const work = await Deno.makeTempDir({ dir: this.#folder, prefix: "download-" });
    try {
      await this.#downloadInto(name, work);
      const file = [...Deno.readDirSync(work)].find((entry) => entry.isFile && entry.name.endsWith(".deb"));
      if (file === undefined) {
        throw new HostToolError(`apt-get downloaded no file for the package '${name}': try again`);
      }
      await Deno.rename(`${work}/${file.name}`, target);
      return target;
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  }

  async #downloadInto(name: string, work: string): Promise<void> {
    let shown = -1;
    const onLine = (line: string): void => {
      const percent = downloadPercent(line);
      if (percent === undefined || percent < shown + 10) return;
      shown = percent - percent % 10;
      this.#progress(`Downloading ${name}: ${shown}%`);
    };
    this.#progress(`Downloading ${name}`);
    const args = [...this.#config(), "-q", "-o", "APT::Status-Fd=1", "download", name];
    const result = await runTool("apt-get", args, { cwd: work, onLine });
    if (result.code === 0) return;
    if (/Unable to locate package|no installation candidate/.test(result.stderr)) {
      throw new HostToolError(this.#lacks(name));
    }
    if (/No space left on device/.test(result.stderr)) throw new HostToolError(NO_SPACE);
    throw new HostToolError(
      `Downloading the package '${name}' from '${this.#mirror}' failed (${lastError(result.stderr)}): ` +
        "check the network or the apt proxy, then try again",
    );
  }

  async #configure(keyring: string): Promise<void> {
    for (const folder of ["state/lists/partial", "cache/archives/partial"]) {
      await Deno.mkdir(`${this.#folder}/${folder}`, { recursive: true });
    }
    await Deno.writeTextFile(`${this.#folder}/status`, "");
    await Deno.writeTextFile(
      `${this.#folder}/sources.list`,
      `deb [arch=${ARCHITECTURE} signed-by=${keyring}] ${this.#mirror} ${SUITE} main\n`,
    );
    await Deno.writeTextFile(`${this.#folder}/apt.conf`, aptConfiguration(this.#folder));
  }

  async #update(): Promise<void> {
    this.#progress(`Reading the package list of ${this.#mirror} (${SUITE}, ${ARCHITECTURE})`);
    const result = await runTool("apt-get", [...this.#config(), "-q", "update"]);
    const problem = updateProblem(result.code, result.stderr, this.#mirror);
    if (problem !== undefined) throw new HostToolError(problem);
  }

  #config(): string[] {
    return ["-c", `${this.#folder}/apt.conf`];
  }

  #lacks(name: string): string {
    return `The mirror '${this.#mirror}' has no package '${name}' for ${ARCHITECTURE} in ${SUITE}: ` +
      "give a full Debian mirror with --mirror URL";
  }
}

/** The text of the private apt.conf for the state folder `folder`. */
export function aptConfiguration(folder: string): string {
  if (/["\n]/.test(folder)) {
    throw new HostToolError(`The cache folder '${folder}' has a character that apt.conf cannot quote: choose another`);
  }
  // The update hooks are the machine's own housekeeping; the sandbox user could not enter a private folder.
  return `Dir::State "${folder}/state";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}/cache";
Dir::Etc::sourcelist "${folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "${ARCHITECTURE}";
#clear APT::Architectures;
APT::Architectures { "${ARCHITECTURE}"; };
APT::Sandbox::User "root";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Languages "none";
`;
}

/** What was wrong with an `apt-get update`, as one sentence; undefined when it succeeded. apt reports much of it as warnings. */
export function updateProblem(code: number, stderr: string, mirror: string): string | undefined {
  if (/No space left on device/.test(stderr)) return NO_SPACE;
  if (/does not have a Release file|Failed to fetch \S+\s+4\d\d /.test(stderr)) {
    return `The mirror '${mirror}' has no Debian ${SUITE}: give a Debian mirror with --mirror URL`;
  }
  if (/doesn't support architecture/.test(stderr)) {
    return `The mirror '${mirror}' has no ${ARCHITECTURE}: give a full Debian mirror with --mirror URL`;
  }
  if (/NO_PUBKEY|BADSIG|EXPKEYSIG|is not signed/.test(stderr)) {
    return `The Debian archive keyring of this machine cannot verify ${SUITE} at '${mirror}': ` +
      "install a newer package debian-archive-keyring";
  }
  if (code === 0 && !/Failed to fetch|Could not/.test(stderr)) return undefined;
  return `Reading the package list of '${mirror}' failed (${lastError(stderr)}): ` +
    "check the network or the apt proxy, or give another mirror with --mirror URL";
}

/** The percentage in a line of apt's status channel (`dlstatus:1:42.5:text`); undefined for any other line. */
export function downloadPercent(line: string): number | undefined {
  const match = /^dlstatus:\d+:([\d.]+):/.exec(line);
  return match === null ? undefined : Math.floor(Number(match[1]));
}

function lastError(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const error = lines.find((line) => line.startsWith("E: ")) ?? lines.find((line) => line.startsWith("W: "));
  return (error ?? lines.at(-1) ?? "no message").replace(/^[EW]: /, "");
}

async function findKeyring(): Promise<string> {
  for (const path of KEYRINGS) if (await exists(path)) return path;
  throw new HostToolError("Missing the Debian archive keyring: install the Debian package debian-archive-keyring");
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
