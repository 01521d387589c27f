/**
 * The HTTP(S) probe: one request on a fresh connection; a server is well when it answers 2xx, the body
 * comes to its end in time, and the expected text is in it.
 *
 * It stands on node:http rather than fetch: fetch obeys proxy variables, allows 256 requests at once in the
 * whole process (so hung servers would delay others), and takes a connection reset for the end of a body.
 */
import * as http from "node:http";
import * as https from "node:https";
import {
  checkServerIdentity,
  createSecureContext,
  getCACertificates,
  rootCertificates,
  type SecureContext,
} from "node:tls";
import { isIP } from "node:net";
import { ipFamily } from "../../core/address.ts";
import type { CheckOf } from "../../core/check.ts";
import type { Pattern } from "../../core/regex.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { type Attempt, failConnection, quote, runAttempt } from "./attempt.ts";
import type { ProbeOf } from "./probe.ts";

/** Bytes of a body that are read; a server that sent so much is well, and the rest costs time and memory. */
export const REPLY_BYTES_MAX = 1_048_576;
/** Bytes of headers that are accepted: what servers themselves accept from clients (nginx: 32 KiB, node: 16). */
export const HEADER_BYTES_MAX = 16_384;
/** How the probe names itself in access logs. */
const USER_AGENT = "troop (health check)";
const DEFAULT_PORT = { http: 80, https: 443 } as const;

type PageTarget = ProbeTarget<CheckOf<"http" | "https">>;
type Context = Parameters<ProbeOf<"http" | "https">>[1];

/**
 * The authorities an https probe trusts: those of the operating system, where a private one is installed too;
 * on a system without any, those built into the runtime. `extra` are further certificates, PEM.
 */
export function trustStore(extra: readonly string[] = []): SecureContext {
  const system = getCACertificates("system");
  return createSecureContext({
    ca: [...(system.length > 0 ? system : rootCertificates), ...extra],
  });
}

/**
 * Asks once. Resolves as {@link runAttempt} does.
 *
 * https: the certificate must be valid and name `check.host`, which is also sent as the server name (RFC 6066);
 * without a host it must name the address probed. No redirect is followed: a 3xx is not a 2xx.
 */
export function probeHttp(
  target: PageTarget,
  context: Context,
): Promise<ProbeResult | null> {
  return runAttempt(target.check.timeoutMs, context, (attempt) => {
    const pattern = context.pattern(target.check.expect);
    if (typeof pattern === "string") {
      attempt.fail(pattern);
      return () => {};
    }
    const request = open(target, context);
    request.on("socket", (socket) => {
      const secure = target.check.kind === "https";
      socket.on("connect", () => {
        attempt.phase = secure ? "during the TLS handshake" : "while waiting for the headers";
      });
      socket.on("secureConnect", () => {
        attempt.phase = "while waiting for the headers";
      });
    });
    request.on("error", (error) => failRequest(attempt, error, target));
    request.on("upgrade", () => attempt.fail("status 101, want 2xx"));
    request.on("response", (reply) => readReply(attempt, reply, pattern));
    request.end();
    return () => request.destroy();
  });
}

/** node:https hands its options on to tls.connect, where a ready-made context saves parsing 150 certificates. */
type SecureOptions = https.RequestOptions & { readonly secureContext: SecureContext };

function open(target: PageTarget, { secureContext }: Context): http.ClientRequest {
  const { address, port, check } = target;
  const options: http.RequestOptions = {
    host: address,
    port,
    // A request target is ASCII (RFC 3986, 2.1); what is already encoded stays.
    path: check.path.replace(/[^\x21-\x7e]+/gu, encodeURIComponent),
    // An agent of its own: no connection is shared or kept, and the global agent obeys proxy variables.
    agent: false,
    maxHeaderSize: HEADER_BYTES_MAX,
    headers: {
      Host: hostHeader(target),
      "User-Agent": USER_AGENT,
      Accept: "*/*",
      "Accept-Encoding": "identity",
      Connection: "close",
    },
  };
  if (check.kind !== "https") return http.request(options);
  const name = check.host ?? address;
  const secure: SecureOptions = {
    ...options,
    // Always given, because the default would be the Host header. Addresses are no server names (RFC 6066, 3).
    servername: isIP(name) === 0 ? name : "",
    checkServerIdentity: (_server, certificate) => checkServerIdentity(name, certificate),
    secureContext: secureContext(check),
  };
  return https.request(secure);
}

