/**
 * A key for each pair of nodes, so that a member cannot pulse in another's name: the cluster's key, which every member
 * has, only keeps strangers out.
 *
 * Each node makes an X25519 key (RFC 7748) from its identity and tells the public half in its record, which gossip signs.
 * Two nodes then have a secret that nobody else can have, without a message more. Signing every pulse instead would do
 * the same at another price: with this runtime one check of an Ed25519 signature takes some 250 µs, a quarter of a
 * processor at the thousand pulses a second of a hundred nodes; a keyed hash takes 4 µs, and the secret of a pair some
 * 160 µs, once.
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { NODES_MAX } from "../../core/limits.ts";

/** The keys of one node. */
export interface PulseKeys {
  /** The public half, for {@link NodeRecord.pulseKey}. */
  readonly publicKey: string;
  /** The key shared with the node that told this public half; undefined when it is none that can be used. */
  sharedWith(publicKey: string): Uint8Array | undefined;
}

const KEY_BYTES = 32;
/** What comes before the 32 bytes of a key in PKCS #8 and SubjectPublicKeyInfo (RFC 8410, section 7 and 4). */
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b656e032100", "hex");
/** Shared keys kept: those of every member, and as many again of members that came with a new identity. */
const SHARED_MAX = 2 * NODES_MAX;

/** Makes the keys that belong to an identity. `secret`: its Ed25519 seed. */
export function pulseKeys(secret: Uint8Array): PulseKeys {
  const scalar = derive(secret, "troop/1/pulse identity");
  const own = createPrivateKey({
    key: Buffer.concat([PRIVATE_PREFIX, scalar]),
    format: "der",
    type: "pkcs8",
  });
  const encoded = createPublicKey(own as never).export({ format: "der", type: "spki" });
  const publicKey = encoded.subarray(PUBLIC_PREFIX.length).toString("hex");
  const shared = new Map<string, Uint8Array | undefined>();
  return {
    publicKey,
    sharedWith(other) {
      if (shared.has(other)) return shared.get(other);
      const [oldest] = shared.keys();
      if (shared.size >= SHARED_MAX && oldest !== undefined) shared.delete(oldest);
      const key = agree(own, [publicKey, other]);
      shared.set(other, key);
      return key;
    },
  };
}

/** Both public halves go into the key: it is of this pair, whatever the curve makes of odd points. */
function agree(own: KeyObject, [publicKey, other]: [string, string]): Uint8Array | undefined {
  try {
    const theirs = createPublicKey({
      key: Buffer.concat([PUBLIC_PREFIX, Buffer.from(other, "hex")]),
      format: "der",
      type: "spki",
    });
    const secret = diffieHellman({ privateKey: own, publicKey: theirs });
    return derive(secret, `troop/1/pulse pair ${[publicKey, other].sort().join(" ")}`);
  } catch {
    // Too short, or a point of small order: the library refuses what would make a secret that everybody knows.
    return undefined;
  }
}

function derive(secret: Uint8Array, use: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "", use, KEY_BYTES));
}
