/**
 * The outside world as the agent sees it: small interfaces, declared above their adapters. Each has a
 * real implementation in `shell/` and one for the simulator in `test/sim/`, which holds state too.
 */
import type { Endpoint, Family, Ip } from "./core/address.ts";
import type { Caution } from "./core/cluster/caution.ts";
import type { ClusterDocument, Edit, NodeId } from "./core/document/document.ts";
import type {
  DocumentOperations,
  EditOptions,
  EditReceipt,
} from "./core/document/document_orders.ts";
import type { EventQuery, TroopEvent } from "./core/event.ts";
import type { HistoryEntry } from "./core/document/history.ts";
import type { Pulse } from "./core/cluster/pulse.ts";
import type { NodeRecord } from "./core/cluster/record.ts";
import type {
  ConnectionFilter,
  ConnectionListing,
  ConnectionQuery,
} from "./core/table/connection.ts";
import type { MarkRule } from "./core/service/mark_rules.ts";
import type { DrainOrder, ServerChange, ServerRef, VipChange } from "./core/document/order.ts";
import type { TunnelDevice } from "./core/desired/receiving.ts";
import type { Protocol, Service, ServiceChange, ServiceName } from "./core/service/service.ts";
import type { ProbeTarget } from "./core/pool/probing.ts";
import type { SettingName } from "./core/document/settings.ts";
import type { SorryWish } from "./core/pool/sorry_page.ts";
import type { Status } from "./core/status/status.ts";
import type { Rotation, TokenFacts } from "./core/cluster/token_facts.ts";
import type {
  ObservedService,
  SyncDaemon,
  SyncDaemons,
  TableOperation,
  TableTimeouts,
} from "./core/table/table.ts";

export type { ProbeListener, ProbeResult, ProbeSubject, ProbeTarget } from "./core/pool/probing.ts";

/** Time. Decisions get it as an argument; only shell and agent ask for it. */
export interface Clock {
  /** Monotonic ms, for intervals and deadlines. */
  now(): number;
  /** Wall clock, ms since 1970, for people and boot numbers only. */
  wallMs(): number;
}

/** An address on an interface, as rtnetlink reports it. */
export interface KernelAddress {
  readonly address: Ip;
  readonly prefixLength: number;
  readonly interface: string;
  /** Remaining lifetime, seconds; null means for ever. */
  readonly validSeconds: number | null;
  /** Label (`eth0:1`, IPv4 only); left out or null: none but the interface's own name. */
  readonly label?: string | null;
}

/** A network interface. */
export interface KernelLink {
  readonly name: string;
  readonly index: number;
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  /** Has a carrier (IFF_LOWER_UP). */
  readonly carrier: boolean;
  /** Link-layer address, six bytes as `02:00:00:00:00:01`; empty when it has none. */
  readonly mac: string;
}

/** Addresses and links of this network namespace. Calls are synchronous and short. Errors throw {@link KernelError}. */
export interface Addresses {
  listAddresses(): KernelAddress[];
  listLinks(): KernelLink[];
  /** The default gateway by an interface, or null. */
  gateway(interfaceName: string, family: Family): Ip | null;
  /** Adds the address, or sets the lifetime of one that is there. IPv6: without duplicate address detection. */
  put(address: KernelAddress): void;
  /** Removes the address; one that is not there is done. */
  remove(address: Pick<KernelAddress, "address" | "prefixLength" | "interface">): void;
}

/** A failed kernel request: which, and why. */
export interface KernelError extends Error {
  /** The request in words: `add address 192.0.2.1/32 to eth0`. */
  readonly operation: string;
  /** errno by name: `EPERM`. */
  readonly code: string;
}

/** Neighbour announcements and questions on a LAN: ARP (RFC 826, 5227) and neighbour discovery (RFC 4861). */
export interface Neighbours {
  /** Tells everybody on the LAN of `interface` that the VIP is here: gratuitous ARP request and reply, or unsolicited NA. */
  announce(vip: Ip, interfaceName: string): void;
  /** Asks the LAN who has the VIP. Answers from other machines arrive at the listener given at opening. */
  ask(vip: Ip, interfaceName: string): void;
  /** Reports answers that have already arrived: a decision by silence must first look whether it is one. */
  poll(): void;
  close(): void;
}

