/**
 * Which peers are connected, told from libp2p's connections; and mending of what libp2p leaves broken.
 *
 * Gossipsub opens its outgoing stream once per peer and never again: when the connection under it dies
 * while a second one to the same peer lives, or dies while the stream is being opened, it falls silent for
 * ever. So a stream that is dead is taken from it when a peer connects; a connection that a restarted peer
 * replaces is dropped before gossipsub looks at the new one; when one of several dies, the rest is dropped
 * too and dialled afresh; and a peer that gets no messages for some seconds is dropped and dialled.
 */
import type { Connection, IdentifyResult, Libp2p, PeerId } from "@libp2p/interface";
import type { NodeId } from "../../core/document/document.ts";
import { nodeIdOf } from "../files/identity.ts";

/** Two connections opened within this time crossed each other, ms; later, the older one is dead at the other end. */
const CROSSED_DIALS_MS = 3_000;
/** How long a connection may be without identification, or a member without messages, before it is dropped, ms. */
export const SILENT_LINK_MS = 4_000;

/** What is told of a peer that speaks troop's protocols. */
export interface LinkListener {
  connected(id: NodeId): void;
  disconnected(id: NodeId): void;
}

/** Gossipsub's outgoing streams by peer id text, as its class (17.1.1) keeps them. */
export type OutgoingStreams = Map<string, { readonly rawStream: { readonly status: string } }>;

/** See {@link watchLinks}. */
export interface LinkOptions {
  readonly libp2p: Libp2p;
  /** A protocol only members serve: `troop join` connects too, and is no member. */
  readonly memberProtocol: string;
  readonly outgoing: OutgoingStreams;
  readonly listener: LinkListener;
  readonly now?: () => number;
}

/** The connections of this node. */
export interface Links {
  /** Peers that have identified as members and are connected. */
  members(): NodeId[];
  /** Peers with any open connection. */
  connected(): ReadonlySet<NodeId>;
  /** An open connection to the peer, the newest one. */
  connectionTo(id: NodeId): Connection | undefined;
  /** Takes note of who a message was just sent to, and drops links that have been silent too long. */
  mend(recipients: readonly PeerId[]): void;
}

interface Member {
  readonly id: NodeId;
  /** When a message last went to it, or it was identified. */
  sentMs: number;
}

interface LinkState {
  readonly options: LinkOptions;
  readonly now: () => number;
  /** By peer id text. */
  readonly members: Map<string, Member>;
  readonly openedMs: WeakMap<Connection, number>;
  readonly replaced: WeakSet<Connection>;
}

/** Starts watching a started node: its connection manager must hear of connections first. */
export function watchLinks(options: LinkOptions): Links {
  const state: LinkState = {
    options,
    now: options.now ?? (() => performance.now()),
    members: new Map(),
    openedMs: new WeakMap(),
    replaced: new WeakSet(),
  };
  const { libp2p } = options;
  libp2p.addEventListener("connection:open", (event) => onOpen(state, event.detail));
  libp2p.addEventListener("connection:close", (event) => onClose(state, event.detail));
  libp2p.addEventListener("peer:identify", (event) => onIdentify(state, event.detail));
  libp2p.addEventListener("peer:disconnect", (event) => onDisconnect(state, event.detail));
  return {
    members: () => [...state.members.values()].map((member) => member.id),
    connected: () =>
      new Set(openConnections(libp2p).map(remoteId).filter((id) => id !== undefined)),
    connectionTo: (id) =>
      openConnections(libp2p).findLast((connection) => remoteId(connection) === id),
    mend: (recipients) => mend(state, recipients),
  };
}

function openConnections(libp2p: Libp2p, peer?: PeerId): Connection[] {
  return libp2p.getConnections(peer).filter((connection) => connection.status === "open");
}

function remoteId(connection: Connection): NodeId | undefined {
  const { remotePeer } = connection;
  return remotePeer.type === "Ed25519" ? nodeIdOf(remotePeer.publicKey.raw) : undefined;
}

function onOpen(state: LinkState, connection: Connection): void {
  const nowMs = state.now();
  state.openedMs.set(connection, nowMs);
  if (remoteId(connection) === undefined) return connection.abort(new Error("not a troop key"));
  const peer = connection.remotePeer.toString();
  const stream = state.options.outgoing.get(peer);
  if (stream !== undefined && stream.rawStream.status !== "open") {
    state.options.outgoing.delete(peer);
  }
  if (connection.direction !== "inbound") return;
  for (const older of openConnections(state.options.libp2p, connection.remotePeer)) {
    const openedMs = state.openedMs.get(older) ?? -Infinity;
    if (older === connection || nowMs - openedMs < CROSSED_DIALS_MS) continue;
    // Nobody dials while it is connected: the peer has restarted, or its end of the old one is gone.
    state.replaced.add(older);
    older.abort(new Error("replaced by a new connection of the same peer"));
  }
}

function onClose(state: LinkState, connection: Connection): void {
  if (state.replaced.has(connection)) return;
  for (const other of openConnections(state.options.libp2p, connection.remotePeer)) {
    if (other !== connection) other.abort(new Error("a parallel connection has closed"));
  }
}

function onIdentify(state: LinkState, { peerId, protocols, connection }: IdentifyResult): void {
  const id = remoteId(connection);
  if (id === undefined || !protocols.includes(state.options.memberProtocol)) return;
  const key = peerId.toString();
  if (connection.status !== "open" || state.members.has(key)) return;
  state.members.set(key, { id, sentMs: state.now() });
  state.options.listener.connected(id);
}

function onDisconnect(state: LinkState, peer: PeerId): void {
  const key = peer.toString();
  const member = state.members.get(key);
  if (member === undefined || openConnections(state.options.libp2p, peer).length > 0) return;
  state.members.delete(key);
  state.options.listener.disconnected(member.id);
}

function mend(state: LinkState, recipients: readonly PeerId[]): void {
  const nowMs = state.now();
  for (const peer of recipients) {
    const member = state.members.get(peer.toString());
    if (member !== undefined) member.sentMs = nowMs;
  }
  for (const connection of openConnections(state.options.libp2p)) {
    const member = state.members.get(connection.remotePeer.toString());
    const sinceMs = member?.sentMs ?? state.openedMs.get(connection) ?? nowMs;
    if (nowMs - sinceMs > SILENT_LINK_MS) {
      connection.abort(new Error("no messages go to this peer"));
    }
  }
}
