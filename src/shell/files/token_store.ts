/**
 * The tokens of this node on its disk: the one it sends with, those it accepts, those that were replaced, and the
 * rotation it knows. Every step is on disk before anybody is told of it, so that an agent that ends in the
 * middle of a rotation goes on where it was.
 *
 * The token in troop.yaml follows behind. At a start the store counts while the file's token is one it knows, and
 * the file is mended; a token it does not know is an operator's, who joins anew.
 */
import { z } from "zod";
import { TOKEN_PATTERN } from "../../core/config.ts";
import { Refusal } from "../../core/refusal.ts";
import {
  fingerprintSchema,
  type Rotation,
  rotationSchema,
  TOKENS_MAX,
} from "../../core/cluster/token_facts.ts";
import type { TokenKeeper } from "../../ports.ts";
import { errorText, type Notices } from "../log/notices.ts";
import type { StateFolder } from "./state_folder.ts";
import { refuseNewerFormat } from "./state_json.ts";
import { type ReplacedToken, type TokenKeys, tokenKeys, type TokenRing } from "./token.ts";

const FILE = "tokens.json";
/** Replaced tokens that are recognised: enough for a machine that was in a cupboard for a year of quarterly changes. */
const REPLACED_MAX = 4;

const tokenSchema = z.string().regex(TOKEN_PATTERN);
const fileSchema = z.object({
  format: z.literal(1),
  sends: tokenSchema,
  accepts: z.array(tokenSchema).min(1).max(TOKENS_MAX),
  rotation: rotationSchema.nullable(),
  replaced: z.array(z.object({
    fingerprint: fingerprintSchema,
    pulse: z.string().regex(/^[0-9a-f]{64}$/),
  })).max(REPLACED_MAX),
});

/** See the head of this file. Every change resolves when it is on disk, and rejects with a Refusal when the disk refuses. */
export interface TokenStore extends TokenRing, TokenKeeper {
  /** The token of this fingerprint, if this node accepts it. */
  tokenOf(fingerprint: string): string | undefined;
}

/** How to open the store. */
export interface TokenStoreOptions {
  /** The token in the node's file. */
  readonly configured: string;
  /** Writes another token into that file; throws when it cannot. */
  readonly writeConfigured: (token: string) => void;
  readonly notices: Notices;
}

interface Tokens {
  readonly sends: TokenKeys;
  readonly accepts: readonly TokenKeys[];
  readonly rotation: Rotation | null;
  readonly replaced: readonly ReplacedToken[];
}

/** Opens the store; a damaged file is set aside, and the node's file counts. */
export function openTokenStore(folder: StateFolder, options: TokenStoreOptions): TokenStore {
  let tokens = readTokens(folder, options);
  let last: Promise<void> = Promise.resolve();
  mendConfigured(tokens, options.configured, options);
  /** Changes take turns; each is made of what the one before it left, and counts when it is on disk. */
  function change(make: (now: Tokens) => Tokens | null): Promise<void> {
    const turn = last.then(async () => {
      const next = make(tokens);
      if (next === null) return;
      await folder.write(FILE, encode(next));
      const before = tokens;
      tokens = next;
      if (next.sends !== before.sends) mendConfigured(next, before.sends.token, options);
    });
    last = turn.catch(() => {});
    return turn;
  }
  return {
    sends: () => tokens.sends,
    accepts: () => tokens.accepts,
    replaced: () => tokens.replaced,
    facts: () => ({
      sends: tokens.sends.fingerprint,
      accepts: tokens.accepts.map((keys) => keys.fingerprint),
      rotation: tokens.rotation,
    }),
    begin: (rotation, token) => change((now) => accepting({ ...now, rotation }, token)),
    async take(token) {
      const { fingerprint } = tokenKeys(token);
      if (tokens.rotation?.target !== fingerprint) return false;
      await change((now) => accepting(now, token));
      return true;
    },
    use: () => change(using),
    retire: () => change(retiring),
    tokenOf: (fingerprint) =>
      tokens.accepts.find((keys) => keys.fingerprint === fingerprint)?.token,
  };
}

function accepting(now: Tokens, token: string | undefined): Tokens {
  if (token === undefined) return now;
  const keys = tokenKeys(token);
  const others = now.accepts.filter((one) => one.fingerprint !== keys.fingerprint);
  // The one it sends with is kept, whatever else has to go.
  const kept = others.filter((one) => one !== now.sends).slice(0, TOKENS_MAX - 2);
  return {
    ...now,
    accepts: [...others.filter((one) => one === now.sends), keys, ...kept],
    replaced: now.replaced.filter((one) => one.fingerprint !== keys.fingerprint),
  };
}

function using(now: Tokens): Tokens | null {
  const keys = now.accepts.find((one) => one.fingerprint === now.rotation?.target);
  if (keys === undefined || keys === now.sends) return null;
  return { ...now, sends: keys, accepts: [keys, ...now.accepts.filter((one) => one !== keys)] };
}

function retiring(now: Tokens): Tokens | null {
  if (now.sends.fingerprint !== now.rotation?.target || now.accepts.length === 1) return null;
  const retired = now.accepts.filter((one) => one !== now.sends);
  return {
    ...now,
    accepts: [now.sends],
    replaced: [...retired, ...now.replaced].slice(0, REPLACED_MAX),
  };
}

/** The node's file may lie on a disk that cannot be written: the node works on, and somebody is told. */
function mendConfigured(tokens: Tokens, configured: string, options: TokenStoreOptions): void {
  if (configured === tokens.sends.token) return;
  try {
    options.writeConfigured(tokens.sends.token);
  } catch (error) {
    options.notices.warn(
      { problem: errorText(error) },
      "cannot write the new token into troop.yaml, where `troop token` reads it; make the file writable and restart this agent",
    );
  }
}

function readTokens(folder: StateFolder, { configured, notices }: TokenStoreOptions): Tokens {
  const keys = tokenKeys(configured);
  const fresh: Tokens = { sends: keys, accepts: [keys], rotation: null, replaced: [] };
  const stored = readStored(folder);
  if (stored === undefined) return fresh;
  const known = stored.accepts.some((one) => one.token === configured);
  if (known) return stored;
  if (!stored.replaced.some((one) => one.fingerprint === keys.fingerprint)) return fresh;
  notices.warn({}, "the token in troop.yaml was replaced; uses the one that replaced it");
  return stored;
}

function readStored(folder: StateFolder): Tokens | undefined {
  const bytes = folder.read(FILE);
  if (bytes === null) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    refuseNewerFormat(FILE, value);
    const file = fileSchema.parse(value);
    const accepts = file.accepts.map(tokenKeys);
    const sends = accepts.find((one) => one.token === file.sends);
    if (sends === undefined) throw new Error("it sends with a token it does not accept");
    return {
      sends,
      accepts,
      rotation: file.rotation,
      replaced: file.replaced.map(({ fingerprint, pulse }) => ({
        fingerprint,
        pulse: new Uint8Array(Buffer.from(pulse, "hex")),
      })),
    };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // The content is secret: only its kind is told.
    folder.setAside(FILE, "not a list of tokens");
    return undefined;
  }
}

function encode({ sends, accepts, rotation, replaced }: Tokens): Uint8Array {
  const file: z.infer<typeof fileSchema> = {
    format: 1,
    sends: sends.token,
    accepts: accepts.map((keys) => keys.token),
    rotation,
    replaced: replaced.map(({ fingerprint, pulse }) => ({
      fingerprint,
      pulse: Buffer.from(pulse).toString("hex"),
    })),
  };
  return new TextEncoder().encode(`${JSON.stringify(file)}\n`);
}
