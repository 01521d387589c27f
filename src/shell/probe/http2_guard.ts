/**
 * Closes a hole in Bun 1.4: where a server sends headers on a stream that nobody opened, its HTTP/2 client makes a
 * stream for them, lets it fail, and tells nobody of it beforehand. An error without a listener is a fault of the
 * whole program; the session's own error says the same.
 */
import type { ClientHttp2Stream } from "node:http2";

const guarded = new WeakSet<object>();

/** Makes streams of this one's class keep errors to themselves that nobody listens for. */
export function guardStrayStreams(stream: ClientHttp2Stream): void {
  const prototype = Object.getPrototypeOf(stream) as ClientHttp2Stream;
  if (guarded.has(prototype)) return;
  guarded.add(prototype);
  const { emit } = prototype;
  prototype.emit = function (this: ClientHttp2Stream, event: string | symbol, ...given: unknown[]) {
    if (event === "error" && this.listenerCount("error") === 0) return false;
    return (emit as (...all: unknown[]) => boolean).call(this, event, ...given);
  } as typeof emit;
}