/** RFC 9110, 7.2: the port is left out when it is the scheme's own. */
function hostHeader({ address, port, check }: PageTarget): string {
  const host = check.host ?? (ipFamily(address) === 6 ? `[${address}]` : address);
  return port === DEFAULT_PORT[check.kind] ? host : `${host}:${port}`;
}

function readReply(attempt: Attempt, reply: http.IncomingMessage, pattern: Pattern | null): void {
  const status = reply.statusCode ?? 0;
  if (status < 200 || status > 299) return attempt.fail(statusProblem(status, reply));
  attempt.phase = "while waiting for the body";
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let bytes = 0;
  const windowBytes = Math.min(pattern?.window ?? 0, REPLY_BYTES_MAX);
  const judge = (whole: boolean): void => {
    const text = Buffer.concat(kept).toString("utf8");
    const cut = bytes > keptBytes;
    if (pattern !== null && !pattern.found(text)) {
      return attempt.fail(missingText(pattern, cut ? keptBytes : null, reply));
    }
    attempt.pass(whole ? String(status) : `${status} and more than ${REPLY_BYTES_MAX} bytes`);
  };
  reply.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (keptBytes < windowBytes) {
      kept.push(chunk.subarray(0, windowBytes - keptBytes));
      keptBytes = Math.min(windowBytes, bytes);
    }
    if (bytes > REPLY_BYTES_MAX) judge(false);
  });
  reply.on("end", () => {
    if (reply.complete) judge(true);
    else attempt.fail("connection closed before the end of the body");
  });
  reply.on("aborted", () => attempt.fail("connection closed before the end of the body"));
  reply.on("error", () => {});
}

function statusProblem(status: number, reply: http.IncomingMessage): string {
  const target = reply.headers.location;
  const to = status >= 300 && status < 400 && target !== undefined ? ` to ${quote(target)}` : "";
  return `status ${status}${to}, want 2xx`;
}

function missingText(
  pattern: Pattern,
  searchedBytes: number | null,
  reply: http.IncomingMessage,
): string {
  const where = searchedBytes === null
    ? "body lacks"
    : `first ${searchedBytes} bytes of the body lack`;
  const coding = reply.headers["content-encoding"];
  const how = coding === undefined || coding === "identity"
    ? ""
    : ` (it came ${quote(coding)}-encoded)`;
  return `${where} /${quote(pattern.source)}/${how}`;
}

/** Errors of the HTTP parser (HPE_*, llhttp) and of TLS; what is neither concerns the connection. */
function failRequest(attempt: Attempt, error: NodeJS.ErrnoException, target: PageTarget): void {
  const code = error.code ?? "";
  if (code === "HPE_HEADER_OVERFLOW") {
    return attempt.fail(`headers longer than ${HEADER_BYTES_MAX} bytes`);
  }
  if (code.startsWith("HPE_")) {
    return attempt.fail(`not an HTTP reply: ${quote(error.message.replace(/^Parse Error: /, ""))}`);
  }
  const problem = tlsProblem(code, target);
  if (problem !== undefined) return attempt.fail(problem);
  failConnection(attempt, error);
}

/** Codes of X509_verify_cert_error (OpenSSL's x509_vfy.h, without the prefix) and of node:tls. */
function tlsProblem(code: string, { address, check }: PageTarget): string | undefined {
  if (check.kind !== "https") return undefined;
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `certificate is not for ${check.host ?? `${address} (name the host in the check)`}`;
    case "CERT_HAS_EXPIRED":
      return "certificate has expired";
    case "CERT_NOT_YET_VALID":
      return "certificate is not valid yet";
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
      return "certificate is self-signed and not trusted by this node";
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return "certificate is signed by an authority this node does not trust";
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return "does not speak TLS";
    default:
      return /SSL|TLS|CERT/.test(code) ? `TLS failed: ${quote(code)}` : undefined;
  }
}
