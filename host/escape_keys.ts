/**
 * The keys by which a user speaks to the program and not to the guest, as QEMU has them: Ctrl-A and a letter.
 *
 * @module
 */

/** Ctrl-A. */
const ESCAPE = 0x01;

/** What {@link EscapeKeys.feed} found. */
export interface FoundKeys {
  /** What the guest gets. */
  readonly data: Uint8Array;
  /** Commands in order. */
  readonly commands: ("quit" | "help")[];
}

/** What Ctrl-A H shows. */
export const KEY_HELP = [
  "Ctrl-A X       power the VM off and leave",
  "Ctrl-A H       show this help",
  "Ctrl-A Ctrl-A  send Ctrl-A to the guest",
].join("\n");

/** Takes commands out of what is typed. The two keys of a command may come in two pieces. */
export class EscapeKeys {
  #escaped = false;

  /** Takes a piece of input. Keys after Ctrl-A that mean nothing are dropped. */
  feed(bytes: Uint8Array): FoundKeys {
    const data: number[] = [];
    const commands: FoundKeys["commands"] = [];
    for (const byte of bytes) {
      if (!this.#escaped) {
        if (byte === ESCAPE) this.#escaped = true;
        else data.push(byte);
        continue;
      }
      this.#escaped = false;
      const key = String.fromCharCode(byte).toLowerCase();
      if (byte === ESCAPE) data.push(byte);
      else if (key === "x") commands.push("quit");
      else if (key === "h") commands.push("help");
    }
    return { data: Uint8Array.from(data), commands };
  }
}
