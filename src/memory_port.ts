/**
 * The port to what an agent remembers over a restart beside its document. See shell/files/agent_memory.ts.
 */
import type { Ip } from "./core/address.ts";
import type { NodeId } from "./core/document/document.ts";
import type { NodeRecord } from "./core/cluster/record.ts";
import type { TableTimeouts } from "./core/table/table.ts";
import type { ServiceKey } from "./core/service/service.ts";

/** Remembers what switches were before. */
export interface SavedSwitches {
  /** Whether the first value is on disk: only then may the kernel be touched. */
  has(name: string): boolean;
  /** Notes first values; what is noted stays. Resolves when they are on disk, rejects when the disk refuses. */
  save(values: readonly (readonly [name: string, value: string])[]): Promise<void>;
  entries(): [string, string][];
  clear(): Promise<void>;
}

/** Remembers what the table's timeouts were before troop changed them. */
export interface SavedTimeouts {
  /** As it is on disk; null: troop has not changed them. */
  get(): TableTimeouts | null;
  /** Resolves when it is on disk, rejects when the disk refuses. */
  set(timeouts: TableTimeouts | null): Promise<void>;
}

/** Remembers which rows of the kernel's table troop made. */
export interface OwnedRows {
  has(key: ServiceKey): boolean;
  /** Resolves when it is on disk: only then may the kernel be touched. Rejects when the disk refuses. */
  add(keys: readonly ServiceKey[]): Promise<void>;
  delete(keys: readonly ServiceKey[]): Promise<void>;
  keys(): ServiceKey[];
}

/** Where a peer is reached. */
export interface PeerContact {
  readonly id: NodeId;
  readonly addresses: readonly Ip[];
  readonly port: number;
}

/** What an agent remembers over a restart beside document and peers. */
export interface AgentMemory {
  readonly savedSwitches: SavedSwitches;
  readonly savedTimeouts: SavedTimeouts;
  readonly owned: OwnedRows;
  /** Epochs of the VIPs this node held when it last said so. */
  claims(): ReadonlyMap<Ip, number>;
  /** Peers of an earlier run, to be found again before they are heard of. */
  knownPeers(): readonly PeerContact[];
  rememberPeers(peers: readonly PeerContact[]): void;
  /** Last records of the peers of an earlier run: with them pulses flow before gossip has found anybody. */
  records(): readonly NodeRecord[];
  saveRecords(records: readonly NodeRecord[]): void;
  /** Highest epoch seen of every VIP, this node's or others'. */
  epochs(): ReadonlyMap<Ip, number>;
  /** Whether it was there, of claims and epochs or of peers, and could not be read. */
  readonly claimsLost: boolean;
  readonly peersLost: boolean;
  saveClaims(claims: ReadonlyMap<Ip, number>, epochs: ReadonlyMap<Ip, number>): void;
  /** VIPs of an earlier run: their leftovers are troop's to remove. */
  vips(): readonly Ip[];
  saveVips(vips: readonly Ip[]): void;
}
