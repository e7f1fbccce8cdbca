/** Tests of finding the machine's Debian mirror. @module */

import assert from "node:assert/strict";
import {
  chooseDebianMirror,
  parseDeb822Sources,
  parseOneLineSources,
  readMachineSources,
} from "../../../cli/linux/apt_sources.ts";

const DEB822 = `# written by an installer
Types: deb deb-src
# the main archive
URIs: http://mirror.example/debian
Suites: bookworm
 bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: stable
Components: main
`;

Deno.test("parseOneLineSources reads options and components, and passes comments over", () => {
  const entries = parseOneLineSources(
    "# deb http://no.example/debian stable main\n\ndeb [arch=amd64 signed-by=/k.gpg] http://a.example/debian trixie main non-free # why\n" +
      "deb-src http://b.example/debian/ sid main\n",
  );
  assert.deepEqual(entries, [
    { types: ["deb"], uris: ["http://a.example/debian"], suites: ["trixie"], components: ["main", "non-free"] },
    { types: ["deb-src"], uris: ["http://b.example/debian/"], suites: ["sid"], components: ["main"] },
  ]);
});

Deno.test("parseDeb822Sources reads stanzas with continuation lines and comments, and leaves disabled ones out", () => {
  const entries = parseDeb822Sources(DEB822);
  assert.equal(entries.length, 2);
  assert.deepEqual(entries[0], {
    types: ["deb", "deb-src"],
    uris: ["http://mirror.example/debian"],
    suites: ["bookworm", "bookworm-updates"],
    components: ["main", "contrib"],
  });
});

Deno.test("chooseDebianMirror takes the first Debian archive: no security archive, no third party, no CD", () => {
  assert.equal(chooseDebianMirror(parseDeb822Sources(DEB822)), "http://mirror.example/debian");
  const others = parseOneLineSources(
    "deb cdrom:[Debian]/ bookworm main\ndeb http://security.example/debian-security bookworm-security main\n" +
      "deb http://node.example/node_20.x nodistro main\ndeb http://docker.example/linux/debian bookworm stable\n",
  );
  assert.equal(chooseDebianMirror(others), undefined);
  const prefixed = parseOneLineSources("deb http://vendor.example/tools/12/prod bookworm main\n");
  assert.equal(
    chooseDebianMirror([...prefixed, ...parseOneLineSources("deb http://a.example/debian/ stable main")]),
    "http://a.example/debian/",
  );
  assert.equal(
    chooseDebianMirror(parseOneLineSources("deb mirror+file:/etc/apt/mirrors/debian.list trixie main")),
    "mirror+file:/etc/apt/mirrors/debian.list",
  );
});

Deno.test("readMachineSources reads sources.list and sources.list.d by suffix, and does without either", async () => {
  const folder = await Deno.makeTempDir();
  try {
    assert.deepEqual(await readMachineSources(folder), []);
    await Deno.writeTextFile(`${folder}/sources.list`, "deb http://one.example/debian stable main\n");
    await Deno.mkdir(`${folder}/sources.list.d`);
    await Deno.writeTextFile(`${folder}/sources.list.d/b.sources`, DEB822);
    await Deno.writeTextFile(`${folder}/sources.list.d/a.list`, "deb http://two.example/debian stable main\n");
    await Deno.writeTextFile(`${folder}/sources.list.d/c.list.save`, "deb http://old.example/debian stable main\n");
    const uris = (await readMachineSources(folder)).flatMap((entry) => entry.uris);
    assert.deepEqual(uris, [
      "http://one.example/debian",
      "http://two.example/debian",
      "http://mirror.example/debian",
      "http://mirror.example/debian-security",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
