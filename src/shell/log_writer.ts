/**
 * Writes log lines to a descriptor without ever holding the loop.
 *
 * pino's own asynchronous destination is not used: at the end of the program it writes the rest and waits for it,
 * and with a reader that has stalled the program then never ends (seen with Bun 1.4.5 and a full pipe).
 */
import { write } from "node:fs";

/** Bytes kept while the reader stalls: some thousand lines, and far from hurting a machine. */
export const LOG_BUFFER_BYTES_MAX = 1_048_576;
/** Bytes handed to one write: more than a pipe holds, small enough to be copied at once. */
const WRITE_BYTES_MAX = 131_072;
/** Wait before a descriptor that takes nothing now (EAGAIN) is tried again. */
const RETRY_MS = 20;
/** Longest wait for the reader at the end of the program. */
const CLOSE_MS_MAX = 500;

/** An open writer. */
export interface LogWriter {
  write(line: string): void;
  /** Lines lost because the reader stalled or went away. */
  dropped(): number;
  /** Resolves when all is written, or after half a second when the reader does not take it. */
  close(): Promise<void>;
}

/** Opens a writer. The descriptor stays open when the writer is closed. */
export function openLogWriter(descriptor: number): LogWriter {
  let queue: string[] = [];
  let queuedBytes = 0;
  let writing = false;
  let dropped = 0;
  let untold = 0;
  let drained: (() => void) | undefined;

  function enqueue(line: string): void {
    if (queuedBytes + line.length > LOG_BUFFER_BYTES_MAX) {
      dropped++;
      untold++;
      return;
    }
    queue.push(line);
    queuedBytes += line.length;
    if (!writing) next();
  }

  function next(): void {
    const batch = takeBatch();
    writing = batch.length > 0;
    if (writing) send(Buffer.from(batch), 0);
    else drained?.();
  }

  function takeBatch(): string {
    let count = 0;
    let length = 0;
    while (count < queue.length && length < WRITE_BYTES_MAX) length += queue[count++]?.length ?? 0;
    const batch = queue.slice(0, count).join("");
    queue = queue.slice(count);
    queuedBytes -= length;
    return batch;
  }

  function send(bytes: Buffer, offset: number): void {
    write(descriptor, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (error?.code === "EAGAIN") {
        setTimeout(() => send(bytes, offset), RETRY_MS).unref();
        return;
      }
      // A reader that went away is no reason for the agent to end: the batch is lost, the next is tried.
      if (error) dropped++;
      else if (offset + written < bytes.length) return send(bytes, offset + written);
      else tellLoss();
      next();
    });
  }

  function tellLoss(): void {
    if (untold === 0) return;
    const lost = untold;
    untold = 0;
    enqueue(
      `${
        JSON.stringify({
          level: "warn",
          time: new Date().toISOString(),
          msg: "log lines lost",
          lost,
        })
      }\n`,
    );
  }

  return {
    write: enqueue,
    dropped: () => dropped,
    close: () =>
      writing
        ? new Promise((resolve) => {
          drained = resolve;
          setTimeout(resolve, CLOSE_MS_MAX).unref();
        })
        : Promise.resolve(),
  };
}
