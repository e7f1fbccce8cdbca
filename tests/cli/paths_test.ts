/** Paths as the caller means them. @module */
import assert from "node:assert/strict";
import { absolutePath, escapePath, folderUrl, isAddress, requireFile } from "../../cli/paths.ts";

Deno.test("escapePath keeps a path's meaning inside an address, and leaves addresses alone", () => {
  const base = folderUrl("/folder with #/50%");
  for (const path of ["a.elf", "b c/100%.elf", "#1?.elf", "..\\odd"]) {
    assert.equal(decodeURIComponent(new URL(escapePath(path), base).pathname), `/folder with #/50%/${path}`);
  }
  assert.equal(escapePath("https://example.com/a?b#c"), "https://example.com/a?b#c");
});

Deno.test("isAddress tells addresses from paths", () => {
  for (const text of ["https://a/b", "npm:x", "jsr:@a/b", "file:///x"]) assert.ok(isAddress(text), text);
  for (const text of ["a.ts", "./a.ts", "/a:b", "a/b:c"]) assert.ok(!isAddress(text), text);
});

Deno.test("absolutePath starts from the caller's folder", () => {
  assert.equal(absolutePath("a/../b", "/x"), "/x/b");
  assert.equal(absolutePath("/a", "/x"), "/a");
});

Deno.test("requireFile says what a file was for and why it cannot be used", () => {
  requireFile(new URL(import.meta.url).pathname, "/", "--dtb");
  requireFile("https://example.com/kernel", "/", "--kernel");
  assert.throws(() => requireFile("none", "/tmp", "--dtb"), {
    message: /^Cannot read --dtb "none": there is no such file/,
  });
  assert.throws(() => requireFile("/tmp", "/", "--dtb"), { message: /it is a folder; name a file in it$/ });
});
