/**
 * The TLS probe: a server is well when the handshake succeeds and its certificate is right. Nothing is asked.
 */
import type { TLSSocket } from "node:tls";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { converse, type TalkContext } from "./connection.ts";
import { tlsProblem } from "./secure.ts";

/** How long a server may take to complain of the certificate of this node, or of its lack, ms. */
const COMPLAINT_MS_MAX = 200;

/** Makes one handshake. Resolves as {@link converse} does. */
export function probeTls(
  target: ProbeTarget<CheckOf<"tls">>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  return converse(target, context, async (connection) => {
    const secured = connection.socket as TLSSocket;
    const version = secured.getProtocol() ?? "TLS";
    connection.waitFor("the server to accept the handshake");
    if (version === "TLSv1.3") await accepted(secured, target);
    return `${version} handshake`;
  });
}

/**
 * In TLS 1.3 the client is done before the server has looked at its certificate (RFC 8446, figure 1), so the handshake
 * is over only when the server answers, ends, or keeps silent after we said goodbye.
 */
function accepted(secured: TLSSocket, target: ProbeTarget<CheckOf<"tls">>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, COMPLAINT_MS_MAX);
  secured.once("session", resolve);
  secured.once("data", resolve);
  secured.once("close", resolve);
  secured.once("error", (error: NodeJS.ErrnoException) => {
    // A server may as well reset a connection on which nothing is asked.
    if (tlsProblem(error.code ?? "", target) === undefined) resolve();
    else reject(error);
  });
  secured.end();
  return promise.finally(() => clearTimeout(timer));
}
