/**
 * The caution: a datagram beside pulses that tells a node why it is not heard.
 *
 * Wire format, network byte order, sealed like a pulse (an `expired` one with the replaced token, which is all
 * its receiver has):
 *
 *     0  4  magic "TRC1"
 *     4  1  kind: 1 expired, 2 twin, 3 forgotten
 *     5  1  flags: 1 the twin itself speaks, 2 it has just started
 *     6  2  the other's port
 *     8  8  receiver's node id
 *    16  8  echo: the receiver's boot, from the pulse this answers; 0 if unknown
 *    24  8  the other's boot
 *    32 16  the other's address (IPv4 mapped)
 *
 * "The other" is the twin's other machine, or the node that answers. It counts only when the echo is the
 * receiver's present boot, so a recording proves nothing. A twin that speaks for itself does not know that boot yet when
 * it begins: it is answered, and thereby learns it.
 */
import { type Ip, ipFamily, ipFromBytes, ipToBytes } from "../address.ts";
import type { NodeId } from "../document/document.ts";

/** Why a node is not heard. `twin`: another machine runs with the same identity. */
export const cautionKinds = ["expired", "twin", "forgotten"] as const;
/** See {@link cautionKinds}. */
export type CautionKind = typeof cautionKinds[number];

/** See the head of this file. */
export interface Caution {
  readonly kind: CautionKind;
  readonly to: NodeId;
  readonly echo: number;
  readonly boot: number;
  readonly address: Ip;
  readonly port: number;
  /** Set when the twin itself speaks: whether it has just started. */
  readonly speaker?: { readonly newcomer: boolean };
}

/** "TRC1". */
export const CAUTION_MAGIC = 0x54524331;
/** Where the receiver's node id is. */
export const CAUTION_TO_OFFSET = 8;
/** Bytes of a caution without its seal. */
export const CAUTION_BYTES = 48;
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** Encodes a caution. */
export function encodeCaution(caution: Caution): Uint8Array {
  const bytes = new Uint8Array(CAUTION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, CAUTION_MAGIC);
  view.setUint8(4, cautionKinds.indexOf(caution.kind) + 1);
  const { speaker } = caution;
  view.setUint8(5, speaker === undefined ? 0 : speaker.newcomer ? 3 : 1);
  view.setUint16(6, caution.port);
  view.setBigUint64(8, BigInt(`0x${caution.to}`));
  view.setBigUint64(16, BigInt(caution.echo));
  view.setBigUint64(24, BigInt(caution.boot));
  const mapped = ipFamily(caution.address) === 4;
  if (mapped) bytes.set(MAPPED_PREFIX, 32);
  bytes.set(ipToBytes(caution.address), mapped ? 44 : 32);
  return bytes;
}

/** Decodes a caution; undefined when the bytes are not exactly one. Never throws. */
export function decodeCaution(bytes: Uint8Array): Caution | undefined {
  if (bytes.length !== CAUTION_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = cautionKinds[view.getUint8(4) - 1];
  const flags = view.getUint8(5);
  const echo = view.getBigUint64(16);
  const boot = view.getBigUint64(24);
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  if (view.getUint32(0) !== CAUTION_MAGIC || kind === undefined || echo > most || boot > most) {
    return undefined;
  }
  return {
    kind,
    to: view.getBigUint64(8).toString(16).padStart(16, "0"),
    echo: Number(echo),
    boot: Number(boot),
    address: ipFromBytes(bytes.subarray(32, 48)),
    port: view.getUint16(6),
    ...((flags & 1) === 0 ? {} : { speaker: { newcomer: (flags & 2) !== 0 } }),
  };
}
