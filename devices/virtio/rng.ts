/**
 * The virtio entropy device (virtio 1.2, section 5.4): fills buffers with random bytes.
 *
 * @module
 */
import type { VmControl } from "../../core/plugin_types.ts";
import type { VirtioDevice, VirtioTransport } from "./mmio.ts";
import { scatter, totalLength } from "./queue.ts";

/** Most bytes that one request is given; the driver learns the number and asks again. */
const REQUEST_MAX = 1 << 16;

/** The entropy device. */
export class VirtioRng implements VirtioDevice {
  /** Entropy device. */
  readonly deviceId = 4;
  /** None of its own. */
  readonly features: readonly number[] = [];
  /** One request queue. */
  readonly queueSizes: readonly number[] = [64];
  /** It has no configuration space. */
  readonly config: Uint8Array = new Uint8Array(0);
  /** Nothing to remember: where a repeatable sequence stands is its source's business. */
  readonly state: Record<string, never> = {};
  readonly #source: Pick<VmControl, "random">;
  #transport!: VirtioTransport;

  /**
   * Makes one.
   *
   * @param source Where the bytes come from: the VM, which repeats them under virtual time
   */
  constructor(source: Pick<VmControl, "random">) {
    this.#source = source;
  }

  /** Takes its transport. */
  connect(transport: VirtioTransport): void {
    this.#transport = transport;
  }

  /** Fills every buffer that waits. */
  notify(): void {
    const transport = this.#transport;
    for (let chain = transport.pop(0); chain; chain = transport.pop(0)) {
      const bytes = this.#source.random(Math.min(totalLength(chain.writable), REQUEST_MAX));
      if (!scatter(transport.memory, chain.writable, bytes)) {
        return transport.fail("a buffer for random bytes is not in RAM");
      }
      transport.push(0, chain.head, bytes.length);
    }
    transport.signal(0);
  }

  /** Nothing is ever in flight. */
  reset(): void {}
}
