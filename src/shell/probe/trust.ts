/**
 * Whom checks over TLS trust, and the certificates this node shows: the operating system's store, or the files a check
 * names. Files are read again when they have changed, so that a renewed certificate needs no restart.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import {
  createSecureContext,
  getCACertificates,
  rootCertificates,
  type SecureContext,
  type SecureContextOptions,
} from "node:tls";
import type { SecureCheck } from "../../core/check.ts";
import type { Clock } from "../../ports.ts";
import { errorCode } from "../log/notices.ts";

/** Most bytes of a file: Debian's whole store has 220 kB, and reading holds the event loop. */
export const TRUST_FILE_BYTES_MAX = 262_144;
/** How often files are looked at, ms: checks come every few milliseconds, renewals every few weeks. */
const LOOK_MS = 1_000;
/** How long what was read earlier is used while files cannot be, ms: a renewal writes one file after the other. */
const GRACE_MS = 60_000;
/** Kept contexts, the last used ones. One over an own file is small; there is one per set of files. */
const KEPT_MAX = 64;

/** The files of a check. */
export type TrustFiles = Pick<SecureCheck, "authority" | "certificate" | "key">;

interface Kept {
  readonly context: SecureContext;
  /** Of the files it was made from. */
  readonly stamp: string;
  lookedMs: number;
  /** When the files were found unusable; null while they are well. */
  brokenMs: number | null;
}

/**
 * Whom the program trusts: those of the operating system, where a private authority is installed too; on a system
 * without any, those built into the runtime. `extra` are further certificates, PEM.
 */
export function systemAuthorities(extra: readonly string[] = []): string[] {
  const system = getCACertificates("system");
  return [...(system.length > 0 ? system : rootCertificates), ...extra];
}

/** Gives the contexts of checks, made once and kept. `authorities` are trusted besides the system's, PEM. */
export function createTrust(
  clock: Pick<Clock, "now">,
  authorities: readonly string[] = [],
): (files: TrustFiles) => SecureContext {
  const kept = new Map<string, Kept>();
  let system: SecureContext | undefined;
  return (files) => {
    const { authority, certificate, key } = files;
    if (authority === null && certificate === null && key === null) {
      return system ??= createSecureContext({ ca: systemAuthorities(authorities) });
    }
    const name = JSON.stringify([authority, certificate, key]);
    const found = refreshed(kept.get(name), files, { nowMs: clock.now(), authorities });
    // Moved to the end, so that the first is always the one unused for longest.
    kept.delete(name);
    kept.set(name, found);
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_MAX) break;
      kept.delete(oldest);
    }
    return found.context;
  };
}

/** In words why the files of a check cannot be used: unreadable, no certificates, a key of another one. */
export function trustProblem(files: TrustFiles): string | undefined {
  try {
    make(files, []);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function refreshed(
  old: Kept | undefined,
  files: TrustFiles,
  { nowMs, authorities }: { readonly nowMs: number; readonly authorities: readonly string[] },
): Kept {
  if (old !== undefined && nowMs - old.lookedMs < LOOK_MS) return old;
  try {
    const stamp = stampOf(files);
    if (old === undefined || old.stamp !== stamp) {
      return { context: make(files, authorities), stamp, lookedMs: nowMs, brokenMs: null };
    }
    old.brokenMs = null;
  } catch (error) {
    if (old === undefined) throw error;
    old.brokenMs ??= nowMs;
    if (nowMs - old.brokenMs > GRACE_MS) throw error;
  }
  old.lookedMs = nowMs;
  return old;
}

function make(
  { authority, certificate, key }: TrustFiles,
  authorities: readonly string[],
): SecureContext {
  const ca = authority === null ? systemAuthorities(authorities) : certificatesIn(authority);
  const options: SecureContextOptions = { ca };
  if (certificate === null && key !== null) {
    throw new Error(`key ${key} has no certificate: name its file too`);
  }
  if (certificate !== null) {
    options.cert = certificatesIn(certificate).join("\n");
    options.key = keyFor(options.cert, certificate, key ?? certificate);
  }
  return createSecureContext(options);
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Every one of them is looked at: the runtime passes over what it cannot read after the first. */
function certificatesIn(path: string): string[] {
  const found = readText(path).match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new Error(`${path} has no certificate in PEM form`);
  for (const [index, text] of found.entries()) {
    try {
      new X509Certificate(text);
    } catch {
      throw new Error(`certificate ${index + 1} in ${path} cannot be read`);
    }
  }
  return found;
}

/** The key in a file, which must be that of the first certificate. */
function keyFor(certificates: string, certificate: string, path: string): string {
  const text = readText(path);
  let own: boolean;
  try {
    own = new X509Certificate(certificates).checkPrivateKey(createPrivateKey(text));
  } catch (error) {
    throw new Error(
      errorCode(error) === "ERR_MISSING_PASSPHRASE"
        ? `the key in ${path} is encrypted: a check cannot ask for its passphrase`
        : `${path} has no private key in PEM form`,
    );
  }
  if (!own) throw new Error(`the key in ${path} is not that of the certificate in ${certificate}`);
  return text;
}

function readText(path: string): string {
  const { size } = statFile(path);
  if (size > TRUST_FILE_BYTES_MAX) {
    throw new Error(`${path} has more than ${TRUST_FILE_BYTES_MAX} bytes`);
  }
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path} cannot be read: ${errorCode(error) || String(error)}`);
  }
}

/** A pipe or device would hold the event loop. */
function statFile(path: string): { readonly size: number; readonly stamp: string } {
  let stats;
  try {
    stats = statSync(path);
  } catch (error) {
    throw new Error(`${path} cannot be read: ${errorCode(error) || String(error)}`);
  }
  if (!stats.isFile()) throw new Error(`${path} is not a file`);
  return { size: stats.size, stamp: `${stats.ino} ${stats.size} ${stats.mtimeMs}` };
}

function stampOf({ authority, certificate, key }: TrustFiles): string {
  return [authority, certificate, key]
    .map((path) => (path === null ? "" : statFile(path).stamp)).join("\n");
}
