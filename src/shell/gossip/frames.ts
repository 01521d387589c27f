/**
 * Messages with their length in front on a stream between two peers, with a limit on their size and a
 * deadline on the whole exchange.
 */
import type { Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";

/** A stream of messages. A failure of any kind rejects and leaves the stream unusable. */
export interface Frames {
  read(): Promise<Uint8Array>;
  write(frame: Uint8Array): Promise<void>;
  /** Ends the stream in order. */
  close(): Promise<void>;
  /** Ends the stream at once; the other side sees a failure. */
  abort(reason: string): void;
}

/** Limits of one exchange. */
export interface FrameLimits {
  /** Largest message, bytes. */
  readonly bytesMax: number;
  /** Time for everything on this stream, ms. */
  readonly timeoutMs: number;
}

/** Wraps a stream. */
export function createFrames(stream: Stream, { bytesMax, timeoutMs }: FrameLimits): Frames {
  const signal = AbortSignal.timeout(timeoutMs);
  // The reader holds one whole message and the beginning of the next.
  const messages = lpStream(stream, { maxDataLength: bytesMax, maxBufferSize: 2 * bytesMax });
  return {
    read: async () => (await messages.read({ signal })).subarray(),
    write: (frame) => messages.write(frame, { signal }),
    close: () => stream.close({ signal }),
    abort: (reason) => stream.abort(new Error(reason)),
  };
}
