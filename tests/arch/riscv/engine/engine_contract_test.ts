/** The engines against their contract. @module */
import { ENGINE_NAMES } from "../../../../arch/riscv/hart.ts";
import { testEngineContract } from "../../../contract/engine.ts";

for (const engine of ENGINE_NAMES) {
  // The oracle is what others are compared with: only how its runs are cut can be wrong, and the other engines' tests show that.
  if (engine !== "oracle") testEngineContract(engine);
}
