/**
 * The OPTIONS request of SIP (RFC 3261, 11) and the answers to it.
 */
import { type Ip, ipFamily } from "../../core/address.ts";

/** Longest head of an answer, bytes: what fits into a datagram nobody fragments, several times. */
export const HEAD_BYTES_MAX = 8_192;
/** Where this node claims to be. Answers come back the way the request came (RFC 3581; RFC 3261, 18.2.2). */
const OWN_HOST = "troop.invalid";
/** What every branch begins with (RFC 3261, 8.1.1.7). */
const BRANCH_COOKIE = "z9hG4bK";

/** What tells one request from all others: random texts of letters and digits. */
export interface SipQuestion {
  readonly uri: string;
  readonly transport: "udp" | "tcp";
  readonly branch: string;
  readonly callId: string;
  readonly tag: string;
}

/** The head of an answer. */
export interface SipAnswer {
  readonly status: number;
  /** "200 OK". */
  readonly words: string;
  /** Bytes of the body. */
  readonly bodyBytes: number;
  /** Whether it answers the question. */
  readonly ours: boolean;
}

/** Whom a check asks when it names nobody. */
export function defaultUri(address: Ip): string {
  return `sip:ping@${ipFamily(address) === 6 ? `[${address}]` : address}`;
}

/** The request. */
export function encodeOptions({ uri, transport, branch, callId, tag }: SipQuestion): string {
  return [
    `OPTIONS ${uri} SIP/2.0`,
    `Via: SIP/2.0/${transport.toUpperCase()} ${OWN_HOST};branch=${BRANCH_COOKIE}${branch};rport`,
    "Max-Forwards: 70",
    `From: <sip:troop@${OWN_HOST}>;tag=${tag}`,
    `To: <${uri}>`,
    `Call-ID: ${callId}`,
    "CSeq: 1 OPTIONS",
    `Contact: <sip:troop@${OWN_HOST}>`,
    "Accept: application/sdp",
    "User-Agent: troop (health check)",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}

/** Reads the head of an answer, without the empty line behind it; undefined when it is none. */
export function readHead(head: string, { branch, callId }: SipQuestion): SipAnswer | undefined {
  const [first = "", ...lines] = head.split(/\r?\n/);
  const [, status, words = ""] = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/.exec(first) ?? [];
  if (status === undefined) return undefined;
  // Long and compact names (RFC 3261, 7.3.3); the first Via is that of the last hop, which is this node.
  const header = (pattern: RegExp): string =>
    lines.find((line) => pattern.test(line))?.replace(/^[^:]*:/, "").trim() ?? "";
  const via = header(/^(via|v)\s*:/i);
  const ours = header(/^(call-id|i)\s*:/i) === callId &&
    /^1\s+OPTIONS$/i.test(header(/^cseq\s*:/i)) &&
    via.split(/[;,]/).some((part) => part.trim() === `branch=${BRANCH_COOKIE}${branch}`);
  const length = Number(header(/^(content-length|l)\s*:/i) || "0");
  if (!Number.isInteger(length) || length < 0) return undefined;
  return { status: Number(status), words: `${status} ${words}`.trim(), bodyBytes: length, ours };
}
