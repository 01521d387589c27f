/**
 * Membership and health by gossip: one libp2p node that publishes this node's record, hands on the records of
 * others, keeps connections to the wanted peers, and carries the cluster document.
 */
import {
  type GossipSub,
  gossipsub,
  type Message,
  TopicValidatorResult,
} from "@chainsafe/libp2p-gossipsub";
import type { Identify } from "@libp2p/identify";
import type { Libp2p, PeerId } from "@libp2p/interface";
import { createLibp2p } from "libp2p";
import type { Endpoint, Ip } from "../../core/address.ts";
import type { BudgetLimits } from "../../core/budget.ts";
import type { NodeId } from "../../core/document/document.ts";
import { NODES_MAX } from "../../core/limits.ts";
import type { NodeRecord } from "../../core/cluster/record.ts";
import { welcomeDelayMs } from "../../core/cluster/record_pace.ts";
import type { Gossip, GossipListener } from "../../ports.ts";
import { type Dialler, startDialler } from "./dialler.ts";
import { updateProblem } from "../document/document_gate.ts";
import {
  type DocumentHandlers,
  type DocumentNetwork,
  UPDATE_BYTES_MAX,
} from "../document/document_network.ts";
import { createDropCounter, type DropCounter } from "../log/drop_counter.ts";
import { createQuarantine, guardGossip, type Quarantine } from "./gossip_guard.ts";
import { type Links, type OutgoingStreams, watchLinks } from "./gossip_links.ts";
import {
  clusterTopics,
  DOCUMENT_PROTOCOL,
  gossipsubOptions,
  type Topics,
} from "./gossip_topics.ts";
import { watchNeighbours } from "./gossip_neighbours.ts";
import { openDocumentStream, serveStreams } from "./gossip_streams.ts";
import { askToken } from "./gossip_tokens.ts";
import type { InboundDrop } from "./handshake_gate.ts";
import type { HelloAnswer } from "./hello_answer.ts";
import { type Identity, nodeIdOf } from "../files/identity.ts";
import { DIAL_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS, nodeOptions, toMultiaddr } from "./libp2p_node.ts";
import { listenableEndpoints } from "./listen_probe.ts";
import { errorText, NO_NOTICES, type Notices } from "../log/notices.ts";
import { type BudgetKind, createPeerBudgets, type PeerBudgets } from "./peer_budgets.ts";
import { bindRefusal } from "./port_refusal.ts";
import { decodeRecord, encodeRecord, type RecordProblem } from "./record_codec.ts";
import type { TokenRing } from "../files/token.ts";
import { type TwinWatch, watchTwins } from "./twin_watch.ts";
import { type ProtectorOptions, type TokenProtector, tokenProtector } from "./token_protector.ts";

/** Why a message is dropped. `forged`: its signer is not who the record says; `cluster`: of another cluster. */
export type GossipDrop = RecordProblem | "forged" | "cluster" | "unattended" | InboundDrop;

/** Something that a peer sent too much of. */
export type OverBudget = `over budget: ${BudgetKind}`;

/** How to open gossip. */
export interface GossipOptions {
  readonly cluster: string;
  readonly tokens: TokenRing;
  readonly identity: Pick<Identity, "id" | "privateKey">;
  /** Version of the program, told to peers. */
  readonly version: string;
  /** Own path addresses, the primary one first: where to listen. */
  readonly listen: readonly Ip[];
  /** TCP port on each of them. */
  readonly port: number;
  /** Members to begin with, by address alone; dialled while nobody is connected. */
  readonly seeds: readonly Endpoint[];
  readonly listener: GossipListener;
  /** What to answer to `troop join`. */
  readonly hello: () => HelloAnswer;
  /** The token of this fingerprint, when this peer may have it. */
  readonly giveToken?: (fingerprint: string, to: NodeId) => string | undefined;
  /** A machine at this address has this node's key. */
  readonly onTwin?: (address: Ip) => void;
  /** Told of connections that ended because the other side has another token. */
  readonly onStranger?: ProtectorOptions["onStranger"];
  readonly notices?: Notices;
  /** Other budgets of a peer, for tests. */
  readonly limits?: Partial<Record<BudgetKind, BudgetLimits>>;
}

