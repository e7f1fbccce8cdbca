/** `denovisor run` as a process: ends of guests, input and output, paths, signatures, statistics. @module */
import assert from "node:assert/strict";
import { assertSentences, cli, finisherGuest, MAIN, ROOT, startCli, twoAtATime, withGuests } from "./cli_process.ts";

Deno.test("denovisor's exit code is the guest's", () =>
  withGuests(async (folder) => {
    for (const code of [3, 255, 256]) await Deno.writeFile(`${folder}/fail${code}.bin`, finisherGuest(code));
    const htif = new URL("examples/guests/htif/htif.elf", ROOT).pathname;
    const cases: [args: string[], code: number][] = [
      [["shutdown.bin"], 0],
      [["failure.bin"], 1],
      [["fail3.bin"], 3],
      [["fail255.bin"], 255],
      [["fail256.bin"], 1],
      [["fail3.bin", "--mode", "machine"], 3],
      [["--mode", "machine", "--bios", "fail3.bin", "--kernel", "shutdown.bin"], 3],
      [["--mode", "machine", htif], 42],
    ];
    await twoAtATime(cases, async ([args, code]) => {
      const result = await cli(["run", ...args], { cwd: folder });
      assert.equal(result.code, code, `${args.join(" ")}: ${result.stderr}`);
      assert.equal(result.stderr, "");
    });
  }));

Deno.test("denovisor powers guests off that hang, jump to nowhere or execute garbage, with exit code 124", () =>
  withGuests(async (folder) => {
    const garbage = Uint8Array.from({ length: 4096 }, (_, i) => i * i * 31 + (i >> 3) * 7);
    await Deno.writeFile(`${folder}/garbage.bin`, garbage);
    const cases = [["hang.bin"], ["sleep.bin"], ["nowhere.bin", "--virtual-time"], ["garbage.bin"], [
      "nowhere.bin",
      "--mode",
      "machine",
    ]];
    await twoAtATime(cases, async (args) => {
      const result = await cli(["run", ...args, "--timeout", "0.4"], { cwd: folder });
      assert.equal(result.code, 124, `${args.join(" ")}: ${result.stderr}`);
      assert.match(result.stderr, /^denovisor: The VM was powered off after 0\.4 s; give it longer with --timeout\n$/);
    });
  }));

Deno.test("denovisor gives a pipe to the guest, Ctrl-A and all, and goes on after its end", () =>
  withGuests(async (folder) => {
    const text = "keys \x01x and\x03 all\n";
    const result = await cli(["run", "echo.bin"], { cwd: folder, stdin: text });
    assert.deepEqual(result, { code: 0, stdout: text, stderr: "" });
    const ended = await cli(["run", "echo.bin", "--timeout", "0.4"], { cwd: folder, stdin: "no newline" });
    assert.equal(ended.stdout, "no newline");
    assert.equal(ended.code, 124);
  }));

Deno.test("denovisor takes relative paths from the caller's folder: its own, or INIT_CWD under a task", () =>
  withGuests(async (folder) => {
    const here = await cli(["run", "hello.elf"], { cwd: folder, env: { INIT_CWD: "/" } });
    assert.equal(here.code, 0, here.stderr);
    assert.match(here.stdout, /Hello/);
    const task = await cli(["run", "hello.elf"], { env: { INIT_CWD: folder } });
    assert.equal(task.code, 0, task.stderr);
    // A task sets INIT_CWD only where it is not set, as it is when these tests are a task themselves.
    const { INIT_CWD: _, ...env } = Deno.env.toObject();
    const real = await new Deno.Command(Deno.execPath(), {
      args: ["task", "denovisor", "run", "hello.elf"],
      cwd: new URL("examples/guests/hello/", ROOT),
      env: { ...env, NO_COLOR: "1" },
      clearEnv: true,
      stdin: "null",
    }).output();
    assert.equal(real.code, 0, new TextDecoder().decode(real.stderr));
    assert.match(new TextDecoder().decode(real.stdout), /Hello/);
  }));

Deno.test("denovisor finds images, disks and plugins whose names are special in addresses", () =>
  withGuests(async (folder) => {
    const odd = "100% #1?";
    await Deno.copyFile(`${folder}/hello.elf`, `${folder}/${odd}.elf`);
    await Deno.writeFile(`${folder}/${odd}.img`, new Uint8Array(1000));
    const result = await cli(["run", `${odd}.elf`, "--disk", `${odd}.img,ro`], { cwd: folder });
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, /its last 488 bytes are not shown, for they are no whole sector/);
  }));

