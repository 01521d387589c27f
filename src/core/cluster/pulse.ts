/**
 * The pulse: the small UDP datagram that says "I live, and I hold these VIPs".
 *
 * Wire format, network byte order, always followed by a 16-byte truncated HMAC-SHA256 with the cluster's key, and before
 * that by one with the key of sender and receiver if both have told theirs (`shell/pulse/pulse_seal.ts`):
 *
 *     0  4  magic "TRP1"
 *     4  1  flags: 1 leaving, 2 ask (answer at once), 4 starting (no verdicts yet), 8 and 16 gateway witness
 *           (0 none, 1 answers, 2 in doubt, 3 silent), 32 deaf (the sender does not hear the receiver)
 *     5  1  number of claims n
 *     6  2  interval, ms: when the next pulse to this receiver is promised
 *     8  8  sender's node id
 *    16  8  receiver's node id
 *    24  8  sender's boot
 *    32  8  sequence, grows with every pulse of one boot
 *    40  8  echo: the receiver's boot as the sender knows it, 0 if unknown
 *    48 20n claims: VIP (16 bytes, IPv4 mapped) and epoch (4 bytes)
 *
 * Flags not named here, and up to 48 bytes behind the claims, the first seal counted, are a later version's: they are
 * passed over.
 *
 * A pulse proves life only when its echo is the receiver's present boot: a recording replayed to a node
 * that has just started cannot know that number.
 */
import { type Ip, ipFamily, ipFromBytes, ipToBytes } from "../address.ts";
import type { NodeId } from "../document/document.ts";
import { type WitnessView, witnessViews } from "../state/gateway_witness.ts";
import { BOOT_MAX, EPOCH_MAX, PULSE_CLAIMS_MAX } from "../limits.ts";

/** A node's claim on a VIP. `yielding`: the claimer is ready for its successor to claim. */
export interface Claim {
  /** One above the highest epoch the claimer had seen; at most {@link EPOCH_MAX}. */
  readonly epoch: number;
  readonly yielding: boolean;
}

/** See the head of this file. */
export interface Pulse {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly boot: number;
  readonly sequence: number;
  readonly echo: number;
  readonly intervalMs: number;
  readonly leaving: boolean;
  readonly ask: boolean;
  readonly starting: boolean;
  /** The sender does not hear the receiver: it takes it for dead. */
  readonly deaf: boolean;
  /** The sender's gateway witness. */
  readonly witness: WitnessView;
  readonly claims: ReadonlyMap<Ip, Claim>;
}

/** "TRP1". */
export const PULSE_MAGIC = 0x54525031;
/** Where the receiver's node id is. */
export const PULSE_TO_OFFSET = 16;
const HEADER_BYTES = 48;
const CLAIM_BYTES = 20;
/** Bytes a later version may put behind the claims: with seal and headers the pulse still fits 1,280 (RFC 8200, section 5). */
const LATER_BYTES_MAX = 48;
/** Largest pulse without its seal, bytes. */
export const PULSE_BYTES_MAX = HEADER_BYTES + CLAIM_BYTES * PULSE_CLAIMS_MAX + LATER_BYTES_MAX;
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** Encodes a pulse. Claims beyond {@link PULSE_CLAIMS_MAX} are a programmer's error and throw. */
export function encodePulse(pulse: Pulse): Uint8Array {
  if (pulse.claims.size > PULSE_CLAIMS_MAX) {
    throw new RangeError(
      `encode pulse: ${pulse.claims.size} claims, at most ${PULSE_CLAIMS_MAX} fit`,
    );
  }
  const bytes = new Uint8Array(pulseEnd(pulse));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PULSE_MAGIC);
  view.setUint8(4, flagsOf(pulse));
  view.setUint8(5, pulse.claims.size);
  view.setUint16(6, pulse.intervalMs);
  view.setBigUint64(8, BigInt(`0x${pulse.from}`));
  view.setBigUint64(16, BigInt(`0x${pulse.to}`));
  view.setBigUint64(24, BigInt(pulse.boot));
  view.setBigUint64(32, BigInt(pulse.sequence));
  view.setBigUint64(40, BigInt(pulse.echo));
  let offset = HEADER_BYTES;
  for (const [vip, claim] of pulse.claims) {
    if (ipFamily(vip) === 4) bytes.set(MAPPED_PREFIX, offset);
    bytes.set(ipToBytes(vip), offset + (ipFamily(vip) === 4 ? 12 : 0));
    view.setUint32(offset + 16, ((claim.yielding ? 0x8000_0000 : 0) | claim.epoch) >>> 0);
    offset += CLAIM_BYTES;
  }
  return bytes;
}

/** Decodes a pulse; undefined when the bytes are not one well-formed pulse, of this version or a later one. Never throws. */
export function decodePulse(bytes: Uint8Array): Pulse | undefined {
  if (bytes.length < HEADER_BYTES || bytes.length > PULSE_BYTES_MAX) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint8(5);
  const flags = view.getUint8(4);
  const end = HEADER_BYTES + CLAIM_BYTES * count;
  if (view.getUint32(0) !== PULSE_MAGIC || count > PULSE_CLAIMS_MAX) return undefined;
  if (bytes.length < end || bytes.length > end + LATER_BYTES_MAX) return undefined;
  const boot = safeInteger(view.getBigUint64(24));
  const sequence = safeInteger(view.getBigUint64(32));
  const echo = safeInteger(view.getBigUint64(40));
  if (boot === undefined || boot > BOOT_MAX || sequence === undefined || echo === undefined) {
    return undefined;
  }
  const claims = new Map<Ip, Claim>();
  for (let offset = HEADER_BYTES; offset < end; offset += CLAIM_BYTES) {
    const word = view.getUint32(offset + 16);
    claims.set(ipFromBytes(bytes.subarray(offset, offset + 16)), {
      epoch: word & EPOCH_MAX,
      yielding: word > EPOCH_MAX,
    });
  }
  if (claims.size !== count) return undefined;
  return {
    from: hexId(view.getBigUint64(8)),
    to: hexId(view.getBigUint64(16)),
    boot,
    sequence,
    echo,
    intervalMs: view.getUint16(6),
    leaving: (flags & 1) !== 0,
    ask: (flags & 2) !== 0,
    starting: (flags & 4) !== 0,
    deaf: (flags & 32) !== 0,
    witness: witnessViews[(flags >> 3) & 3] as WitnessView,
    claims,
  };
}

/** Where the claims of a pulse end. */
export function pulseEnd({ claims }: Pick<Pulse, "claims">): number {
  return HEADER_BYTES + CLAIM_BYTES * claims.size;
}

/** Whether the bytes begin as a pulse does: a cheap look before dearer ones. */
export function looksLikePulse(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES &&
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0) === PULSE_MAGIC;
}

function flagsOf({ leaving, ask, starting, deaf, witness }: Pulse): number {
  const bits = (leaving ? 1 : 0) | (ask ? 2 : 0) | (starting ? 4 : 0) | (deaf ? 32 : 0);
  return bits | (witnessViews.indexOf(witness) << 3);
}

function hexId(value: bigint): NodeId {
  return value.toString(16).padStart(16, "0");
}

function safeInteger(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

/** Whether two pulses claim the same VIPs in the same way. */
export function sameClaims(a: Pulse["claims"], b: Pulse["claims"]): boolean {
  if (a.size !== b.size) return false;
  for (const [vip, claim] of a) {
    const other = b.get(vip);
    if (other === undefined || other.epoch !== claim.epoch || other.yielding !== claim.yielding) {
      return false;
    }
  }
  return true;
}
