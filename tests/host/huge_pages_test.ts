/** Huge pages: what the kernel is asked, and with which permission. @module */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import project from "../../deno.json" with { type: "json" };
import { C_LIBRARIES } from "../../host/huge_pages.ts";

const MIB = 1 << 20;

/** Asks for all but the first 100 bytes of a memory, then waits to be looked at. */
const PROGRAM = `
import { adviseHugePages } from ${JSON.stringify(new URL("../../host/huge_pages.ts", import.meta.url).href)};
const { buffer } = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true });
adviseHugePages([new Uint8Array(buffer, 100)]);
console.log("ready");
await new Promise((resolve) => setTimeout(resolve, 60_000));
`;

/** Bytes for which a program with these permissions has asked for huge pages (proc_pid_smaps(5), VmFlags). */
async function advised(...permissions: string[]): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", ...permissions, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  try {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(PROGRAM));
    await writer.close();
    const reader = child.stdout.getReader();
    assert.equal(new TextDecoder().decode((await reader.read()).value), "ready\n");
    await reader.cancel();
    const { stdout } = await new Deno.Command("cat", { args: [`/proc/${child.pid}/smaps`] }).output();
    const mappings = new TextDecoder().decode(stdout).split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
    return mappings.filter((mapping) => /^VmFlags:.* hg\b/m.test(mapping)).reduce((sum, mapping) => {
      const [start, end] = mapping.split(" ", 1)[0].split("-").map((address) => parseInt(address, 16));
      return sum + end - start;
    }, 0);
  } finally {
    child.kill();
    await child.status;
  }
}

Deno.test({
  name:
    "adviseHugePages asks for whole pages, with the permission for the C library or for all libraries, and not without",
  ignore: Deno.build.os !== "linux" || !C_LIBRARIES.some((path) => existsSync(path)),
  fn: async () => {
    const kernel = await new Deno.Command("cat", { args: ["/sys/kernel/mm/transparent_hugepage/enabled"] }).output();
    const most = kernel.success ? 64 * MIB - 65536 : 0;
    assert.equal(await advised(`--allow-ffi=${C_LIBRARIES}`), most);
    assert.equal(await advised("--allow-ffi"), most);
    assert.equal(await advised(), 0);
  },
});

Deno.test("the task denovisor may call the C library, and no other one", () => {
  assert.deepEqual(project.tasks.denovisor.match(/--allow-ffi\S*/g), [`--allow-ffi=${C_LIBRARIES}`]);
});
