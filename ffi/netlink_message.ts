/**
 * The netlink message (linux/netlink.h): a 16-byte header, a payload, padding to four bytes.
 * Several messages follow each other in one datagram, in both directions.
 */
import { readI32, readU16, readU32, writeU32 } from "./bytes.ts";
import { attributeText, findAttributes } from "./netlink_attribute.ts";

/** struct nlmsghdr: length, type, flags, sequence, port. */
export const NETLINK_HEADER_BYTES = 16;

/** NLMSG_*: message types every protocol shares. */
export const messageTypes = { error: 2, done: 3 } as const;

/** NLM_F_*: what the sender wants, and what the kernel tells about an answer. */
export const messageFlags = {
  request: 0x1,
  acknowledge: 0x4,
  /** The dump ran while the table changed: entries may be missing. */
  dumpInterrupted: 0x10,
  /** An error message carries only the header of the request. */
  capped: 0x100,
  /** An error message carries attributes behind the request (NLMSGERR_ATTR_*). */
  acknowledgeAttributes: 0x200,
  /** NLM_F_ROOT | NLM_F_MATCH. */
  dump: 0x300,
  replace: 0x100,
  create: 0x400,
} as const;

/** A message to send; sequence number and NLM_F_REQUEST are the socket's business. */
export interface OutgoingMessage {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** A message as received. `payload` is a view into the datagram. */
export interface IncomingMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Space a message of this payload takes in a datagram. */
export function messageBytes(payloadBytes: number): number {
  return align(NETLINK_HEADER_BYTES + payloadBytes);
}

/** The next multiple of four (NLMSG_ALIGN, NLA_ALIGN). */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** Writes a message at `offset` of `target` and returns where the next one starts. Sending port 0: the kernel knows the sender. */
export function encodeMessage(
  message: OutgoingMessage,
  target: Uint8Array,
  place: { readonly offset: number; readonly sequence: number },
): number {
  const { offset, sequence } = place;
  const length = NETLINK_HEADER_BYTES + message.payload.length;
  writeU32(target, length, offset);
  writeU32(target, message.type | (message.flags << 16), offset + 4);
  writeU32(target, sequence, offset + 8);
  writeU32(target, 0, offset + 12);
  target.set(message.payload, offset + NETLINK_HEADER_BYTES);
  target.fill(0, offset + length, offset + align(length));
  return offset + align(length);
}

/** The messages of one datagram; undefined when a length points outside of it. */
export function decodeMessages(datagram: Uint8Array): IncomingMessage[] | undefined {
  const messages: IncomingMessage[] = [];
  let offset = 0;
  while (offset + NETLINK_HEADER_BYTES <= datagram.length) {
    const length = readU32(datagram, offset);
    if (length < NETLINK_HEADER_BYTES || offset + length > datagram.length) return undefined;
    messages.push({
      type: readU16(datagram, offset + 4),
      flags: readU16(datagram, offset + 6),
      sequence: readU32(datagram, offset + 8),
      payload: datagram.subarray(offset + NETLINK_HEADER_BYTES, offset + length),
    });
    offset += align(length);
  }
  return messages;
}

/** An acknowledgement: errno (0 is success) and the kernel's own words, if any. */
export interface Acknowledgement {
  readonly errno: number;
  readonly text: string;
}

/** NLMSGERR_ATTR_MSG. */
const ERROR_ATTRIBUTE_TEXT = 1;

/** Reads the payload of an NLMSG_ERROR (struct nlmsgerr and the attributes behind it). The kernel sends errno negated. */
export function decodeAcknowledgement(message: IncomingMessage): Acknowledgement {
  const errno = -readI32(message.payload) || 0;
  if ((message.flags & messageFlags.acknowledgeAttributes) === 0) return { errno, text: "" };
  const request = (message.flags & messageFlags.capped) !== 0
    ? NETLINK_HEADER_BYTES
    : align(readU32(message.payload, 4));
  const at = findAttributes(message.payload, 4 + request)[ERROR_ATTRIBUTE_TEXT]!;
  return { errno, text: attributeText(message.payload, at) };
}
