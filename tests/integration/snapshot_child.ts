/**
 * A process of its own that builds a workload's VM anew, restores a snapshot file into it, runs it to its end and writes what it left
 * behind to standard output: `snapshot_child.ts NAME FILE`.
 *
 * @module
 */
import { decodeSnapshot } from "../../core/snapshot_codec.ts";
import { listen, resultOf, runWith, workload } from "./workloads.ts";

const [name, file] = Deno.args;
const work = workload(name);
const vm = await work.create();
const shown = listen(vm);
vm.restore(decodeSnapshot(await Deno.readFile(file)));
const outcome = await runWith(vm, work);
console.log(JSON.stringify(await resultOf(vm, outcome, shown())));
await vm.dispose();
