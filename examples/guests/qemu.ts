/**
 * Runs guests on QEMU and compares what they print with `expected.txt`, the transcript that our own tests compare with too.
 *
 * `deno run -A examples/guests/qemu.ts [--bios FILE] [--update] [NAME...]`; `--update` writes the transcripts.
 *
 * @module
 */
import { DISK_SIZE, type Guest, GUESTS } from "./guests.ts";

const FOLDER = new URL("./", import.meta.url);

/** What OpenSBI prints is not the guest's: in S-mode the transcript begins behind the firmware's last line. */
const FIRMWARE_END = /^.*Boot HART MEDELEG.*\n/m;

/** QEMU's arguments for a guest. */
function qemuArguments(
  { name, mode, forms, cpus = 1, qemu = [], disk }: Guest,
  bios: string,
  diskFile: string,
): string[] {
  const image = new URL(`${name}/${name}.${forms[0]}`, FOLDER).pathname;
  const load = mode === "machine" ? ["-bios", "none", "-kernel", image] : ["-bios", bios, "-kernel", image];
  const args = [
    "-M",
    "virt",
    "-m",
    "128M",
    "-smp",
    String(cpus),
    "-display",
    "none",
    "-monitor",
    "none",
    "-serial",
    "stdio",
    ...load,
    ...qemu,
  ];
  if (disk === undefined) return args;
  const drive = `file=${diskFile},if=none,format=raw,id=disk`;
  return [
    ...args,
    "-global",
    "virtio-mmio.force-legacy=false",
    "-drive",
    drive,
    "-device",
    "virtio-blk-device,drive=disk,bus=virtio-mmio-bus.0",
  ];
}

/** Runs one guest; gives what it printed and QEMU's exit code. */
async function runGuest(guest: Guest, bios: string): Promise<{ text: string; code: number }> {
  const diskFile = await Deno.makeTempFile({ prefix: "guest-disk-" });
  try {
    const bytes = new Uint8Array(DISK_SIZE);
    new TextEncoder().encodeInto(guest.disk ?? "", bytes);
    await Deno.writeFile(diskFile, bytes);
    const args = ["30", "qemu-system-riscv64", ...qemuArguments(guest, bios, diskFile)];
    const { code, stdout, stderr } = await new Deno.Command("timeout", { args, stdin: "null" }).output();
    const text = new TextDecoder().decode(stdout).replaceAll("\r", "") + new TextDecoder().decode(stderr);
    const end = guest.mode === "supervisor" ? FIRMWARE_END.exec(text) : null;
    return { text: end ? text.slice(end.index + end[0].length) : text, code };
  } finally {
    await Deno.remove(diskFile);
  }
}

if (import.meta.main) {
  const args = [...Deno.args];
  const biosAt = args.indexOf("--bios");
  const [, bios] = biosAt < 0 ? ["", "default"] : args.splice(biosAt, 2);
  const update = args.includes("--update");
  const names = args.filter((arg) => arg !== "--update");
  let failed = 0;
  for (const guest of GUESTS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const { text, code } = await runGuest(guest, bios);
    const file = new URL(`${guest.name}/${guest.transcript ?? "expected.txt"}`, FOLDER);
    if (update) await Deno.writeTextFile(file, text);
    const good = text === await Deno.readTextFile(file) && code === (guest.exitCode ?? 0);
    if (!good) failed++;
    console.log(`${guest.name.padEnd(20)} ${good ? "as expected" : `DIFFERENT (exit code ${code})\n${text}`}`);
  }
  Deno.exit(failed === 0 ? 0 : 1);
}
