/**
 * A growable byte buffer with the primitive encodings of a WebAssembly binary (Core Specification 5.2: LEB128, names, vectors).
 *
 * @module
 */

const TEXT = new TextEncoder();

/** Text whose characters are their own encoding. */
const ASCII = /^[\0-\x7f]*$/;

/** Bytes that grow at the end. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** @param capacity Bytes to reserve at first; the buffer doubles when they are used up */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** The bytes written so far, as a view that the next write may invalidate. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The bytes written so far, copied. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** Forgets everything but keeps the space. */
  clear(): void {
    this.#length = 0;
  }

  /** Appends one byte. */
  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Appends bytes as they are. */
  bytes(values: ArrayLike<number>): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** Appends an unsigned number below 2^32 as LEB128. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Appends the low 32 bits of `value` as signed LEB128. */
  s32(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Appends the low 64 bits of `value` as signed LEB128. A `number` must be an integer. */
  s64(value: bigint | number): void {
    const number = Number(value);
    if (number === (number | 0)) return this.s32(number);
    let rest = BigInt.asIntN(64, BigInt(value));
    while (rest < -64n || rest > 63n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }

  /** Appends an IEEE 754 single, little-endian. */
  f32(value: number): void {
    this.bytes(new Uint8Array(new Float32Array([value]).buffer));
  }

  /** Appends an IEEE 754 double, little-endian. */
  f64(value: number): void {
    this.bytes(new Uint8Array(new Float64Array([value]).buffer));
  }

  /** Appends a name: its length in bytes, then UTF-8. */
  name(text: string): void {
    if (ASCII.test(text)) {
      this.u32(text.length);
      for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
      return;
    }
    const encoded = TEXT.encode(text);
    this.u32(encoded.length);
    this.bytes(encoded);
  }

  /** Appends a block of bytes that opens with its own length. */
  sized(content: ByteWriter): void {
    this.u32(content.length);
    this.bytes(content.view());
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.view());
    this.#bytes = larger;
  }
}
