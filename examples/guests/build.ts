/**
 * Builds the images of the small guests; with `--check`, into a temporary folder, and compares them with the committed ones.
 *
 * A rebuild with the same compiler is byte-identical: no paths, dates, build IDs or debug information enter an image.
 *
 * @module
 */
import { baseAddress, BENCH, type Guest, GUESTS, MARCH } from "./guests.ts";

const COMPILER = "riscv64-unknown-elf-gcc";
const OBJCOPY = "riscv64-unknown-elf-objcopy";

/** Debian packages that hold the tools. */
const PACKAGES = "gcc-riscv64-unknown-elf and binutils-riscv64-unknown-elf";

const FOLDER = new URL("./", import.meta.url);

/** All that is built. */
const ALL: readonly Guest[] = [...GUESTS, BENCH];

const FLAGS = [
  "-mabi=lp64d",
  "-mcmodel=medany",
  "-O2",
  "-g0",
  "-std=gnu11",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-ffreestanding",
  "-fno-builtin",
  "-fno-pic",
  "-fno-common",
  "-fno-strict-aliasing",
  "-fno-tree-loop-distribute-patterns",
  "-ffunction-sections",
  "-fdata-sections",
  "-nostdlib",
  "-static",
  "-Wl,--build-id=none",
  "-Wl,--gc-sections",
  "-Wl,--no-warn-rwx-segments",
  "-Wl,-z,max-page-size=4096",
  "-Wl,-T,runtime/guest.ld",
];

/** Runs a tool in the guests' folder; throws with what it said if it fails or is not there. */
async function run(tool: string, args: readonly string[]): Promise<void> {
  let output;
  try {
    output = await new Deno.Command(tool, { args: [...args], cwd: FOLDER, stdout: "inherit", stderr: "piped" })
      .output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`There is no "${tool}" on this machine; install the Debian packages ${PACKAGES}`);
  }
  if (!output.success) {
    throw new Error(`"${tool}" failed with status ${output.code}:\n${new TextDecoder().decode(output.stderr)}`);
  }
}

/** The C and assembly files of a folder, in an order that does not depend on the file system. */
async function sources(folder: string): Promise<string[]> {
  const files = [];
  for await (const { name } of Deno.readDir(new URL(`${folder}/`, FOLDER))) {
    if (/\.[cS]$/.test(name)) files.push(`${folder}/${name}`);
  }
  return files.sort();
}

/** Builds one guest's images; gives their paths. */
async function build(guest: Guest, target: string): Promise<string[]> {
  const { name, folder = name, mode, forms, march = MARCH, symbols = [] } = guest;
  const linked = `${target}/${name}.linked`;
  const options = [`-march=${march}`, `-Wl,--defsym=BASE=${baseAddress(mode)}`];
  if (mode === "machine") options.push("-DMACHINE");
  await run(COMPILER, [...FLAGS, ...options, "-o", linked, ...await sources("runtime"), ...await sources(folder)]);
  const images = [];
  for (const form of forms) {
    const image = `${target}/${name}.${form}`;
    const keep = symbols.flatMap((symbol) => ["-K", symbol]);
    await run(OBJCOPY, [...(form === "bin" ? ["-O", "binary"] : ["--strip-all", ...keep]), linked, image]);
    await Deno.chmod(image, 0o644);
    images.push(image);
  }
  await Deno.remove(linked);
  return images;
}

/** Where an image belongs, from the guests' folder. */
function nameOf({ name, folder = name }: Guest, image: string): string {
  return `${folder}/${image.slice(image.lastIndexOf("/") + 1)}`;
}

/** Builds into the guests' own folders. */
async function buildAll(): Promise<void> {
  for (const guest of ALL) {
    for (const image of await build(guest, new URL(guest.folder ?? guest.name, FOLDER).pathname)) {
      const { size } = await Deno.stat(image);
      console.log(`${nameOf(guest, image).padEnd(36)} ${String(size).padStart(6)} bytes`);
    }
  }
}

/** Rebuilds elsewhere and compares; gives the images that differ. */
async function check(): Promise<string[]> {
  const target = await Deno.makeTempDir({ prefix: "guests-" });
  const different = [];
  try {
    for (const guest of ALL) {
      for (const image of await build(guest, target)) {
        const name = nameOf(guest, image);
        const fresh = await Deno.readFile(image);
        const committed = await Deno.readFile(new URL(name, FOLDER));
        const same = fresh.length === committed.length && fresh.every((byte, i) => byte === committed[i]);
        if (!same) different.push(name);
        console.log(`${name.padEnd(36)} ${same ? "identical" : "DIFFERENT"}`);
      }
    }
  } finally {
    await Deno.remove(target, { recursive: true });
  }
  return different;
}

if (import.meta.main) {
  try {
    if (!Deno.args.includes("--check")) {
      await buildAll();
    } else {
      const different = await check();
      if (different.length > 0) {
        console.error(`Committed images differ from their sources: ${different.join(", ")}; run "deno task guests"`);
        Deno.exit(1);
      }
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
