/**
 * Questions for open sockets and their answers (sock_diag(7), linux/inet_diag.h).
 */
import { addressBytes, familyNumber, type IpVersion, versionOfFamily } from "./address_family.ts";
import { readBe16 } from "./bytes.ts";
import { attributeNumber, findAttributes } from "./netlink_attribute.ts";

/** SOCK_DIAG_BY_FAMILY. */
export const SOCK_DIAG_BY_FAMILY = 20;
/** TCP_LISTEN and TCP_CLOSE (net/tcp_states.h) as bits of a mask. */
export const socketStates = {
  tcpListen: 1 << 10,
  /** A UDP socket that is bound but not connected. */
  udpUnconnected: 1 << 7,
} as const;

/** struct inet_diag_req_v2: family, protocol, extensions, pad, states, struct inet_diag_sockid. */
const REQUEST_BYTES = 56;
/** struct inet_diag_msg. */
const ANSWER_BYTES = 72;
/** INET_DIAG_SKV6ONLY: given for IPv6 listeners, whoever asks (linux 4.2). */
const ATTRIBUTE_V6_ONLY = 11;

/** Which sockets to list. */
export interface DiagRequest {
  readonly version: IpVersion;
  /** IPPROTO_TCP or IPPROTO_UDP. */
  readonly protocol: number;
  /** Bits of {@link socketStates}. */
  readonly states: number;
}

/** A bound socket. */
export interface DiagSocket {
  /** 4 or 16 bytes, zeros for every address. */
  readonly address: Uint8Array;
  readonly port: number;
  /** A socket of family IPv6 that does not take IPv4. */
  readonly v6only: boolean;
}

/** The payload of a question. */
export function encodeDiagRequest(request: DiagRequest): Uint8Array {
  const view = new DataView(new ArrayBuffer(REQUEST_BYTES));
  view.setUint8(0, familyNumber(request.version));
  view.setUint8(1, request.protocol);
  view.setUint32(4, request.states, true);
  return new Uint8Array(view.buffer);
}

/** Reads one socket; undefined when it is too short or of another family. The port is in network order. */
export function decodeDiagSocket(payload: Uint8Array): DiagSocket | undefined {
  if (payload.length < ANSWER_BYTES) return undefined;
  const version = versionOfFamily(payload[0]!);
  if (version === undefined) return undefined;
  return {
    address: payload.slice(8, 8 + addressBytes(version)),
    port: readBe16(payload, 4),
    v6only: version === 6 && isV6Only(payload),
  };
}

function isV6Only(payload: Uint8Array): boolean {
  const at = findAttributes(payload, ANSWER_BYTES)[ATTRIBUTE_V6_ONLY]!;
  return attributeNumber(payload, at, 8) === 1;
}