/** Another machine answered for an address. */
export type NeighbourListener = (vip: Ip, interfaceName: string, mac: string) => void;

/** The kernel's IPVS table. Long work is cut into pieces of a few ms, so that the event loop goes on. */
export interface Table {
  /** The whole table. */
  list(): Promise<ObservedService[]>;
  /** One row with its servers, or null. */
  get(service: ServiceName): Promise<ObservedService | null>;
  /** Applies in order; one entry per operation: null when done, else the error. */
  apply(operations: readonly TableOperation[]): Promise<(KernelError | null)[]>;
  /** Sync daemons that run. Synchronous and short. */
  daemons(): SyncDaemons;
  startDaemon(role: "master" | "backup", daemon: SyncDaemon): void;
  stopDaemon(role: "master" | "backup"): void;
  /** How long idle connections are kept. Synchronous and short. */
  timeouts(): TableTimeouts;
  setTimeouts(timeouts: TableTimeouts): void;
}

/** The kernel's connection table. Long work is cut into pieces of a few ms. */
export interface Connections {
  list(filter: ConnectionFilter): Promise<ConnectionListing>;
}

/** What marks packets on this machine, or why nothing can, and what to do about it. */
export type MarkBackend =
  | { readonly tool: "nft" | "iptables-legacy" }
  | { readonly problem: string; readonly remedy: string };

/** Firewall rules that mark packets for mark services. */
export interface MarkRules {
  /** Makes the kernel's rules exactly these. Resolves when done; rejects with an Error in one line: what failed, why, what to do. */
  apply(rules: readonly MarkRule[]): Promise<void>;
  /** Whether the kernel still has what was last applied: somebody may have flushed it. */
  intact(): Promise<boolean>;
  /** Which tool is used, or why none can be. */
  backend(): Promise<MarkBackend>;
}

/** How tunnelled packets arrive. Calls are synchronous and short, cheap when nothing is to do, and throw {@link KernelError}. */
export interface TunnelDevices {
  /** Makes the device exist and be up; true when that changed something. */
  ensure(name: TunnelDevice): boolean;
  /** Makes the kernel take GUE packets on this UDP port, for outer packets of this family. */
  listen(port: number, family: Family): void;
  /** Undoes what this object changed. */
  restore(): void;
}

/** Loads kernel modules that nothing else loads. */
export interface Modules {
  /** Resolves when the module is there; rejects with an Error in one line. */
  load(name: string): Promise<void>;
}

/** Kernel switches under /proc/sys, by dotted name (`net.ipv4.vs.backup_only`). */
export interface Sysctl {
  /** The value, or null when the kernel does not have the switch. */
  read(name: string): string | null;
  write(name: string, value: string): void;
}

/** Sends pulses; those received arrive, already authenticated, at the listener given at opening. */
export interface PulseSocket {
  /** Sends one datagram on every pair of paths that can reach the peer. Losing it is normal and silent. */
  send(pulse: Pulse, peer: Pick<NodeRecord, "paths" | "port" | "pulseKey">): void;
  /** Tells whoever is at this address why it is not heard; losing it is normal. Left out where nobody listens. */
  caution?(caution: Caution, to: Ip, port: number): void;
  close(): void;
}

/** An authentic pulse, the path (own interface's name) it came by, and where it came from. */
export type PulseListener = (pulse: Pulse, path: string, source: Endpoint) => void;

/** An authentic caution, and where it came from. Its echo is still to be compared. */
export type CautionListener = (caution: Caution, from: Endpoint) => void;

