/**
 * The virtio entropy device (virtio 1.2, section 5.4): fills buffers with random bytes.
 *
 * @module
 */
import type { VirtioDevice, VirtioTransport } from "./mmio.ts";
import { scatter, sliceBuffers, totalLength } from "./queue.ts";

/** Most bytes that one request is given; the driver learns the number and asks again. */
const REQUEST_MAX = 1 << 16;

/** Everything that a {@link VirtioRng} remembers. */
export interface VirtioRngState {
  /** Where the built-in generator is: four 32-bit words. */
  words: number[];
}

/** Where the bytes come from. */
export interface VirtioRngOptions {
  /** Fills an array with random bytes. Left out: a generator that the seed decides, for repeatable runs; not secret. */
  readonly fill?: (bytes: Uint8Array) => void;
  /** Seed of the built-in generator, a 32-bit number (default 1). */
  readonly seed?: number;
}

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
  /** Where the built-in generator is. */
  readonly state: VirtioRngState;
  readonly #seed: number;
  readonly #fill: (bytes: Uint8Array) => void;
  #transport!: VirtioTransport;

  /** Makes the device. */
  constructor({ fill, seed = 1 }: VirtioRngOptions = {}) {
    this.#seed = seed;
    this.#fill = fill ?? ((bytes) => generate(this.state.words, bytes));
    this.state = { words: seedWords(seed) };
  }

  /** Takes its transport. */
  connect(transport: VirtioTransport): void {
    this.#transport = transport;
  }

  /** Fills every buffer that waits. */
  notify(): void {
    const transport = this.#transport;
    for (let chain = transport.pop(0); chain; chain = transport.pop(0)) {
      const length = Math.min(totalLength(chain.writable), REQUEST_MAX);
      const bytes = new Uint8Array(length);
      this.#fill(bytes);
      if (!scatter(transport.memory, sliceBuffers(chain.writable, 0, length), bytes)) {
        return transport.fail("a buffer for random bytes is not in RAM");
      }
      transport.push(0, chain.head, length);
    }
    transport.signal(0);
  }

  /** Seeds the generator anew. */
  reset(): void {
    this.state.words = seedWords(this.#seed);
  }
}

/** Spreads a seed over four words (splitmix32). */
function seedWords(seed: number): number[] {
  return [1, 2, 3, 4].map((step) => {
    let word = (seed + Math.imul(step, 0x9e3779b9)) | 0;
    word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  });
}

/** Fills an array from a generator's words and moves it on (xoshiro128**, Blackman and Vigna). */
function generate(words: number[], bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i += 4) {
    const [a, b, c, d] = words;
    const scrambled = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    for (let k = 0; k < 4 && i + k < bytes.length; k++) bytes[i + k] = scrambled >>> (8 * k);
    const first = c ^ a, second = d ^ b;
    words[0] = (a ^ second) >>> 0;
    words[1] = (b ^ first) >>> 0;
    words[2] = (first ^ (b << 9)) >>> 0;
    words[3] = rotate(second, 11) >>> 0;
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
