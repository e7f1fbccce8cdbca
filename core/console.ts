/**
 * The console contract: byte streams between a guest's consoles and whoever attached to the VM.
 *
 * @module
 */

/** The guest's end of a console, handed to devices. */
export interface ConsolePort {
  /** Sends bytes out. They are copied if they must be kept. */
  write(bytes: Uint8Array): void;
  /** Takes one byte of input, or -1 if none waits. */
  read(): number;
  /** Bytes of input that wait. */
  readonly available: number;
  /** Called whenever input arrives. One listener for a port; a second one is added, not replaced. */
  onInput(listener: () => void): void;
}