/** Open gossip. */
export interface OpenGossip extends Gossip {
  /** The way of the cluster document. */
  readonly documents: DocumentNetwork;
  /** Asks a connected peer for a token; undefined when it does not give it. */
  askToken(peer: NodeId, fingerprint: string): Promise<string | undefined>;
  /** Closes up to so many connections that a token let in which is refused now. */
  closeExpired(count: number): void;
  /** What was dropped, by reason; `over budget: …` is what peers sent too much of. */
  dropped(): ReadonlyMap<GossipDrop | OverBudget, number>;
}

/** The interface hides the streams of the class behind it; see gossip_links.ts for what they are needed for. */
type PubSub = GossipSub & { readonly streamsOutbound: OutgoingStreams };
type Node = Libp2p<{ identify: Identify; pubsub: PubSub }>;

interface GossipState {
  readonly options: GossipOptions;
  readonly notices: Notices;
  readonly node: Node;
  readonly protector: TokenProtector;
  readonly twins: TwinWatch;
  readonly topics: Topics;
  readonly drops: DropCounter<GossipDrop>;
  readonly budgets: PeerBudgets;
  /** Names of nodes by peer id text, for people. */
  readonly names: Map<string, string>;
  /** Addresses of members. */
  readonly members: Set<string>;
  readonly quarantine: Quarantine;
  readonly publishing: Set<Promise<unknown>>;
  lastRecord: Uint8Array | undefined;
  welcome: ReturnType<typeof setTimeout> | undefined;
  documents: DocumentHandlers | undefined;
  links: Links;
}

/** Opens gossip and starts dialling. Rejects with a Refusal when a port is in use or the primary address is missing. */
export async function openGossip(options: GossipOptions): Promise<OpenGossip> {
  const notices = options.notices ?? NO_NOTICES;
  const listen = await listenableEndpoints(options.listen, options.port, notices);
  const topics = clusterTopics(options.cluster);
  const drops = createDropCounter<GossipDrop>({ notices, what: "gossip" });
  const names = new Map<string, string>();
  const members = new Set(options.seeds.map((seed) => seed.address));
  const quarantine = createQuarantine();
  const protector = tokenProtector({
    tokens: options.tokens,
    timeoutMs: HANDSHAKE_TIMEOUT_MS,
    onStranger: (at) => options.onStranger?.(at),
  });
  const twins = watchTwins(protector, (address) => options.onTwin?.(address));
  const base = nodeOptions({
    ...options,
    protector,
    privateKey: options.identity.privateKey,
    listen,
    inbound: {
      drop: twins.watched(drops.drop),
      isMember: (address) => members.has(address),
    },
    isUnwelcome: (peer) => quarantine.has(peer.toString()),
  });
  const node = await createLibp2p({
    ...base,
    services: { ...base.services, pubsub: gossipsub(gossipsubOptions(topics)) },
  }) as unknown as Node;
  const state: GossipState = {
    options,
    notices,
    node,
    protector,
    twins,
    topics,
    drops,
    names,
    members,
    quarantine,
    budgets: createPeerBudgets({
      notices,
      warn: (key, text) => options.listener.warning?.(key, text),
      nameOf: (peer) => names.get(peer) ?? peer,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    }),
    publishing: new Set(),
    lastRecord: undefined,
    welcome: undefined,
    documents: undefined,
    links: {
      members: () => [],
      connected: () => new Set(),
      connectionTo: () => undefined,
      mend() {},
    },
  };
  await serve(state);
  try {
    await node.start();
  } catch (error) {
    throw bindRefusal({ address: options.listen[0] ?? "", port: options.port }, error);
  }
  return run(state);
}