Deno.test("denovisor refuses a second VM on a disk that is written", () =>
  withGuests(async (folder) => {
    await Deno.writeFile(`${folder}/disk.img`, new Uint8Array(512));
    const first = startCli(["run", "chatter.bin", "--disk", "disk.img"], { cwd: folder });
    const output = first.stdout.getReader();
    await output.read();
    for (const mode of ["", ",ro"]) {
      const second = await cli(["run", "shutdown.bin", "--disk", `disk.img${mode}`], { cwd: folder });
      assert.equal(second.code, 1);
      assert.match(second.stderr, /disk\.img": another VM .*; stop that VM, or give this one a copy of the disk/);
      assertSentences(second, "second VM");
    }
    first.kill("SIGTERM");
    while (!(await output.read()).done);
    assert.equal((await first.status).code, 143);
    await Promise.all([first.stdin.close(), first.stderr.cancel()]);
    assert.equal((await cli(["run", "shutdown.bin", "--disk", "disk.img"], { cwd: folder })).code, 0);
  }));

Deno.test("denovisor ends when nobody reads its output any more", () =>
  withGuests(async (folder) => {
    const child = startCli(["run", "chatter.bin"], { cwd: folder });
    const output = child.stdout.getReader();
    assert.match(new TextDecoder().decode((await output.read()).value), /^\.+$/);
    await output.cancel();
    assert.equal((await child.status).code, 1);
    const errors = await new Response(child.stderr).text();
    assert.equal(errors, "");
    await child.stdin.close();
  }));

Deno.test("denovisor --signature writes words as Spike does", () =>
  withGuests(async (folder) => {
    const htif = new URL("examples/guests/htif/htif.elf", ROOT).pathname;
    const words: string[] = [];
    for (let value = 1n, i = 0; i < 8; i++, value = BigInt.asUintN(64, value * 0x9e3779b97f4a7c15n)) {
      words.push(value.toString(16).padStart(16, "0"));
    }
    const expected: Record<string, string[]> = {
      "8": words,
      "4": words.flatMap((word) => [word.slice(8), word.slice(0, 8)]),
      "16": [0, 2, 4, 6].map((i) => words[i + 1] + words[i]),
    };
    await twoAtATime(Object.entries(expected), async ([granularity, lines]) => {
      const args = ["run", "--mode", "machine", htif, "--signature", `${granularity}.sig`];
      if (granularity !== "8") args.push("--signature-granularity", granularity);
      const { code, stdout } = await cli(args, { cwd: folder });
      assert.equal(code, 42);
      assert.match(stdout, /^Hello through HTIF/);
      assert.equal(await Deno.readTextFile(`${folder}/${granularity}.sig`), lines.map((line) => `${line}\n`).join(""));
    });
  }));

Deno.test("denovisor --stats counts on standard error, alike in two runs under --virtual-time", () =>
  withGuests(async (folder) => {
    const runs = await Promise.all(
      [0, 1].map(() => cli(["run", "hello.elf", "--stats", "--virtual-time"], { cwd: folder })),
    );
    // Times are the host's, and so is into how many slices it cut the run.
    const counts = runs.map(({ stderr }) =>
      stderr.split("\n").filter((line) => !/^(MIPS|CPU|seconds|exits Nothing)/.test(line))
    );
    assert.deepEqual(counts[0], counts[1]);
    for (
      const name of [
        "instructions",
        "exits SystemDown",
        "RAM SHA-256",
        "console bytes",
        "sbiCalls",
        "tlbFetches",
        "tlbFlushes",
      ]
    ) {
      assert.ok(counts[0].some((line) => line.startsWith(`${name} `)), name);
    }
    assert.match(runs[0].stdout, /^Hello from a guest/);
  }));

Deno.test("denovisor shows its help and its version", async () => {
  const help = await cli(["--help"]);
  assert.equal(help.code, 0);
  for (const word of ["--memory SIZE", "--disk FILE[,ro|,overlay]", "denovisor check VM.toml", "Exit code:"]) {
    assert.ok(help.stdout.includes(word), word);
  }
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  assert.deepEqual(await cli(["--version"]), { code: 0, stdout: `denovisor ${version}\n`, stderr: "" });
});

Deno.test("denovisor runs an image with an empty cache and without anything from outside", () =>
  withGuests(async (folder) => {
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--cached-only", "--allow-read", MAIN, "run", "hello.elf"],
      cwd: folder,
      env: { DENO_DIR: `${folder}/cache`, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    assert.equal(output.code, 0, new TextDecoder().decode(output.stderr));
  }));
