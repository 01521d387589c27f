/**
 * Hands the new token of a rotation from member to member: a stream protocol inside the encrypted connection.
 * The question is a fingerprint, the answer the token, or nothing.
 */
import type { Connection, Stream } from "@libp2p/interface";
import { TOKEN_PATTERN } from "../../core/config.ts";
import { fingerprintSchema } from "../../core/cluster/token_facts.ts";
import { createFrames } from "./frames.ts";

/** The stream protocol; only members serve it. */
export const TOKEN_PROTOCOL = "/troop/token/1";

/** A fingerprint, a token, and some room; one round trip. */
const LIMITS = { bytesMax: 256, timeoutMs: 4_000 } as const;

/** Answers one question. `tokenOf` decides whether the asker may have it. */
export async function serveToken(
  stream: Stream,
  tokenOf: (fingerprint: string) => string | undefined,
): Promise<void> {
  const frames = createFrames(stream, LIMITS);
  const asked = fingerprintSchema.safeParse(new TextDecoder().decode(await frames.read()));
  const token = asked.success ? tokenOf(asked.data) : undefined;
  await frames.write(new TextEncoder().encode(token ?? ""));
  await frames.close();
}

/** Asks for a token; undefined when the other side has none, or does not give it. */
export async function askToken(
  connection: Connection,
  fingerprint: string,
): Promise<string | undefined> {
  const signal = AbortSignal.timeout(LIMITS.timeoutMs);
  const stream = await connection.newStream(TOKEN_PROTOCOL, { signal });
  const frames = createFrames(stream, LIMITS);
  await frames.write(new TextEncoder().encode(fingerprint));
  const answer = new TextDecoder().decode(await frames.read());
  await frames.close();
  return TOKEN_PATTERN.test(answer) ? answer : undefined;
}
