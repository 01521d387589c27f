/**
 * Writes log lines to a descriptor without ever holding the loop.
 *
 * pino's own asynchronous destination is not used: at the end of the program it writes the rest and waits for it,
 * and with a reader that has stalled the program then never ends (seen with Bun 1.4.5 and a full pipe).
 */
import { write } from "node:fs";

/** Characters kept while the reader stalls: some thousand lines, and far from hurting a machine. */
export const LOG_BUFFER_LENGTH_MAX = 1_048_576;
/** Characters handed to one write: more than a pipe holds, small enough to be copied at once. */
const WRITE_LENGTH_MAX = 131_072;
/** Wait before a descriptor that takes nothing now (EAGAIN) is tried again. */
const RETRY_MS = 20;
/** Longest wait for the reader at the end of the program. */
const CLOSE_MS_MAX = 500;

/** Writes lines in order, one batch at a time. The descriptor stays open when the writer is closed. */
export class LogWriter {
  readonly #descriptor: number;
  #queue: string[] = [];
  #queuedLength = 0;
  #writing = false;
  #dropped = 0;
  #untold = 0;
  #drained: (() => void) | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Lines lost because the reader stalled or went away. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a line, with its newline; it is written later or counted as dropped. */
  write(line: string): void {
    if (this.#queuedLength + line.length > LOG_BUFFER_LENGTH_MAX) {
      this.#dropped++;
      this.#untold++;
      return;
    }
    this.#queue.push(line);
    this.#queuedLength += line.length;
    if (!this.#writing) this.#next();
  }

  /** Resolves when all is written, or after half a second when the reader does not take it. */
  close(): Promise<void> {
    if (!this.#writing) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
      setTimeout(resolve, CLOSE_MS_MAX).unref();
    });
  }

  #next(): void {
    const batch = this.#takeBatch();
    this.#writing = batch.length > 0;
    if (this.#writing) this.#send(Buffer.from(batch), 0);
    else this.#drained?.();
  }

  #takeBatch(): string {
    let count = 0;
    let length = 0;
    while (count < this.#queue.length && length < WRITE_LENGTH_MAX) {
      length += this.#queue[count++]?.length ?? 0;
    }
    this.#queuedLength -= length;
    return this.#queue.splice(0, count).join("");
  }

  #send(bytes: Buffer, offset: number): void {
    write(this.#descriptor, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.#send(bytes, offset), RETRY_MS).unref();
        return;
      }
      // A reader that went away is no reason for the agent to end: the batch is lost, the next is tried.
      if (error) this.#dropped++;
      else if (offset + written < bytes.length) return this.#send(bytes, offset + written);
      else this.#tellLoss();
      this.#next();
    });
  }

  #tellLoss(): void {
    // Not into a full queue: the line that tells of the loss would be the next one lost.
    if (this.#untold === 0 || this.#queuedLength > LOG_BUFFER_LENGTH_MAX / 2) return;
    const event = {
      level: "warn",
      time: new Date().toISOString(),
      lost: this.#untold,
      msg: "log lines lost, because their reader stalled",
    };
    this.#untold = 0;
    this.write(`${JSON.stringify(event)}\n`);
  }
}
