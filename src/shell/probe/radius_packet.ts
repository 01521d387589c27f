/**
 * RADIUS packets as a probe needs them: Access-Request with PAP (RFC 2865), Status-Server (RFC 5997), and the proof
 * that an answer comes from somebody who knows the secret. Every request carries a Message-Authenticator (RFC 3579,
 * 3.2): servers that heed CVE-2024-3596 (Blast-RADIUS) take no other.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** Codes of packets (RFC 2865, 4; RFC 2866, 4; RFC 5997, 2). */
export const codes = {
  accessRequest: 1,
  accessAccept: 2,
  accessReject: 3,
  accountingResponse: 5,
  accessChallenge: 11,
  statusServer: 12,
} as const;
const attributes = { userName: 1, userPassword: 2, nasIdentifier: 32, messageAuthenticator: 80 };
/** Code, identifier, length, authenticator. */
const HEADER_BYTES = 20;
/** An MD5 digest; PAP hides passwords in blocks of as many bytes (RFC 2865, 5.2). */
const DIGEST_BYTES = 16;
/** Longest packet (RFC 2865, 3). */
export const PACKET_BYTES_MAX = 4_096;
/** Longest value of an attribute, and of a hidden password (RFC 2865, 5 and 5.2). */
const VALUE_BYTES_MAX = 253;
const PASSWORD_BYTES_MAX = 128;
/** How the probe names itself to the server. */
const NAS_IDENTIFIER = "troop";

/** What is asked. */
export interface RadiusQuestion {
  readonly id: number;
  /** 16 random bytes. */
  readonly authenticator: Uint8Array;
  readonly secret: string;
  /** Null asks for the server's status, and nobody logs in. */
  readonly login: { readonly user: string; readonly password: string } | null;
}

/** The packet that asks. Throws when user or password are too long. */
export function encodeRequest({ id, authenticator, secret, login }: RadiusQuestion): Buffer {
  const key = Buffer.from(secret, "utf8");
  const parts = [attribute(attributes.messageAuthenticator, new Uint8Array(DIGEST_BYTES))];
  if (login !== null) {
    parts.push(
      attribute(attributes.userName, Buffer.from(login.user, "utf8")),
      attribute(attributes.userPassword, hidden(login.password, { key, authenticator })),
    );
  }
  parts.push(attribute(attributes.nasIdentifier, Buffer.from(NAS_IDENTIFIER)));
  const code = login === null ? codes.statusServer : codes.accessRequest;
  const packet = Buffer.concat([Buffer.from([code, id, 0, 0]), authenticator, ...parts]);
  packet.writeUInt16BE(packet.length, 2);
  // The first attribute, so that nothing in front of it can be chosen by an attacker.
  createHmac("md5", key).update(packet).digest().copy(packet, HEADER_BYTES + 2);
  return packet;
}

function attribute(type: number, value: Uint8Array): Buffer {
  if (value.length === 0 || value.length > VALUE_BYTES_MAX) {
    throw new RangeError(`user must have 1 to ${VALUE_BYTES_MAX} bytes`);
  }
  return Buffer.concat([Buffer.from([type, value.length + 2]), value]);
}

/** RFC 2865, 5.2: each block is combined with a digest of the secret and the block before. */
function hidden(
  password: string,
  { key, authenticator }: { readonly key: Uint8Array; readonly authenticator: Uint8Array },
): Buffer {
  const plain = Buffer.from(password, "utf8");
  if (plain.length > PASSWORD_BYTES_MAX) {
    throw new RangeError(`password is longer than ${PASSWORD_BYTES_MAX} bytes`);
  }
  const blocks = Math.max(1, Math.ceil(plain.length / DIGEST_BYTES));
  const bytes = Buffer.alloc(blocks * DIGEST_BYTES);
  plain.copy(bytes);
  let before = authenticator;
  for (let from = 0; from < bytes.length; from += DIGEST_BYTES) {
    const mask = createHash("md5").update(key).update(before).digest();
    const block = bytes.subarray(from, from + DIGEST_BYTES);
    for (const [index, byte] of mask.entries()) block[index]! ^= byte;
    before = block;
  }
  return bytes;
}

/** The code of an answer; in words, why a packet is none. */
export function readAnswer(
  packet: Buffer,
  { id, authenticator, secret }: RadiusQuestion,
): number | string {
  if (packet.length < HEADER_BYTES || packet.length > PACKET_BYTES_MAX) {
    return "something that is no RADIUS packet came";
  }
  const length = packet.readUInt16BE(2);
  // What follows the length is padding (RFC 2865, 3).
  if (length < HEADER_BYTES || length > packet.length) {
    return "something that is no RADIUS packet came";
  }
  const answer = packet.subarray(0, length);
  if (answer[1] !== id) return "an answer with another identifier came";
  const key = Buffer.from(secret, "utf8");
  const asked = Buffer.concat([
    answer.subarray(0, 4),
    authenticator,
    answer.subarray(HEADER_BYTES),
  ]);
  const digest = createHash("md5").update(asked).update(key).digest();
  const proven = timingSafeEqual(digest, answer.subarray(4, HEADER_BYTES)) && isSigned(asked, key);
  return proven ? answer[0]! : "an answer that does not prove the secret came";
}

/** Whether the attributes are whole and the Message-Authenticator, if there is one, is right. */
function isSigned(packet: Buffer, key: Uint8Array): boolean {
  for (let at = HEADER_BYTES; at < packet.length;) {
    const length = packet[at + 1] ?? 0;
    if (length < 2 || at + length > packet.length) return false;
    if (packet[at] === attributes.messageAuthenticator) {
      if (length !== DIGEST_BYTES + 2) return false;
      const given = Buffer.from(packet.subarray(at + 2, at + length));
      const zeroed = Buffer.from(packet).fill(0, at + 2, at + length);
      return timingSafeEqual(createHmac("md5", key).update(zeroed).digest(), given);
    }
    at += length;
  }
  return true;
}
