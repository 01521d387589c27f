/**
 * The cluster token and the keys made from it. The token is the only secret of a cluster; each use has a
 * key of its own (HKDF, RFC 5869), so that what leaks from one use says nothing about another.
 */
import { hkdfSync, randomBytes } from "node:crypto";
import { TOKEN_PATTERN } from "../core/config.ts";
import { Refusal } from "../core/refusal.ts";

/** What a key is for. The words go into the derivation, so changing one changes the wire format. */
export type KeyPurpose = "gossip" | "pulse";

/** Bytes of secret in a token, and of every key. */
const KEY_BYTES = 32;
const PREFIX = "troop1-";

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

/** The token's pre-shared key in the file format of libp2p private networks (libp2p specs, pnet/Private-Networks-PSK-V1). */
export function privateNetworkKey(token: string): Uint8Array {
  const hex = Buffer.from(deriveKey(token, "gossip")).toString("hex");
  return new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${hex}\n`);
}
