/** `HostMemory`: the operating system commits what a guest touches, and nothing else, also after a reset. @module */
import assert from "node:assert/strict";
import { readingCommits } from "../reading_commits.ts";

const MIB = 2 ** 20;
const CHILD = new URL("rss_child.ts", import.meta.url);

/** Runs a scenario in a process of its own; resident MiB by moment. */
async function measure(scenario: string): Promise<Record<string, number>> {
  const args = ["run", "--allow-read", "--allow-sys", "--no-check", CHILD.href, scenario];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const bytes = JSON.parse(new TextDecoder().decode(stdout)) as Record<string, number>;
  return Object.fromEntries(Object.entries(bytes).map(([moment, value]) => [moment, Math.round(value / MIB)]));
}

for (const scenario of ["large", "large-machine"]) {
  Deno.test(`a guest of 3 GiB commits only the 32 MiB that it touches, spread all over, also after a reset (${scenario})`, async () => {
    const rss = await measure(scenario);
    const message = JSON.stringify(rss);
    assert.ok(rss.created - rss.before < 60, message);
    assert.ok(rss.touched - rss.created >= 30, `touched pages are resident: ${message}`);
    // One page every 400 KiB: the pages themselves, leaves and tables for them, translation tables.
    assert.ok(rss.touched - rss.created < 100, message);
    assert.ok(rss.again - rss.reset < 40, `the second run uses the same pages: ${message}`);
    // A reset reads all RAM. Where that commits it, what it commits says nothing about what it writes.
    if (readingCommits()) return;
    assert.ok(rss.reset - rss.touched < 20, `a reset commits nothing: ${message}`);
    assert.ok(rss.again - rss.touched < 40, `the second run uses the same pages: ${message}`);
  });
}

Deno.test("a guest of 512 MiB that touched half of it is resident with that half, and no more after a reset", async () => {
  const rss = await measure("dense");
  const message = JSON.stringify(rss);
  assert.ok(rss.touched - rss.created >= 250, message);
  assert.ok(rss.touched - rss.created < 320, message);
  assert.ok(rss.again - rss.touched < 40, message);
});

Deno.test("a process with an idle guest of 512 MiB stays below 250 MB and what the guest touched", async () => {
  const rss = await measure("idle");
  assert.ok(rss.idle < 250, JSON.stringify(rss));
});
