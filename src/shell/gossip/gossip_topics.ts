/**
 * Names on the wire and the settings of gossipsub for clusters of two to a few dozen nodes.
 */
import { createHash } from "node:crypto";
import { type GossipsubOpts, StrictSign } from "@chainsafe/libp2p-gossipsub";
import { RECORD_BYTES_MAX } from "../../core/cluster/record.ts";
import { UPDATE_BYTES_MAX } from "../document/document_network.ts";

/** Version of what travels: nodes that differ in it do not hear each other. 2: the document's values have keys of their own. */
const FORMAT = 2;

/** The stream protocol that exchanges document edits; only members serve it. */
export const DOCUMENT_PROTOCOL = `/troop/document/${FORMAT}`;
/** The stream protocol that answers `troop join`. */
export const HELLO_PROTOCOL = `/troop/hello/${FORMAT}`;

/** A protocol whose name tells a member's cluster, by a hash; nothing is said on it. */
export function clusterProtocol(cluster: string): string {
  return `/troop/cluster/${clusterHash(cluster)}`;
}

/** Topics of one cluster. */
export interface Topics {
  readonly records: string;
  readonly updates: string;
}

/** The topics of a cluster: by a hash of its name, so that two clusters with one token do not mix. */
export function clusterTopics(cluster: string): Topics {
  const hash = clusterHash(cluster);
  return { records: `troop/${FORMAT}/${hash}/records`, updates: `troop/${FORMAT}/${hash}/updates` };
}

function clusterHash(cluster: string): string {
  return createHash("sha256").update(`troop cluster ${cluster}`).digest("hex").slice(0, 16);
}

/** Signature, key, sender and field heads of a message, and control messages that ride along, bytes. */
const ENVELOPE_BYTES_MAX = 256 * 1024;
/** Unsent bytes kept for one peer that has stopped reading: beyond, its stream is reset, and mended later. */
const OUTBOUND_BYTES_MAX = 8 * 1_048_576;

/** Settings of gossipsub. */
export function gossipsubOptions(topics: Topics): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictSign,
    fallbackToFloodsub: false,
    allowedTopics: Object.values(topics),
    // The library's degrees (6, 4 to 12) are for thousands of nodes: a cluster of three would always be below
    // the lower bound, and past a handful each neighbour more is only one more copy of what everybody is told anyway.
    // Dout must stay below Dlo and at most D / 2.
    D: 3,
    Dlo: 2,
    Dhi: 4,
    Dscore: 2,
    Dout: 1,
    Dlazy: 4,
    // Offers of past messages go to that many peers, never to a share of all: with flood publishing, few need one.
    gossipFactor: 0,
    // Own messages go to every peer directly: one hop, whatever the mesh looks like.
    floodPublish: true,
    // A cluster of one must be able to publish.
    allowPublishToZeroTopicPeers: true,
    doPX: false,
    tagMeshPeers: false,
    // Every peer has the token, and several may share an address; a score could only silence an honest one.
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
    maxInboundDataLength: Math.max(RECORD_BYTES_MAX, UPDATE_BYTES_MAX) + ENVELOPE_BYTES_MAX,
    maxOutboundBufferSize: OUTBOUND_BYTES_MAX,
    decodeRpcLimits: {
      maxSubscriptions: 16,
      maxMessages: 1_000,
      maxIhaveMessageIDs: 5_000,
      maxIwantMessageIDs: 5_000,
      maxControlMessages: 100,
      maxIdontwantMessageIDs: 512,
      maxPeerInfos: 16,
    },
  };
}
