/** The project works where it is imported by URL: from a server, by a program in a folder of its own, with an empty cache. @module */
import assert from "node:assert/strict";
import { type ProcessResult, runDeno } from "./examples/run_example.ts";
import { ROOT } from "./source/tree.ts";

/** Serves the project's files; `served` collects what was asked for. */
function serveProject(served: Set<string>): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const path = new URL(request.url).pathname.slice(1);
    served.add(path);
    try {
      const type = path.endsWith(".ts") ? "application/typescript" : "application/octet-stream";
      return new Response(await Deno.readFile(new URL(path, ROOT)), { headers: { "content-type": type } });
    } catch {
      return new Response("Not found", { status: 404 });
    }
  });
}

/** A program that boots the hello guest with a plugin of the same server. */
function program(origin: string): string {
  return `
import { Hypervisor, type Plugin, riscv, virtBoard } from "${origin}/mod.ts";

const own: Plugin = { name: "own", apiVersion: 1, setup: (context) => context.vm.log(String(context.clock.frequency)) };
await using hypervisor = new Hypervisor({ architectures: [riscv] });
const vm = await hypervisor.createVm({
  kernel: { kernel_path: "${origin}/examples/guests/hello/hello.elf" },
  plugins: [virtBoard, own, "${origin}/examples/plugins/countdown.ts"],
});
vm.console().onOutput((bytes) => void Deno.stdout.writeSync(bytes));
const { reason, code } = await vm.run();
console.log(reason, code, vm.devices.some(({ name, base }) => name === "countdown" && base === 0x1000_9000));
`;
}

/** Runs `deno` in a new folder that holds the given files, with an empty cache. */
async function inNewFolder(files: Record<string, string>, args: string[]): Promise<ProcessResult> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    return await runDeno(args, { cwd: folder, env: { DENO_DIR: `${folder}/.deno` } });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const PROJECTS: Readonly<Record<string, Record<string, string>>> = {
  "without configuration": {},
  "with a package.json": { "package.json": JSON.stringify({ name: "consumer", type: "module", dependencies: {} }) },
};

for (const [name, files] of Object.entries(PROJECTS)) {
  Deno.test(`mod.ts and a plugin are imported over HTTP by a project ${name}, and a guest boots`, async () => {
    const served = new Set<string>();
    await using server = serveProject(served);
    const host = `127.0.0.1:${server.addr.port}`;
    const project = { ...files, "main.ts": program(`http://${host}`) };
    // Checking the types once is enough.
    const options = "package.json" in files ? [] : ["--check"];
    const permissions = [`--allow-import=${host}`, `--allow-net=${host}`];
    const { code, stdout, stderr } = await inNewFolder(project, ["run", ...options, ...permissions, "main.ts"]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "Hello from a guest in S-mode: hart 0, device tree given\nshutdown 0 true\n");
    assert.ok(served.has("mod.ts") && served.has("examples/plugins/countdown.ts"));
    const foreign = [...served].filter((path) => /^(?:host|cli|tests|node_modules)\//.test(path));
    assert.deepEqual(foreign, [], "nothing of the host's side is needed");
  });
}

Deno.test("an example runs from its address", async () => {
  await using server = serveProject(new Set());
  const host = `127.0.0.1:${server.addr.port}`;
  const args = ["run", `--allow-import=${host}`, `--allow-net=${host}`, `http://${host}/examples/greet.ts`];
  const { code, stdout, stderr } = await inNewFolder({}, args);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "Good morning, guest!\n");
});

Deno.test("a plugin whose address is wrong is one sentence, and no VM", async () => {
  await using server = serveProject(new Set());
  const host = `127.0.0.1:${server.addr.port}`;
  const main = program(`http://${host}`).replace("countdown.ts", "missing.ts");
  const permissions = [`--allow-import=${host}`, `--allow-net=${host}`];
  const { code, stdout, stderr } = await inNewFolder({ "main.ts": main }, ["run", ...permissions, "main.ts"]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /\[plugin http:\/\/127\.0\.0\.1:\d+\/examples\/plugins\/missing\.ts\] Cannot load http/);
});