/** The tokens of this node. Changes resolve when they are on disk, and reject with a {@link Refusal} when it refuses. */
export interface TokenKeeper {
  facts(): TokenFacts;
  /** Takes note of a newer rotation; `token`: the new one, where this node has it. */
  begin(rotation: Rotation, token?: string): Promise<void>;
  /** Accepts a token it was given; false when it is not the one that is wanted. */
  take(token: string): Promise<boolean>;
  /** Sends with the rotation's token from now on. */
  use(): Promise<void>;
  /** Refuses every token but the rotation's. */
  retire(): Promise<void>;
}

/** Membership and health by gossip. */
export interface Gossip {
  /** Tells everybody about this node. Publishing to nobody is fine. */
  publishRecord(record: NodeRecord): void;
  /** Peers with an open connection now. */
  connected(): NodeId[];
  /** Peers this node should be connected to: dialled again and again until they are. */
  wantPeers(
    peers: readonly {
      readonly id: NodeId;
      readonly addresses: readonly Ip[];
      readonly port: number;
      /** Whether its pulses come: who begins to be heard is dialled soon. */
      readonly heard?: boolean;
    }[],
  ): void;
  close(): Promise<void>;
}

/** What gossip reports. Records are validated, and their sender is who they say. */
export interface GossipListener {
  record(record: NodeRecord): void;
  connected(id: NodeId): void;
  disconnected(id: NodeId): void;
  /** Something people should know for as long as it goes on; `key` names what it is about. */
  warning?(key: string, text: string): void;
}

/** The replicated cluster document. */
export interface DocumentStore {
  /** What of the document was there when it was opened and could not be read, in words; null: nothing. */
  readonly lost: string | null;
  current(): ClusterDocument;
  /** Digest of the content, equal exactly when two replicas have merged the same edits. */
  digest(): string;
  /** Applies edits in one transaction; resolves when they are on disk, rejects with a Refusal when the disk refuses. */
  edit(edits: readonly Edit[], options?: EditOptions): Promise<EditReceipt>;
  /** Edits that are remembered, the newest first. */
  history(): readonly HistoryEntry[];
  /** Exchanges missing edits with a connected peer whose digest differs. */
  synchronize(peer: NodeId): Promise<void>;
  close(): Promise<void>;
}

/** Probes targets, each at its own interval, none waiting for another. */
export interface Prober {
  /** Sets what is probed from now on; a target that stays keeps its rhythm. */
  setTargets(targets: readonly ProbeTarget[]): void;
  close(): void;
}

/** A socket that accepts connections (TCP) or datagrams (UDP) on this machine. */
export interface Listener {
  readonly protocol: Protocol;
  /** The bound address; `0.0.0.0` and `::` mean every address. */
  readonly address: Ip;
  readonly port: number;
  /** A socket bound to `::` that does not take IPv4 as well. */
  readonly v6only: boolean;
}

/** The listening sockets of this network namespace, from inet_diag (linux/inet_diag.h). Synchronous and short. */
export interface ListenerWatch {
  /** Sockets of these protocols, or of all. Twenty looks a second should not ask what nobody wants to know. */
  list(protocols?: ReadonlySet<Protocol>): Listener[];
}

/** Numbers for `/metrics` beside the status. Monotonic counts start at 0 with the agent. */
export interface Counters {
  readonly takeovers: number;
  readonly releases: number;
  /** Longest gap between two pulses of a peer, ms, by node name. */
  readonly pulseGapMaxMs: ReadonlyMap<string, number>;
  /** Longest time the event loop was late in the last minute, ms. */
  readonly loopDelayMaxMs: number;
  readonly loopDelayMs: number;
  readonly pulsesSent: number;
  readonly pulsesReceived: number;
  /** Datagrams dropped, by reason (`seal`, `malformed`, `replay`, `stranger`). */
  readonly pulsesDropped: ReadonlyMap<string, number>;
  /** What came by gossip and was dropped, by reason; connections that failed, too. */
  readonly gossipDropped: ReadonlyMap<string, number>;
  /** Parts of the cluster document that peers sent and this node left out, by reason. */
  readonly documentDropped: ReadonlyMap<string, number>;
  /** Changes of the kernel's table this node has asked the kernel for. */
  readonly tableChanges: number;
  /** Kernel requests that failed, by operation kind. */
  readonly kernelErrors: ReadonlyMap<string, number>;
  /** Last duration of each check this node runs, ms. */
  readonly checks: readonly {
    readonly service: string;
    readonly server: string;
    readonly up: boolean;
    readonly tookMs: number;
  }[];
  /** The table as last seen in the kernel. */
  readonly table: readonly ObservedService[];
}