/** Handlers are there before the first peer can ask. */
async function serve(state: GossipState): Promise<void> {
  const { node, topics, budgets } = state;
  const { pubsub } = node.services;
  guardGossip(pubsub, { budgets, onExcess: (peer) => cutOff(state, peer) });
  pubsub.topicValidators.set(topics.records, (_from, message) => takeRecord(state, message));
  pubsub.topicValidators.set(topics.updates, (_from, message) => takeUpdate(state, message));
  pubsub.addEventListener("subscription-change", () => welcome(state));
  await watchNeighbours(node, { ...state.options, notices: state.notices });
  await serveStreams(node, {
    budgets,
    notices: state.notices,
    hello: () => state.options.hello(),
    tokenFor: (fingerprint, id) => state.options.giveToken?.(fingerprint, id),
    documents: () => state.documents,
  });
}

function run(state: GossipState): OpenGossip {
  const { node, options, topics } = state;
  for (const topic of Object.values(topics)) node.services.pubsub.subscribe(topic);
  const links = watchLinks({
    libp2p: node,
    memberProtocol: DOCUMENT_PROTOCOL,
    outgoing: node.services.pubsub.streamsOutbound,
    listener: {
      connected: (id) => options.listener.connected(id),
      disconnected(id) {
        options.listener.disconnected(id);
        dialler.lost(id);
      },
    },
  });
  state.links = links;
  const dialler: Dialler = startDialler({
    id: options.identity.id,
    seeds: options.seeds.filter((seed) => !isOwnEndpoint(options, seed)),
    connected: () => links.connected(),
    isSelf: (error, endpoints) => state.twins.isSelf(error, endpoints),
    async dial(endpoints) {
      const signal = AbortSignal.timeout(DIAL_TIMEOUT_MS);
      await node.dial(endpoints.map(toMultiaddr), { signal });
    },
  });
  return {
    publishRecord: (record) => publishRecord(state, record),
    connected: () => links.members(),
    wantPeers(peers) {
      state.members.clear();
      for (const { address } of options.seeds) state.members.add(address);
      for (const { addresses } of peers) for (const one of addresses) state.members.add(one);
      dialler.wantPeers(peers);
    },
    documents: documentNetwork(state),
    askToken: (peer, fingerprint) => askToken(connectionTo(state, peer), fingerprint),
    closeExpired: (count) => state.protector.closeExpired(count),
    dropped: () => allDrops(state),
    close: () => close(state, dialler),
  };
}

function allDrops({ drops, budgets }: GossipState): ReadonlyMap<GossipDrop | OverBudget, number> {
  const over = [...budgets.counts()].map(([kind, count]) =>
    [`over budget: ${kind}`, count] as const
  );
  return new Map<GossipDrop | OverBudget, number>([...drops.counts(), ...over]);
}

/** A peer that goes on and on loses its connection for a while: even to drop what it sends takes time. */
function cutOff(state: GossipState, peer: PeerId): void {
  const key = peer.toString();
  if (state.budgets.take(key, "patience")) return;
  state.quarantine.add(key);
  for (const connection of state.node.getConnections(peer)) {
    connection.abort(new Error("sends too much"));
  }
}

function isOwnEndpoint(options: GossipOptions, { address, port }: Endpoint): boolean {
  return port === options.port && options.listen.includes(address);
}

async function close(state: GossipState, dialler: Dialler): Promise<void> {
  dialler.close();
  clearTimeout(state.welcome);
  // The last words of a node that leaves are being signed: they must get out before the connections close.
  await Promise.allSettled(state.publishing);
  await state.node.stop();
}

function publishRecord(state: GossipState, record: NodeRecord): void {
  try {
    state.lastRecord = encodeRecord(record);
  } catch (error) {
    state.notices.warn({ problem: errorText(error) }, "cannot publish the own record");
    return;
  }
  void publish(state, state.topics.records, state.lastRecord).then((recipients) => {
    if (recipients !== undefined) state.links.mend(recipients);
  });
}

