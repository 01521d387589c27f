/**
 * What a member answers on streams of its own, beside gossip: `troop join`, a token that changes, the document.
 */
import type { Connection, Libp2p } from "@libp2p/interface";
import { getNetConfig } from "@libp2p/utils";
import type { NodeId } from "../../core/document/document.ts";
import {
  type DocumentHandlers,
  SYNCHRONIZE_FRAME_BYTES_MAX,
  SYNCHRONIZE_TIMEOUT_MS,
} from "../document/document_network.ts";
import { createFrames, type Frames } from "./frames.ts";
import { serveToken, TOKEN_PROTOCOL } from "./gossip_tokens.ts";
import { DOCUMENT_PROTOCOL, HELLO_PROTOCOL } from "./gossip_topics.ts";
import { encodeHello, HELLO_LIMITS, type HelloAnswer } from "./hello_answer.ts";
import { nodeIdOf } from "../files/identity.ts";
import { errorText, type Notices } from "../log/notices.ts";
import type { PeerBudgets } from "./peer_budgets.ts";

/** Streams one peer may have open at once for one protocol: one synchronization at a time, and one to spare. */
const STREAMS_PER_PEER_MAX = 4;
/** Largest frame of a synchronization. */
const DOCUMENT_LIMITS = {
  bytesMax: SYNCHRONIZE_FRAME_BYTES_MAX,
  timeoutMs: SYNCHRONIZE_TIMEOUT_MS,
} as const;

/** Where the answers come from. */
export interface StreamAnswers {
  readonly budgets: PeerBudgets;
  readonly notices: Notices;
  /** What to answer to `troop join`. */
  readonly hello: () => HelloAnswer;
  /** The token of this fingerprint, when this peer may have it. */
  readonly tokenFor: (fingerprint: string, to: NodeId) => string | undefined;
  /** Undefined while the document is not open. */
  readonly documents: () => DocumentHandlers | undefined;
}

/** Serves them from now on. */
export async function serveStreams(
  node: Libp2p,
  { budgets, notices, hello, tokenFor, documents }: StreamAnswers,
): Promise<void> {
  await node.handle(HELLO_PROTOCOL, async (stream, { remoteAddr }) => {
    const frames = createFrames(stream, HELLO_LIMITS);
    try {
      // By address: who asks has a new key each time.
      if (!budgets.take(getNetConfig(remoteAddr).host, "hellos")) throw new Error("asks too often");
      await frames.write(encodeHello(hello()));
      await frames.close();
    } catch (error) {
      frames.abort(errorText(error));
    }
  }, { maxInboundStreams: STREAMS_PER_PEER_MAX });
  await node.handle(TOKEN_PROTOCOL, async (stream, { remotePeer }) => {
    const id = remotePeer.type === "Ed25519" ? nodeIdOf(remotePeer.publicKey.raw) : "";
    try {
      await serveToken(stream, (fingerprint) => tokenFor(fingerprint, id));
    } catch (error) {
      stream.abort(new Error(errorText(error)));
    }
  }, { maxInboundStreams: STREAMS_PER_PEER_MAX });
  await node.handle(DOCUMENT_PROTOCOL, async (stream, { remotePeer }) => {
    const frames = createFrames(stream, DOCUMENT_LIMITS);
    try {
      if (!budgets.take(remotePeer.toString(), "synchronizations")) {
        throw new Error("synchronizes too often");
      }
      const handlers = documents();
      if (handlers === undefined) throw new Error("the document is not open yet");
      await handlers.serve(frames);
    } catch (error) {
      notices.debug({ problem: errorText(error) }, "a synchronization ended early");
      frames.abort(errorText(error));
    }
  }, { maxInboundStreams: STREAMS_PER_PEER_MAX });
}

/** Opens the stream on which two members exchange what each lacks of the document. */
export async function openDocumentStream(connection: Connection): Promise<Frames> {
  const signal = AbortSignal.timeout(SYNCHRONIZE_TIMEOUT_MS);
  return createFrames(await connection.newStream(DOCUMENT_PROTOCOL, { signal }), DOCUMENT_LIMITS);
}
