/**
 * The HTTP(S) probe: one request on a fresh connection; a server is well when it answers with a right status, the
 * body comes to its end in time, and the expected text is in it.
 *
 * It stands on node:http rather than fetch: fetch obeys proxy variables, allows 256 requests at once in the
 * whole process (so hung servers would delay others), and takes a connection reset for the end of a body.
 */
import * as http from "node:http";
import type { Socket } from "node:net";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { type Attempt, ProbeFailure, quote, runAttempt } from "./attempt.ts";
import { failTalk, openConnection, type TalkContext } from "./connection.ts";
import { askHttp2, http2Problem } from "./http2.ts";
import { HEADER_BYTES_MAX, judgePage } from "./http_judgement.ts";
import { bodyOf, headersOf, type PageTarget, requestPath } from "./http_request.ts";

/**
 * Asks once. Resolves as {@link runAttempt} does.
 *
 * https: the certificate must be valid and name `check.host`, which is also sent as the server name (RFC 6066);
 * without a host it must name the address probed. No redirect is followed: a 3xx is not a 2xx.
 */
export function probeHttp(
  target: ProbeTarget<CheckOf<"http" | "https">>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  return runAttempt(target.check.timeoutMs, context, (attempt) => {
    const ending = new AbortController();
    ask(target, context, { attempt, signal: ending.signal })
      .catch((error: Error) => failRequest(attempt, error, target));
    return () => ending.abort();
  });
}

async function ask(
  target: PageTarget,
  context: TalkContext,
  probing: { readonly attempt: Attempt; readonly signal: AbortSignal },
): Promise<void> {
  const { check } = target;
  const pattern = context.pattern(check.expect);
  if (typeof pattern === "string") throw new ProbeFailure(pattern);
  const protocols = [check.version === "2" ? "h2" : "http/1.1"];
  const { socket } = await openConnection(target, context, { ...probing, protocols });
  const { attempt, signal } = probing;
  attempt.phase = "while waiting for the headers";
  const judgement = judgePage(attempt, check, pattern);
  if (check.version === "2") return askHttp2(target, { attempt, signal, socket, judgement });
  const request = open(target, socket);
  request.on("error", (error) => failRequest(attempt, error, target));
  request.on("upgrade", () => judgement.head(101, {}));
  request.on("response", (reply) => {
    judgement.head(reply.statusCode ?? 0, reply.headers);
    reply.on("data", (chunk: Buffer) => judgement.chunk(chunk));
    reply.on("end", () => reply.complete ? judgement.end() : judgement.cut());
    reply.on("aborted", () => judgement.cut());
    reply.on("error", () => {});
  });
  request.end(bodyOf(check));
}

function open(target: PageTarget, socket: Socket): http.ClientRequest {
  try {
    return http.request({
      path: requestPath(target.check),
      method: target.check.method,
      // Without an agent nothing is shared or kept; the global one obeys proxy variables.
      createConnection: () => socket,
      maxHeaderSize: HEADER_BYTES_MAX,
      headers: { ...headersOf(target), Connection: "close" },
    });
  } catch (error) {
    throw new ProbeFailure(`cannot ask: ${quote((error as Error).message)}`);
  }
}

/** Errors of the HTTP parser (HPE_*, llhttp); what is none concerns TLS or the connection. */
function failRequest(attempt: Attempt, error: NodeJS.ErrnoException, target: PageTarget): void {
  const code = error.code ?? "";
  if (code === "HPE_HEADER_OVERFLOW") {
    return attempt.fail(`headers longer than ${HEADER_BYTES_MAX} bytes`);
  }
  if (code.startsWith("HPE_")) {
    return attempt.fail(`not an HTTP reply: ${quote(error.message.replace(/^Parse Error: /, ""))}`);
  }
  const problem = http2Problem(error);
  if (problem !== undefined) return attempt.fail(problem);
  failTalk(attempt, error, target);
}