/** Serves the sorry page in a process of its own. Calls return at once. */
export interface SorryPage {
  /** What is served from now on; null: nothing. */
  set(wanted: SorryWish | null): void;
  close(): void;
}

/** Why the sorry page is not served; null while it is. */
export type SorryListener = (problem: string | null) => void;

export type {
  AgentMemory,
  OwnedRows,
  PeerContact,
  SavedSwitches,
  SavedTimeouts,
} from "./memory_port.ts";

/** What people and machines can ask of a running agent. Refusals reject with {@link Refusal}. */
export interface Operations extends DocumentOperations {
  /** Made bit by bit, so that pulses go out meanwhile. */
  status(): Promise<Status>;
  counters(): Counters;
  /** This node's IPVS table, rows of others included, as the kernel has it now. */
  table(): Promise<ObservedService[]>;
  connections(query: ConnectionQuery): Promise<ConnectionListing>;
  /** This node's event log; with `follow` it goes on until the reader stops. */
  events(query: EventQuery): AsyncIterable<TroopEvent>;
  /** All that follow resolve with a line for the person who asked. */
  addService(service: Service): Promise<string>;
  setService(name: ServiceName, change: ServiceChange): Promise<string>;
  removeService(name: ServiceName): Promise<string>;
  addServer(service: ServiceName, server: ServerRef, settings: ServerChange): Promise<string>;
  setServer(service: ServiceName, server: ServerRef, change: ServerChange): Promise<string>;
  /** `now`: without waiting for its connections. */
  removeServer(service: ServiceName, server: ServerRef, now: boolean): Promise<string>;
  addVip(vip: Ip, settings: VipChange): Promise<string>;
  setVip(vip: Ip, change: VipChange): Promise<string>;
  removeVip(vip: Ip): Promise<string>;
  moveVip(vip: Ip, nodeName: string): Promise<string>;
  /** Takes a node or a server out of service for a while: its connections finish. */
  drain(server: ServerRef, order: DrainOrder): Promise<string>;
  /** `service` null: for all. */
  undrain(server: ServerRef, service: ServiceName | null): Promise<string>;
  /** `value` null: back to the standard. */
  setSetting(name: SettingName, value: string | null): Promise<string>;
  /** Removes a dead node for good, with everything that is said of it. */
  forget(nodeName: string): Promise<string>;
  /** Begins to change the cluster's token; `graceS`: how long dead members are waited for. */
  rotateToken(order: { readonly graceS: number; readonly anyway: boolean }): Promise<string>;
  /** Goes back to the token the rotation began with. */
  abortRotation(): Promise<string>;
  /** Waits for dead members no longer. */
  finishRotation(): Promise<string>;
  /** The same operations, asked by this user: the history says so. */
  by(user: string): Operations;
  /** Hands everything over, leaves the cluster for good, cleans the kernel; the agent ends after answering. */
  leave(): Promise<string>;
}

/** One line of a diagnosis of this machine. */
export interface Finding {
  readonly what: string;
  readonly state: "ok" | "warning" | "missing";
  readonly detail: string;
  /** The command that mends it, or null. */
  readonly remedy: string | null;
  /** The kernel switches it is about, one by one. */
  readonly switches?: readonly SwitchFinding[];
}

/** A kernel switch troop sets. */
export interface SwitchFinding {
  readonly name: string;
  /** Its value; null when this kernel does not have it, or not yet. */
  readonly now: string | null;
  /** What troop makes it, and for which services: `1`, `0 or 1`, `1 with nat`. */
  readonly wanted: string;
  readonly why: string;
}
