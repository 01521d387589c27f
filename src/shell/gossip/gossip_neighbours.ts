/**
 * Members that have the token and are none of this cluster: of another name, or of a version that speaks otherwise.
 * Both are silent here, and somebody should be told why.
 */
import type { IdentifyResult, Libp2p } from "@libp2p/interface";
import { getNetConfig } from "@libp2p/utils";
import type { GossipListener } from "../../ports.ts";
import { createFrames } from "./frames.ts";
import { clusterProtocol, DOCUMENT_PROTOCOL, HELLO_PROTOCOL } from "./gossip_topics.ts";
import { decodeHello, HELLO_LIMITS } from "./hello_answer.ts";
import { errorText, type Notices } from "../log/notices.ts";

/** How the document's protocol begins in every version. */
const ANY_DOCUMENT = DOCUMENT_PROTOCOL.slice(0, DOCUMENT_PROTOCOL.lastIndexOf("/") + 1);

/** See {@link watchNeighbours}. */
export interface NeighbourOptions {
  readonly cluster: string;
  readonly version: string;
  readonly listener: Pick<GossipListener, "warning">;
  readonly notices: Notices;
}

/** Tells this node's cluster from now on, and looks at that of whoever connects. */
export async function watchNeighbours(libp2p: Libp2p, options: NeighbourOptions): Promise<void> {
  const own = clusterProtocol(options.cluster);
  await libp2p.handle(own, (stream) => stream.abort(new Error("nothing is said here")));
  libp2p.addEventListener("peer:identify", ({ detail }) => {
    const { protocols } = detail;
    if (protocols.includes(own)) return;
    // A member of an earlier version does not tell its cluster: it is asked.
    if (protocols.includes(DOCUMENT_PROTOCOL)) return void askCluster(options, detail);
    if (protocols.some((name) => name.startsWith(ANY_DOCUMENT))) tellVersion(options, detail);
  });
}

function tellVersion(
  options: NeighbourOptions,
  { connection, agentVersion }: IdentifyResult,
): void {
  const { host } = getNetConfig(connection.remoteAddr);
  tell(options, {
    host,
    text: `the member at ${host} runs ${
      agentVersion ?? "another version"
    }, which does not understand version ${options.version} here; install the same version on both`,
  });
}

async function askCluster(
  options: NeighbourOptions,
  { connection }: IdentifyResult,
): Promise<void> {
  try {
    const signal = AbortSignal.timeout(HELLO_LIMITS.timeoutMs);
    const frames = createFrames(
      await connection.newStream(HELLO_PROTOCOL, { signal }),
      HELLO_LIMITS,
    );
    const answer = decodeHello(await frames.read());
    if (answer === undefined || answer.cluster === options.cluster) return;
    const { host } = getNetConfig(connection.remoteAddr);
    tell(options, {
      host,
      text:
        `the member at ${host} is of cluster "${answer.cluster}", and this node of "${options.cluster}", with one token; correct \`cluster\` in troop.yaml, or give one of them a token of its own`,
    });
  } catch (error) {
    options.notices.debug({ problem: errorText(error) }, "cannot ask a member for its cluster");
  }
}

function tell(options: NeighbourOptions, { host, text }: { host: string; text: string }): void {
  options.notices.warn({ peer: host }, text);
  options.listener.warning?.(`neighbour ${host}`, text);
}
