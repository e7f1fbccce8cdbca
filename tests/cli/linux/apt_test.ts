/** Tests of the private apt's configuration and of what it makes of apt's words. @module */

import assert from "node:assert/strict";
import { aptConfiguration, downloadPercent, updateProblem } from "../../../cli/linux/apt.ts";
import { HostToolError, missingTools } from "../../../cli/linux/host_tools.ts";

const MIRROR = "http://mirror.example/debian";

Deno.test("aptConfiguration keeps everything under its folder, for the guest's architecture alone", () => {
  const text = aptConfiguration("/some where/cache");
  for (const key of ["Dir::State", "Dir::State::status", "Dir::Cache", "Dir::Etc::sourcelist"]) {
    assert.match(text, new RegExp(`^${key} "/some where/cache/`, "m"));
  }
  assert.match(text, /^#clear APT::Architectures;\nAPT::Architectures \{ "riscv64"; \};$/m);
  assert.doesNotMatch(text, /Acquire::.*Proxy|Dir::Etc::main|Dir::Etc::parts/);
  assert.throws(() => aptConfiguration('/a"b'), HostToolError);
});

Deno.test("updateProblem tells a mirror without the suite or the architecture from a network failure", () => {
  const noRelease = `E: The repository '${MIRROR} trixie Release' does not have a Release file.`;
  assert.match(updateProblem(100, noRelease, MIRROR) ?? "", /has no Debian trixie: give a Debian mirror with --mirror/);
  const refused = `E: Failed to fetch ${MIRROR}/dists/trixie/InRelease  403  Forbidden [IP: 192.0.2.1 80]`;
  assert.match(updateProblem(100, refused, MIRROR) ?? "", /has no Debian trixie/);
  const noArchitecture = "N: Skipping acquire of configured file 'main/binary-riscv64/Packages' as repository " +
    `'${MIRROR} trixie InRelease' doesn't support architecture 'riscv64'`;
  assert.match(updateProblem(0, noArchitecture, MIRROR) ?? "", /has no riscv64/);
  const offline = `W: Failed to fetch ${MIRROR}/dists/trixie/InRelease  Could not connect to mirror.example:80`;
  assert.match(updateProblem(0, offline, MIRROR) ?? "", /failed \(Failed to fetch .*\): check the network/);
  const keys = "W: GPG error: the public key is not available: NO_PUBKEY 6ED0E7B82643E131";
  assert.match(updateProblem(100, keys, MIRROR) ?? "", /install a newer package debian-archive-keyring/);
  assert.match(updateProblem(100, "E: write (28: No space left on device)", MIRROR) ?? "", /is full/);
  assert.equal(updateProblem(0, "", MIRROR), undefined);
});

Deno.test("downloadPercent reads apt's status lines and no others", () => {
  assert.equal(downloadPercent("dlstatus:2:93.3333:Retrieving file 2 of 3"), 93);
  assert.equal(downloadPercent("Get:2 http://mirror.example/debian trixie/main riscv64 x [112 MB]"), undefined);
});

Deno.test("missingTools names tools and packages in one sentence, each package once", () => {
  assert.equal(
    missingTools(["apt-get", "apt-cache", "xz"]),
    "Missing host tools 'apt-get', 'apt-cache', 'xz': install the Debian packages apt, xz-utils " +
      "(and let Deno run them with --allow-run)",
  );
  assert.match(missingTools(["mke2fs"]), /^Missing host tool 'mke2fs': install the Debian package e2fsprogs /);
});
