/** Paths and addresses of files. @module */
import assert from "node:assert/strict";
import { fileURLToPath, pathToFileURL } from "node:url";
import { filePath, fileUrl, folderUrl, resolvePath } from "../../host/file_paths.ts";

const ODD = ["/a", "/a b/100%.elf", "/#1?.elf", "/ü/日本", "/a\\b", "/c|/x", "/tab\there", "/"];

Deno.test("fileUrl and filePath are what Node's functions are, and each other's inverse", () => {
  for (const path of ODD) {
    const url = fileUrl(path);
    assert.equal(filePath(url), path);
    assert.equal(fileURLToPath(url), path);
    assert.equal(filePath(pathToFileURL(path)), path);
  }
});

Deno.test("filePath refuses a file on another host", () => {
  assert.throws(() => filePath(new URL("file://elsewhere/x")), { message: /names a file on another host/ });
});

Deno.test("resolvePath goes from a folder on", () => {
  assert.equal(resolvePath("/x", "a"), "/x/a");
  assert.equal(resolvePath("/x/", "./a/../b/"), "/x/b");
  assert.equal(resolvePath("/x/y", ".."), "/x");
  assert.equal(resolvePath("/x", "/a/./b"), "/a/b");
  assert.equal(resolvePath("/x%#", "c:d?"), "/x%#/c:d?");
  assert.equal(resolvePath("/x", "../../.."), "/");
});

Deno.test("folderUrl is a base: what is relative to it lies in the folder", () => {
  assert.equal(new URL("a", folderUrl("/x y")).href, "file:///x%20y/a");
  assert.equal(new URL("a", folderUrl("/")).href, "file:///a");
});
