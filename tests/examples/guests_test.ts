/** The committed guests print on our machine what their transcripts say: for most the one that QEMU printed too. @module */
import assert from "node:assert/strict";
import { DISK_SIZE, type Guest, GUESTS } from "../../examples/guests/guests.ts";
import { cli } from "../cli/cli_process.ts";

const FOLDER = new URL("../../examples/guests/", import.meta.url);

/** The demo and the benchmark are tested where their tasks are. */
const ELSEWHERE = ["demo", "mips"];

/** The image of a guest in its first form. */
function image({ name, forms }: Guest): string {
  return new URL(`${name}/${name}.${forms[0]}`, FOLDER).pathname;
}

for (const guest of GUESTS.filter(({ name }) => !ELSEWHERE.includes(name))) {
  Deno.test(`the guest ${guest.name} prints its transcript`, async () => {
    const disk = await Deno.makeTempFile({ prefix: "guest-disk-" });
    try {
      const bytes = new Uint8Array(DISK_SIZE);
      new TextEncoder().encodeInto(guest.disk ?? "", bytes);
      await Deno.writeFile(disk, bytes);
      const args = ["run", image(guest), "--mode", guest.mode === "machine" ? "machine" : "guest", "--disk", disk];
      if (guest.cpus !== undefined) args.push("--cpus", String(guest.cpus));
      const result = await cli(args);
      assert.equal(result.stdout, await Deno.readTextFile(new URL(`${guest.name}/expected.txt`, FOLDER)));
      assert.equal(result.code, guest.exitCode ?? 0, result.stderr);
    } finally {
      await Deno.remove(disk);
    }
  });
}

for (const mode of ["sv39", "sv48", "sv57"]) {
  Deno.test(`the guest paging obeys mode=${mode} in its boot arguments`, async () => {
    const { stdout, code } = await cli([
      "run",
      new URL("paging/paging.elf", FOLDER).pathname,
      "--append",
      `mode=${mode}`,
    ]);
    assert.match(stdout, new RegExp(`^${mode.replace("sv", "Sv")}\n(  .*\n)*OK\n$`));
    assert.equal(code, 0);
  });
}

Deno.test("the guest arceos_contract starts a second CPU that is there", async () => {
  const path = new URL("arceos_contract/arceos_contract.bin", FOLDER).pathname;
  const { stdout, code } = await cli(["run", path, "--cpus", "2"]);
  assert.match(stdout, /^Secondary CPU init OK\.\nPrimary CPU 0 init OK\.$/m);
  assert.equal(code, 0);
});

Deno.test("the guest htif leaves its signature", async () => {
  const file = await Deno.makeTempFile({ prefix: "signature-" });
  try {
    const path = new URL("htif/htif.elf", FOLDER).pathname;
    const { code } = await cli(["run", path, "--mode", "machine", "--signature", file]);
    assert.equal(code, 42);
    assert.equal(await Deno.readTextFile(file), await Deno.readTextFile(new URL("htif/signature.txt", FOLDER)));
  } finally {
    await Deno.remove(file);
  }
});
