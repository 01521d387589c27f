/**
 * The netlink message (linux/netlink.h): a 16-byte header, a payload, padding to four bytes.
 * Several messages follow each other in one datagram, in both directions.
 */
import { readI32, readU16, readU32 } from "./bytes.ts";
import { AttributeReader, type AttributeWriter } from "./netlink_attribute.ts";

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
  exclusive: 0x200,
  create: 0x400,
} as const;

/** Type and flags of a message to send. */
export interface MessageKind {
  readonly type: number;
  readonly flags: number;
}

/** A message as received. `payload` is a view into the datagram. */
export interface IncomingMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** The next multiple of four (NLMSG_ALIGN, NLA_ALIGN). */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/**
 * Appends the header of a message and returns where it begins; what is appended until {@link endMessage} is its
 * payload. The sending port is 0: the kernel knows the sender.
 */
export function beginMessage(
  writer: AttributeWriter,
  kind: MessageKind,
  sequence: number,
): number {
  const start = writer.length;
  writer.word(0).word(kind.type | (kind.flags << 16)).word(sequence).word(0);
  return start;
}

/** Writes the length into the header. Attributes and structures are padded, so the message is too. */
export function endMessage(writer: AttributeWriter, start: number): void {
  writer.overwrite(start, writer.length - start);
}

/** The messages of a datagram that fills the first `end` bytes; undefined when a length points outside of it. */
export function decodeMessages(
  datagram: Uint8Array,
  end: number = datagram.length,
): IncomingMessage[] | undefined {
  const messages: IncomingMessage[] = [];
  let offset = 0;
  while (offset + NETLINK_HEADER_BYTES <= end) {
    const length = readU32(datagram, offset);
    if (length < NETLINK_HEADER_BYTES || offset + length > end) return undefined;
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
  const found = new AttributeReader().read(message.payload, 4 + request);
  return { errno, text: found.text(ERROR_ATTRIBUTE_TEXT) };
}
