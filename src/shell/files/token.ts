/**
 * The cluster token and the keys made from it. The token is the only secret of a cluster; each use has a
 * key of its own (HKDF, RFC 5869), so that what leaks from one use says nothing about another.
 */
import { hkdfSync, randomBytes } from "node:crypto";
import { TOKEN_PATTERN } from "../../core/config.ts";
import { Refusal } from "../../core/refusal.ts";

/** What a key is for. The words go into the derivation, so changing one changes the wire format. */
export type KeyPurpose = "gossip" | "pulse" | "fingerprint";

/** Bytes of secret in a token, and of every key. */
const KEY_BYTES = 32;
/** Bytes of a fingerprint: enough that two tokens never share one, too few to be a key. */
const FINGERPRINT_BYTES = 8;
const PREFIX = "troop1-";

/** A token with the keys made from it. */
export interface TokenKeys {
  readonly token: string;
  /** Names the token without telling it. */
  readonly fingerprint: string;
  readonly pulse: Uint8Array;
  readonly gossip: Uint8Array;
}

/** A token that is refused now, and recognised so that its bearer can be told. */
export type ReplacedToken = Pick<TokenKeys, "fingerprint" | "pulse">;

/** The tokens of a node: more than one while the cluster changes its token. */
export interface TokenRing {
  /** With which pulses are sealed and connections are encrypted. */
  sends(): TokenKeys;
  /** With which others may do so, the likeliest first. */
  accepts(): readonly TokenKeys[];
  replaced(): readonly ReplacedToken[];
}

/** A fresh token from the system's random source. */
export function newToken(): string {
  return PREFIX + randomBytes(KEY_BYTES).toString("hex");
}

/** The 32-byte key of a token for one purpose. Throws a {@link Refusal} when the text is not a token. */
export function deriveKey(token: string, purpose: KeyPurpose): Uint8Array {
  if (!TOKEN_PATTERN.test(token)) {
    throw new Refusal({
      attempted: "read the cluster token",
      problem: "the text is not a token (troop1- and 64 hexadecimal digits)",
      remedy: "copy it from `troop token` on a member",
      kind: "usage",
    });
  }
  const secret = Buffer.from(token.slice(PREFIX.length), "hex");
  return new Uint8Array(hkdfSync("sha256", secret, "", `troop/1/${purpose}`, KEY_BYTES));
}

/** A token's name that does not tell it. Throws a {@link Refusal} when the text is not a token. */
export function fingerprintOf(token: string): string {
  return Buffer.from(deriveKey(token, "fingerprint")).toString("hex", 0, FINGERPRINT_BYTES);
}

/** The keys of a token. Throws a {@link Refusal} when the text is not a token. */
export function tokenKeys(token: string): TokenKeys {
  return {
    token,
    fingerprint: fingerprintOf(token),
    pulse: deriveKey(token, "pulse"),
    gossip: deriveKey(token, "gossip"),
  };
}

/** A ring of one token that never changes: for `troop join`, and for tests. */
export function singleToken(token: string): TokenRing {
  const keys = tokenKeys(token);
  return { sends: () => keys, accepts: () => [keys], replaced: () => [] };
}
