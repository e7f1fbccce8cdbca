/** CodeCache: bytes are counted by module, and those that were not used for longest go first. @module */
import assert from "node:assert/strict";
import { CodeCache, memoryOf } from "../../../core/engine/code_cache.ts";

Deno.test("CodeCache counts a module until its last region is deleted", () => {
  const cache = new CodeCache<string>(1e6);
  cache.add(["a", "b"], 1000);
  cache.add(["c"], 500);
  assert.deepEqual([cache.bytes, cache.modules], [memoryOf(1000) + memoryOf(500), 2]);
  cache.delete("a");
  cache.delete("a");
  assert.equal(cache.modules, 2);
  cache.delete("b");
  assert.deepEqual([cache.bytes, cache.modules], [memoryOf(500), 1]);
  cache.delete("c");
  assert.deepEqual([cache.bytes, cache.modules], [0, 0]);
});

Deno.test("CodeCache.victims names half of the modules, in the order of their last use, once one more does not fit", () => {
  const cache = new CodeCache<number>(memoryOf(1000) * 10);
  for (let module = 0; module < 10; module++) {
    assert.deepEqual(cache.victims(1000), []);
    cache.add([module, module + 100], 1000);
  }
  cache.touch(101);
  cache.touch(0);
  assert.deepEqual(cache.victims(1000), [2, 102, 3, 103, 4, 104, 5, 105, 6, 106]);
  assert.equal(cache.bytes, memoryOf(1000) * 10, "the caller deletes them");
});

Deno.test("CodeCache makes room for a module that is larger than all others, and for one that is too large", () => {
  const cache = new CodeCache<number>(memoryOf(1000) * 4);
  for (let module = 0; module < 4; module++) cache.add([module], 1000);
  assert.deepEqual(cache.victims(1000), [0, 1]);
  assert.deepEqual(cache.victims(1e6), [0, 1, 2, 3]);
});
