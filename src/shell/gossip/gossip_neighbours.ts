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

/**
 * Time between two words about one that stays connected, ms: a warning fades within 30 s, and what is wrong goes on for as
 * long as the connection does.
 */
export const REMIND_MS = 5_000;

/** See {@link watchNeighbours}. */
export interface NeighbourOptions {
  readonly cluster: string;
  readonly version: string;
  readonly listener: Pick<GossipListener, "warning">;
  readonly notices: Notices;
}

/** One that is connected and silent: where it is, and why. */
interface Silent {
  readonly host: string;
  readonly text: string;
}

/** Tells this node's cluster from now on, and looks at that of whoever connects. */
export async function watchNeighbours(libp2p: Libp2p, options: NeighbourOptions): Promise<void> {
  const own = clusterProtocol(options.cluster);
  const silent = new Map<string, Silent>();
  const warn = ({ host, text }: Silent) => options.listener.warning?.(`neighbour ${host}`, text);
  await libp2p.handle(own, (stream) => stream.abort(new Error("nothing is said here")));
  libp2p.addEventListener("peer:identify", async ({ detail }) => {
    const text = await whySilent(own, options, detail);
    if (text === null || detail.connection.status !== "open") return;
    const { host } = getNetConfig(detail.connection.remoteAddr);
    silent.set(detail.connection.id, { host, text });
    options.notices.warn({ peer: host }, text);
    warn({ host, text });
  });
  libp2p.addEventListener("connection:close", ({ detail }) => void silent.delete(detail.id));
  remind(libp2p, () => silent.forEach(warn));
}

function remind(libp2p: Libp2p, again: () => void): void {
  let timer: ReturnType<typeof setInterval> | undefined;
  libp2p.addEventListener("start", () => void (timer = setInterval(again, REMIND_MS)));
  libp2p.addEventListener("stop", () => clearInterval(timer));
}

/** Why nothing will be heard of this member; null when it is one of ours. */
function whySilent(
  own: string,
  options: NeighbourOptions,
  member: IdentifyResult,
): Promise<string | null> {
  const { protocols } = member;
  if (!protocols.includes(DOCUMENT_PROTOCOL)) {
    const speaks = protocols.some((name) => name.startsWith(ANY_DOCUMENT));
    return Promise.resolve(speaks ? otherVersion(options, member) : null);
  }
  // A member of an earlier version does not tell its cluster: it is asked.
  return protocols.includes(own) ? Promise.resolve(null) : otherCluster(options, member);
}

function otherVersion(
  options: NeighbourOptions,
  { connection, agentVersion }: IdentifyResult,
): string {
  const { host } = getNetConfig(connection.remoteAddr);
  return `the member at ${host} runs ${
    agentVersion ?? "another version"
  }, which does not understand version ${options.version} here; install the same version on both`;
}

async function otherCluster(
  options: NeighbourOptions,
  { connection }: IdentifyResult,
): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(HELLO_LIMITS.timeoutMs);
    const frames = createFrames(
      await connection.newStream(HELLO_PROTOCOL, { signal }),
      HELLO_LIMITS,
    );
    const answer = decodeHello(await frames.read());
    if (answer === undefined || answer.cluster === options.cluster) return null;
    const { host } = getNetConfig(connection.remoteAddr);
    return `the member at ${host} is of cluster "${answer.cluster}", and this node of "${options.cluster}", with one token; correct \`cluster\` in troop.yaml, or give one of them a token of its own`;
  } catch (error) {
    options.notices.debug({ problem: errorText(error) }, "cannot ask a member for its cluster");
    return null;
  }
}
