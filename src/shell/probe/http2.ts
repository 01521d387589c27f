/**
 * HTTP/2 (RFC 9113) of probes, over a connection that is already there: by ALPN over TLS, by prior knowledge without.
 */
import * as http2 from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type Attempt, ProbeFailure, quote } from "./attempt.ts";
import { HEADER_BYTES_MAX, type PageJudgement, REPLY_BYTES_MAX } from "./http_judgement.ts";
import { guardStrayStreams } from "./http2_guard.ts";
import { authorityOf, bodyOf, headersOf, type PageTarget, requestPath } from "./http_request.ts";

/** How often the volume of a connection is looked at, ms. */
const VOLUME_LOOK_MS = 50;
/** Most bytes on a connection, of frames of every kind: those without end that no body or header counts, too. */
const VOLUME_BYTES_MAX = 2 * REPLY_BYTES_MAX;

/** A session for one request. */
export interface Http2Session {
  readonly session: http2.ClientHttp2Session;
  /** Rejects when the session ends in error or sends too much; never resolves. */
  readonly broken: Promise<never>;
}

/**
 * Begins a session. Throws {@link ProbeFailure} when TLS has not agreed on it. The signal ends it.
 */
export function openSession(
  socket: Socket,
  { authority, signal }: { readonly authority: string; readonly signal: AbortSignal },
): Http2Session {
  const secure = socket instanceof TLSSocket;
  if (secure && socket.alpnProtocol !== "h2") {
    throw new ProbeFailure("server does not offer HTTP/2 (ALPN has no h2)");
  }
  const session = http2.connect(`${secure ? "https" : "http"}://${authority}`, {
    createConnection: () => socket,
    settings: { enablePush: false, maxHeaderListSize: HEADER_BYTES_MAX },
  });
  const { promise, reject } = Promise.withResolvers<never>();
  const watch = setInterval(() => {
    if (socket.bytesRead <= VOLUME_BYTES_MAX) return;
    reject(new ProbeFailure(`sent more than ${VOLUME_BYTES_MAX} bytes`));
  }, VOLUME_LOOK_MS);
  session.on("error", (error) => reject(error));
  // The session ends its socket with an error, too, and one that nobody takes is a fault of the whole program.
  socket.on("error", (error) => reject(error));
  session.on("close", () => clearInterval(watch));
  signal.addEventListener("abort", () => {
    clearInterval(watch);
    session.destroy();
    socket.destroy();
  });
  promise.catch(() => {});
  return { session, broken: promise };
}

/** Headers of HTTP/1.1 that say something of the connection, and those that HTTP/2 spells otherwise (RFC 9113, 8.2.2). */
const NOT_IN_HTTP2 = new Set([
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "te",
]);

/** Asks for a page; the judgement ends the attempt. Rejects when it comes to no reply. */
export async function askHttp2(
  target: PageTarget,
  { attempt, signal, socket, judgement }: {
    readonly attempt: Attempt;
    readonly signal: AbortSignal;
    readonly socket: Socket;
    readonly judgement: PageJudgement;
  },
): Promise<void> {
  const authority = authorityOf(target);
  const { session, broken } = openSession(socket, { authority, signal });
  const headers = Object.entries(headersOf(target))
    .filter(([name]) => !NOT_IN_HTTP2.has(name.toLowerCase()));
  const stream = session.request({
    ":method": target.check.method,
    ":path": requestPath(target.check),
    ":scheme": socket instanceof TLSSocket ? "https" : "http",
    ":authority": authority,
    ...Object.fromEntries(headers),
  });
  guardStrayStreams(stream);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let whole = false;
  stream.on("response", (reply) => judgement.head(reply[":status"] ?? 0, reply));
  stream.on("data", (chunk: Buffer) => judgement.chunk(chunk));
  stream.on("end", () => {
    whole = endedWell(stream);
    if (whole) judgement.end();
  });
  stream.on("error", (error) => reject(error));
  stream.on("close", () => whole ? resolve() : reject(closedStream(attempt)));
  stream.end(bodyOf(target.check));
  await Promise.race([promise, broken]);
}

/**
 * Whether the stream's end is the sender's (END_STREAM). Bun 1.4 also tells of an end when the stream was reset or its
 * connection closed, and then has destroyed it before.
 */
export function endedWell(stream: http2.ClientHttp2Stream): boolean {
  return !stream.destroyed && (stream.rstCode ?? 0) === http2.constants.NGHTTP2_NO_ERROR;
}

function closedStream({ phase }: Attempt): ProbeFailure {
  return new ProbeFailure(
    phase === "while waiting for the body"
      ? "connection closed before the end of the body"
      : `connection closed ${phase}`,
  );
}

/** What an error of the protocol means, in words; undefined when it concerns TLS or the connection. */
export function http2Problem({ code = "", message }: NodeJS.ErrnoException): string | undefined {
  return code.startsWith("ERR_HTTP2") ? `HTTP/2 failed: ${quote(message)}` : undefined;
}
