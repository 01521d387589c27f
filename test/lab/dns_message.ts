/**
 * As much of DNS (RFC 1035, section 4) as a client needs that asks for one TXT record: a query, and the
 * text in the answer to it.
 */

/** The name whose TXT record names the server that answers. */
export const SERVER_NAME = "server.test";

const HEADER_BYTES = 12;
/** Recursion desired, as every stub resolver sets it. */
const FLAGS_QUERY = 0x0100;
const FLAG_RESPONSE = 0x8000;
const RCODE_MASK = 0x000f;
const TYPE_TXT = 16;
const CLASS_IN = 1;
/** The first two bits of a name that goes on elsewhere in the message. */
const POINTER = 0xc0;

/** A query for the TXT record of a name, with an id of 16 bits that its answer will carry. */
export function txtQuery(id: number, name: string): Uint8Array {
  const labels = name.split(".").map((label) => Buffer.from(label, "latin1"));
  const question = Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), label]),
    Buffer.from([0, 0, TYPE_TXT, 0, CLASS_IN]),
  ]);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAGS_QUERY, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, question]);
}

/** The text of the first TXT record in the answer to the query with this id; null when it is none. */
export function txtAnswer(id: number, message: Uint8Array): string | null {
  const bytes = Buffer.from(message);
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== id) return null;
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) === 0 || (flags & RCODE_MASK) !== 0) return null;
  let offset = HEADER_BYTES;
  for (let question = bytes.readUInt16BE(4); question > 0; question -= 1) {
    offset = afterName(bytes, offset) + 4;
  }
  for (let record = bytes.readUInt16BE(6); record > 0; record -= 1) {
    const fixed = afterName(bytes, offset);
    if (fixed + 10 > bytes.length) return null;
    const data = fixed + 10;
    const end = data + bytes.readUInt16BE(fixed + 8);
    if (bytes.readUInt16BE(fixed) === TYPE_TXT && end <= bytes.length && data < end) {
      const text = bytes.subarray(data + 1, data + 1 + bytes[data]!);
      return text.toString("latin1");
    }
    offset = end;
  }
  return null;
}

/** Where the name that begins at an offset ends. */
function afterName(bytes: Uint8Array, start: number): number {
  let offset = start;
  for (;;) {
    const length = bytes[offset] ?? 0;
    if (length >= POINTER) return offset + 2;
    if (length === 0) return offset + 1;
    offset += 1 + length;
  }
}
