/**
 * The IPVS table as plain data: what the kernel reports, what this node wants, and the operations
 * between the two, in the terms of decisions. The kernel's own terms are known to `ffi`.
 */
import type { Ip } from "../address.ts";
import type { Forwarding, Tunnel } from "../service/forwarding.ts";
import type { Persistence, Scheduler, SchedulerFlag } from "../service/scheduling.ts";
import type { ServiceName } from "../service/service_name.ts";

/** One real server of a row. */
export interface TableServer {
  readonly address: Ip;
  /** 0 where the client's port is kept. */
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding;
  /** Not null exactly when it is tunnelled. */
  readonly tunnel: Tunnel | null;
  /** Connection thresholds; 0 for none. */
  readonly upper: number;
  readonly lower: number;
}

/** What a row has beside its key and its servers. */
export interface TableSettings {
  readonly scheduler: Scheduler;
  readonly flags: readonly SchedulerFlag[];
  readonly onePacket: boolean;
  readonly persistence: Persistence | null;
}

/** One virtual service with its real servers. */
export type TableService = ServiceName & TableSettings & {
  readonly servers: readonly TableServer[];
};

/** What the kernel estimates over the last seconds, each per second. */
export interface Rates {
  readonly connectionsPerS: number;
  readonly inPacketsPerS: number;
  readonly outPacketsPerS: number;
  readonly inBytesPerS: number;
  readonly outBytesPerS: number;
}

/** Totals since a row was made or zeroed, and rates. */
export interface Traffic {
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
  readonly rates: Rates;
}

/** Counters the kernel keeps for a real server. */
export interface ServerCounters extends Traffic {
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
}

/** Traffic of a row that is new to the kernel. */
export const NO_TRAFFIC: Traffic = {
  connections: 0,
  inPackets: 0,
  outPackets: 0,
  inBytes: 0,
  outBytes: 0,
  rates: {
    connectionsPerS: 0,
    inPacketsPerS: 0,
    outPacketsPerS: 0,
    inBytesPerS: 0,
    outBytesPerS: 0,
  },
};

/** Counters of a server that is new to the kernel. */
export const NO_COUNTERS: ServerCounters = {
  activeConnections: 0,
  inactiveConnections: 0,
  persistentConnections: 0,
  ...NO_TRAFFIC,
};

/** A real server as the kernel reports it. `forwarding` may be a method that is only in rows that are not troop's. */
export interface ObservedServer extends Omit<TableServer, "forwarding"> {
  readonly forwarding: Forwarding | "local" | "bypass";
  readonly counters: ServerCounters;
}

/** A virtual service as the kernel reports it. `altered`: it has something troop has no word for and never sets. */
export type ObservedService = ServiceName & Omit<TableSettings, "scheduler"> & {
  readonly scheduler: string;
  readonly altered: boolean;
  readonly traffic: Traffic;
  readonly servers: readonly ObservedServer[];
};

/** One change of the table. Adding what exists and removing what is missing are done, not errors. */
export type TableOperation =
  | { readonly kind: "addService" | "editService"; readonly service: TableService }
  | { readonly kind: "removeService"; readonly service: ServiceName }
  | {
    readonly kind: "addServer" | "editServer";
    readonly service: ServiceName;
    readonly server: TableServer;
  }
  | {
    readonly kind: "removeServer";
    readonly service: ServiceName;
    readonly server: Pick<TableServer, "address" | "port">;
  };

/** A sync daemon (linux/ip_vs.h, IPVS_DAEMON_ATTR_*). `syncId` separates clusters on one LAN. */
export interface SyncDaemon {
  readonly interface: string;
  readonly syncId: number;
  /** Multicast group, its UDP port, and hops a datagram may take. */
  readonly group: Ip;
  readonly port: number;
  readonly ttl: number;
  /** Bytes of a datagram; null: what the kernel chose by the MTU. */
  readonly maxLength: number | null;
}

/** Which sync daemons run in this network namespace. */
export interface SyncDaemons {
  readonly master: SyncDaemon | null;
  readonly backup: SyncDaemon | null;
}

/** How long the kernel keeps idle connections, s. 0: not told. */
export interface TableTimeouts {
  readonly tcpS: number;
  readonly tcpFinS: number;
  readonly udpS: number;
}