/** Publishes the last record again for peers that have just come: they need not wait for its next turn. */
function welcome(state: GossipState): void {
  state.welcome ??= setTimeout(() => {
    state.welcome = undefined;
    if (state.lastRecord !== undefined) void publish(state, state.topics.records, state.lastRecord);
  }, welcomeDelayMs(state.links.members().length));
}

/** Publishes; resolves with the peers it went to, or undefined when it failed. Never rejects. */
async function publish(
  state: GossipState,
  topic: string,
  data: Uint8Array,
): Promise<PeerId[] | undefined> {
  const sending = state.node.services.pubsub.publish(topic, data);
  state.publishing.add(sending);
  try {
    return (await sending).recipients;
  } catch (error) {
    state.notices.debug({ topic, problem: errorText(error) }, "cannot publish");
    return undefined;
  } finally {
    state.publishing.delete(sending);
  }
}

/**
 * Judges a record before it is handed on. What is not understood is ignored rather than rejected: the
 * peer that passed it on may be newer than this one.
 */
function takeRecord(state: GossipState, message: Message): TopicValidatorResult {
  const from = senderText(message);
  const { budgets, names } = state;
  const bytes = message.data.length;
  if (!budgets.take(from, "records") || !budgets.take(from, "record bytes", bytes)) {
    return TopicValidatorResult.Ignore;
  }
  const record = decodeRecord(message.data);
  const problem = typeof record === "string"
    ? record
    : recordProblem(state.options, message, record);
  if (problem !== undefined || typeof record === "string") {
    state.drops.drop(problem ?? "malformed", { from: names.get(from) ?? from });
    return TopicValidatorResult.Ignore;
  }
  if (names.size < 2 * NODES_MAX || names.has(from)) names.set(from, record.name);
  state.options.listener.record(record);
  return TopicValidatorResult.Accept;
}

function recordProblem(
  options: GossipOptions,
  message: Message,
  record: NodeRecord,
): GossipDrop | undefined {
  if (record.cluster !== options.cluster) return "cluster";
  return record.id === signerId(message) && record.peer === senderText(message)
    ? undefined
    : "forged";
}

/** The node id of the key that signed the message; gossipsub has verified the signature. */
function signerId(message: Message): NodeId | undefined {
  if (message.type !== "signed" || message.from.type !== "Ed25519") return undefined;
  return nodeIdOf(message.from.publicKey.raw);
}

function senderText(message: Message): string {
  return message.type === "signed" ? message.from.toString() : "";
}

function takeUpdate(state: GossipState, message: Message): TopicValidatorResult {
  const from = senderText(message);
  const { data } = message;
  const { budgets, documents, drops, names } = state;
  if (!budgets.take(from, "updates") || !budgets.take(from, "update bytes", data.length)) {
    return TopicValidatorResult.Ignore;
  }
  const problem = data.length > UPDATE_BYTES_MAX ? "is too long" : updateProblem(data);
  if (documents === undefined || problem !== null) {
    const reason = documents === undefined
      ? "unattended"
      : data.length > UPDATE_BYTES_MAX
      ? "size"
      : "malformed";
    drops.drop(reason, { from: names.get(from) ?? from, problem });
    return TopicValidatorResult.Ignore;
  }
  documents.update(data);
  return TopicValidatorResult.Accept;
}

function connectionTo(state: GossipState, peer: NodeId) {
  const connection = state.links.connectionTo(peer);
  if (connection === undefined) throw new Error(`no connection to ${peer}`);
  return connection;
}

function documentNetwork(state: GossipState): DocumentNetwork {
  return {
    attach: (handlers) => void (state.documents = handlers),
    async publish(update) {
      if (update.length > UPDATE_BYTES_MAX) return 0;
      return (await publish(state, state.topics.updates, update))?.length ?? 0;
    },
    // Not a plain function: a missing connection rejects like any other failure.
    open: async (peer) => await openDocumentStream(connectionTo(state, peer)),
  };
}
