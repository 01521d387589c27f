/**
 * TLS of a probe: the handshake, and in words what is wrong with it.
 */
import { isIP, type Socket } from "node:net";
import { checkServerIdentity, connect, type SecureContext, type TLSSocket } from "node:tls";
import type { SecureCheck } from "../../core/check.ts";
import type { ProbeTarget } from "../../ports.ts";
import { type Attempt, ProbeFailure, quote } from "./attempt.ts";
import type { ProbeTools } from "./probe.ts";

const DAY_MS = 86_400_000;

/** A target whose check may speak TLS. */
export type SecureTarget = ProbeTarget<SecureCheck>;

/** What a handshake needs besides its socket and target. */
export interface Handshake {
  readonly attempt: Attempt;
  readonly context: Pick<ProbeTools, "secureContext">;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Application protocols offered (ALPN, RFC 7301), the best first. */
  readonly protocols?: readonly string[];
  /** Wall clock, ms since 1970. */
  readonly nowMs: number;
}

/**
 * Begins TLS on a connected socket. The certificate must be valid and for {@link certificateName}, unless the check
 * says otherwise; one that ends soon becomes a note. Rejects with errors of node:tls, see {@link tlsProblem}.
 */
export async function startTls(
  socket: Socket,
  { address, check }: SecureTarget,
  { attempt, context, signal, protocols = [], nowMs }: Handshake,
): Promise<TLSSocket> {
  attempt.phase = "during the TLS handshake";
  const name = certificateName(address, check);
  const secured = connect({
    socket,
    // Addresses are no server names (RFC 6066, 3).
    servername: isIP(name) === 0 ? name : "",
    rejectUnauthorized: check.verify,
    checkServerIdentity: (_server, certificate) => checkServerIdentity(name, certificate),
    secureContext: trusted(context, check),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const destroy = (): void => {
    secured.destroy();
    socket.destroy();
    reject(new ProbeFailure("ended"));
  };
  const closed = (): void => reject(new ProbeFailure(`connection closed ${attempt.phase}`));
  signal.addEventListener("abort", destroy);
  secured.once("secureConnect", resolve);
  secured.once("error", reject);
  secured.once("close", closed);
  socket.once("error", reject);
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", destroy);
    secured.removeListener("error", reject);
    secured.removeListener("close", closed);
    secured.on("error", () => {});
  }
  attempt.note = expiryNote(secured.getPeerCertificate().valid_to, check.warnDays, nowMs);
  return secured;
}

function trusted(context: Handshake["context"], check: SecureCheck): SecureContext {
  try {
    return context.secureContext(check);
  } catch (error) {
    throw new ProbeFailure(`cannot ask: ${(error as Error).message}`);
  }
}

/** The name in the handshake and in the certificate. */
export function certificateName(address: string, check: SecureCheck): string {
  return givenName(check) ?? address;
}

function givenName(check: SecureCheck): string | null {
  return check.serverName ?? (check.kind === "https" ? check.host : null);
}

/** Warns of a certificate that ends within so many days, 0 for never; null when there is nothing to warn of. */
function expiryNote(validTo: string | undefined, warnDays: number, nowMs: number): string | null {
  const leftMs = Date.parse(validTo ?? "") - nowMs;
  if (warnDays === 0 || Number.isNaN(leftMs) || leftMs > warnDays * DAY_MS) return null;
  if (leftMs < 0) return "certificate has expired";
  const days = Math.floor(leftMs / DAY_MS);
  if (days === 0) return "certificate ends in less than a day";
  return `certificate ends in ${days} ${days === 1 ? "day" : "days"}`;
}

/**
 * What a code of a TLS error means; undefined when it concerns something else. Codes are those of
 * X509_verify_cert_error (OpenSSL's x509_vfy.h, without the prefix), of BoringSSL and of node:tls.
 */
export function tlsProblem(code: string, { address, check }: SecureTarget): string | undefined {
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `certificate is not for ${givenName(check) ?? `${address} (${nameHint(check)})`}`;
    case "CERT_HAS_EXPIRED":
      return "certificate has expired";
    case "CERT_NOT_YET_VALID":
      return "certificate is not valid yet";
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return `certificate is self-signed and not ${
        check.authority === null ? "trusted by this node" : `in ${quote(check.authority)}`
      }`;
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return `certificate is signed by an authority ${
        check.authority === null
          ? "this node does not trust"
          : `that is not in ${quote(check.authority)}`
      }`;
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return "does not speak TLS";
    default:
      return alertProblem(code);
  }
}

function nameHint({ kind }: SecureCheck): string {
  return kind === "https" ? "name the host in the check" : "name the server in the check";
}

/** Alerts (RFC 8446, 6.2) that concern the certificate this node shows, or lacks. */
const CERTIFICATE_ALERT = /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED/;

function alertProblem(code: string): string | undefined {
  const alert = /_ALERT_(\w+)$/.exec(code)?.[1];
  if (alert !== undefined) {
    const words = alert.toLowerCase().replaceAll("_", " ");
    if (alert === "NO_APPLICATION_PROTOCOL") return "server does not offer the protocol (ALPN)";
    if (alert === "CERTIFICATE_REQUIRED") return "server wants a certificate of this node";
    return CERTIFICATE_ALERT.test(alert)
      ? `server does not accept the certificate of this node: ${quote(words)}`
      : `server ends the TLS handshake: ${quote(words)}`;
  }
  return /SSL|TLS|CERT/.test(code) ? `TLS failed: ${quote(code)}` : undefined;
}
