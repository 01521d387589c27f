/**
 * Questions for open sockets and their answers (sock_diag(7), linux/inet_diag.h).
 */
import { addressBytes, familyNumber, type IpVersion, versionOfFamily } from "./address_family.ts";
import { readBe16 } from "./bytes.ts";
import { AttributeReader, type AttributeWriter } from "./netlink_attribute.ts";

/** SOCK_DIAG_BY_FAMILY. */
export const SOCK_DIAG_BY_FAMILY = 20;
/** TCP_LISTEN and TCP_CLOSE (net/tcp_states.h) as bits of a mask. */
export const socketStates = {
  tcpListen: 1 << 10,
  /** A UDP socket that is bound but not connected. */
  udpUnconnected: 1 << 7,
} as const;

/** struct inet_diag_sockid, the end of struct inet_diag_req_v2; zeros do not narrow the question. */
const SOCKET_ID_BYTES = 48;
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

/** Appends the payload of a question. */
export function writeDiagRequest(writer: AttributeWriter, request: DiagRequest): void {
  writer.word(familyNumber(request.version) | (request.protocol << 8)).word(request.states);
  writer.structure(new Uint8Array(SOCKET_ID_BYTES));
}

/** Reads one socket; undefined when it is too short or of another family. The port is in network order. */
export function decodeDiagSocket(payload: Uint8Array): DiagSocket | undefined {
  if (payload.length < ANSWER_BYTES) return undefined;
  const version = versionOfFamily(payload[0]!);
  if (version === undefined) return undefined;
  return {
    address: payload.slice(8, 8 + addressBytes(version)),
    port: readBe16(payload, 4),
    v6only: new AttributeReader().read(payload, ANSWER_BYTES).u8(ATTRIBUTE_V6_ONLY) === 1,
  };
}
