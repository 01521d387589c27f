/**
 * Who this node is: an Ed25519 key made at the first start and kept for ever, the node id that follows from
 * it, and a boot number that grows with every start, even when the clock goes backwards.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey } from "@libp2p/interface";
import type { NodeId } from "../../core/document/document.ts";
import { BOOT_MAX } from "../../core/limits.ts";
import { errorText, NO_NOTICES, type Notices } from "../log/notices.ts";
import type { StateFolder } from "./state_folder.ts";
import { newerFormat } from "./state_json.ts";

/** A node's identity in one run of the agent. */
export interface Identity {
  readonly id: NodeId;
  /** libp2p peer id, for {@link NodeRecord.peer}. */
  readonly peer: string;
  readonly privateKey: Ed25519PrivateKey;
  /** Higher than the boot number of every earlier start of this node, at most {@link BOOT_MAX}. */
  readonly boot: number;
}

/** See {@link openIdentity}. */
export interface IdentityOptions {
  readonly notices?: Notices;
  /** Wall clock, ms since 1970. */
  readonly wallMs?: () => number;
}

/** Name of the file with the key, in the state folder. */
export const IDENTITY_FILE = "identity";
/** Bytes of an Ed25519 seed, which is the first half of the private key's raw bytes (RFC 8032, 5.1.5). */
export const SEED_BYTES = 32;
const BOOT_FILE = "boot";
/** An Ed25519 seed (RFC 8032, 5.1.5) in hexadecimal behind a word that names its kind and version. */
const KEY_PATTERN = /^troop-identity-1 ([0-9a-f]{64})\n$/;
/** A kind of identity that this version does not know. */
const NEWER_KEY = /^troop-identity-([2-9]|\d{2,4}) /;
const BOOT_PATTERN = /^(\d{1,16})\n$/;

/** Reads or makes the key, and takes the next boot number, which is on disk before this resolves if the disk takes it. Rejects with a Refusal when a new key cannot be saved. */
export async function openIdentity(
  folder: StateFolder,
  { notices = NO_NOTICES, wallMs = Date.now }: IdentityOptions = {},
): Promise<Identity> {
  const seed = readSeed(folder, notices) ?? createSeed(folder);
  const privateKey = await generateKeyPairFromSeed("Ed25519", seed);
  return {
    id: nodeIdOf(privateKey.publicKey.raw),
    peer: privateKey.publicKey.toString(),
    privateKey,
    boot: takeBoot(folder, wallMs(), notices),
  };
}

/** The node id of a raw Ed25519 public key: the first 16 hexadecimal digits of its SHA-256. */
export function nodeIdOf(publicKey: Uint8Array): NodeId {
  return createHash("sha256").update(publicKey).digest("hex").slice(0, 16);
}

function readSeed(folder: StateFolder, notices: Notices): Uint8Array | undefined {
  const bytes = folder.read(IDENTITY_FILE);
  if (bytes === null) return undefined;
  const text = new TextDecoder().decode(bytes);
  const match = KEY_PATTERN.exec(text);
  if (match?.[1] === undefined) {
    const newer = NEWER_KEY.exec(text)?.[1];
    if (newer !== undefined) throw newerFormat(IDENTITY_FILE, newer);
    folder.setAside(IDENTITY_FILE, "not a node identity");
    return undefined;
  }
  const file = join(folder.path, IDENTITY_FILE);
  if ((statSync(file).mode & 0o077) !== 0) {
    chmodSync(file, 0o600);
    notices.warn({ file }, "the node's key was readable by others: closed it");
  }
  return Buffer.from(match[1], "hex");
}

function createSeed(folder: StateFolder): Uint8Array {
  const seed = randomBytes(SEED_BYTES);
  folder.writeNow(
    IDENTITY_FILE,
    new TextEncoder().encode(`troop-identity-1 ${seed.toString("hex")}\n`),
  );
  return seed;
}

/** Takes the next boot number, and puts it on disk; without, where the clock alone makes it the highest. */
export function takeBoot(folder: StateFolder, wallMs: number, notices: Notices): number {
  const last = readBoot(folder);
  const boot = Math.max(last + 1, Math.floor(wallMs));
  try {
    folder.writeNow(BOOT_FILE, new TextEncoder().encode(`${boot}\n`));
  } catch (error) {
    // A full disk must not keep a node away while the clock alone tells one start from the next.
    if (boot > wallMs) throw error;
    notices.warn({ problem: errorText(error) }, "cannot save the boot number; goes on without");
  }
  return boot;
}

function readBoot(folder: StateFolder): number {
  const bytes = folder.read(BOOT_FILE);
  if (bytes === null) return 0;
  const last = Number(BOOT_PATTERN.exec(new TextDecoder().decode(bytes))?.[1] ?? Number.NaN);
  if (last < BOOT_MAX) return last;
  folder.setAside(BOOT_FILE, "not a boot number");
  return 0;
}
