/**
 * The seal of a pulse: HMAC-SHA256 over the pulse and the address it is sent to, cut to 16 bytes
 * (RFC 2104, section 5, allows half the hash). Who has no token cannot forge one.
 *
 * The destination is sealed too, so a pulse recorded on one heartbeat path proves nothing when it is
 * replayed on the other.
 *
 * Two nodes that know each other's keys put a second seal inside, with the key of the two: who has the token only cannot
 * forge that one. Versions without such keys pass it over, as they do all that follows the claims.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { type Ip, ipToBytes } from "../../core/address.ts";
import type { DatagramShape } from "../../../ffi/mod.ts";
import { CAUTION_BYTES, CAUTION_MAGIC, CAUTION_TO_OFFSET } from "../../core/cluster/caution.ts";
import type { NodeId } from "../../core/document/document.ts";
import { PULSE_BYTES_MAX, PULSE_MAGIC, PULSE_TO_OFFSET } from "../../core/cluster/pulse.ts";

/** Bytes the seal adds. */
export const SEAL_BYTES = 16;
/** Largest datagram that can be a pulse, bytes. */
export const DATAGRAM_BYTES_MAX = PULSE_BYTES_MAX + SEAL_BYTES;

/** What datagrams for this node look like before anything else is known of them. */
export function datagramShape(id: NodeId): DatagramShape {
  const high = Number.parseInt(id.slice(0, 8), 16);
  const low = Number.parseInt(id.slice(8), 16);
  const kind = (magic: number, to: number) =>
    new Map([[0, magic], [to, high], [to + 4, low]] as const);
  return {
    bytesMin: CAUTION_BYTES + SEAL_BYTES,
    bytesMax: DATAGRAM_BYTES_MAX,
    kinds: [kind(PULSE_MAGIC, PULSE_TO_OFFSET), kind(CAUTION_MAGIC, CAUTION_TO_OFFSET)],
  };
}

/** Puts the seal behind the bytes of a pulse that goes to `destination`. */
export function sealPulse(key: Uint8Array, destination: Ip, pulse: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(pulse.length + SEAL_BYTES);
  sealed.set(pulse);
  sealed.set(computeSeal(key, destination, pulse), pulse.length);
  return sealed;
}

/** The first key under which the datagram's seal is right, and the pulse inside; undefined when there is none. */
export function unsealWithAny<Keys extends { readonly pulse: Uint8Array }>(
  keys: readonly Keys[],
  destination: Ip,
  datagram: Uint8Array,
): { readonly keys: Keys; readonly pulse: Uint8Array } | undefined {
  for (const one of keys) {
    const pulse = unsealPulse(one.pulse, destination, datagram);
    if (pulse !== undefined) return { keys: one, pulse };
  }
  return undefined;
}

/** The pulse inside a sealed datagram that arrived at `destination`; undefined when the seal is not right. */
export function unsealPulse(
  key: Uint8Array,
  destination: Ip,
  datagram: Uint8Array,
): Uint8Array | undefined {
  if (datagram.length <= SEAL_BYTES) return undefined;
  const pulse = datagram.subarray(0, datagram.length - SEAL_BYTES);
  const seal = datagram.subarray(pulse.length);
  return timingSafeEqual(seal, computeSeal(key, destination, pulse)) ? pulse : undefined;
}

/** Whether the seal behind the first `end` bytes is right; what follows it is a later version's. */
export function hasSeal(
  key: Uint8Array,
  destination: Ip,
  { bytes, end }: { readonly bytes: Uint8Array; readonly end: number },
): boolean {
  return bytes.length >= end + SEAL_BYTES &&
    unsealPulse(key, destination, bytes.subarray(0, end + SEAL_BYTES)) !== undefined;
}

function computeSeal(key: Uint8Array, destination: Ip, pulse: Uint8Array): Uint8Array {
  const hmac = createHmac("sha256", key).update(ipToBytes(destination)).update(pulse);
  return hmac.digest().subarray(0, SEAL_BYTES);
}
