/** Picks members out of a tar stream (POSIX.1-1988 ustar with GNU and pax long names), without unpacking the rest. @module */

const BLOCK = 512;

/**
 * Reads a tar stream to its end and returns the regular files whose path `wants` accepts. Paths lose a leading `./`.
 *
 * @throws {RangeError} when the stream ends within a member.
 */
export async function readTarMembers(
  stream: ReadableStream<Uint8Array>,
  wants: (path: string) => boolean,
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const source = new ByteSource(stream);
  let longName = "";
  while (true) {
    const header = await source.take(BLOCK);
    if (header === undefined || header.every((byte) => byte === 0)) break;
    const size = parseInt(text(header, 124, 12), 8) || 0;
    const type = String.fromCharCode(header[156]);
    const prefix = text(header, 345, 155);
    const plain = text(header, 257, 5) === "ustar" && prefix !== ""
      ? `${prefix}/${text(header, 0, 100)}`
      : text(header, 0, 100);
    const isName = type === "L" || type === "x";
    const path = (longName || plain).replace(/^\.?\//, "");
    const keep = isName || ((type === "0" || type === "\0") && wants(path));
    const data = await source.member(size, keep);
    if (isName) {
      longName = type === "L" ? text(data, 0, data.length) : paxPath(data);
      continue;
    }
    if (keep) found.set(path, data);
    longName = "";
  }
  await source.drain();
  return found;
}

/** Reads exact amounts from a stream of chunks. */
class ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk = new Uint8Array();
  #offset = 0;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** The next `length` bytes, or undefined at the stream's end. */
  async take(length: number): Promise<Uint8Array | undefined> {
    const result = new Uint8Array(length);
    return await this.#fill(length, result) === length ? result : undefined;
  }

  /** A member's data, and past its padding; empty when it is not to be kept. */
  async member(size: number, keep: boolean): Promise<Uint8Array> {
    const result = new Uint8Array(keep ? size : 0);
    const padding = (BLOCK - size % BLOCK) % BLOCK;
    const read = await this.#fill(size, keep ? result : undefined) + await this.#fill(padding);
    if (read !== size + padding) throw new RangeError("Truncated tar stream: it ends within a member");
    return result;
  }

  /** Reads to the end, so that the writer is not cut off. */
  async drain(): Promise<void> {
    while (!(await this.#reader.read()).done);
  }

  async #fill(length: number, target?: Uint8Array): Promise<number> {
    let done = 0;
    while (done < length) {
      if (this.#offset === this.#chunk.length) {
        const next = await this.#reader.read();
        if (next.done) break;
        this.#chunk = new Uint8Array(next.value);
        this.#offset = 0;
        continue;
      }
      const count = Math.min(length - done, this.#chunk.length - this.#offset);
      target?.set(this.#chunk.subarray(this.#offset, this.#offset + count), done);
      this.#offset += count;
      done += count;
    }
    return done;
  }
}

/** The `path` record of a pax header; records are `LENGTH KEY=VALUE\n`. */
function paxPath(data: Uint8Array): string {
  return /^\d+ path=(.*)$/m.exec(new TextDecoder().decode(data))?.[1] ?? "";
}

function text(bytes: Uint8Array, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
