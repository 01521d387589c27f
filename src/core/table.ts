/**
 * The IPVS table as plain data: what the kernel reports, what this node wants, and the operations
 * between the two. The full set of kernel attributes is known to `ffi`; here is what decisions need.
 */
import type { Ip } from "./address.ts";
import type { Forwarding, Scheduler, ServiceName } from "./service.ts";

/** Largest weight IPVS takes (tools/ipvsadm and keepalived agree on 16 bits; include/uapi/linux/ip_vs.h has a plain int). */
export const WEIGHT_MAX = 65_535;

/** One real server of a row. */
export interface TableServer {
  readonly address: Ip;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding;
}

/** One virtual service with its real servers. */
export interface TableService extends ServiceName {
  readonly scheduler: Scheduler;
  readonly servers: readonly TableServer[];
}

/** Counters the kernel keeps for a real server. */
export interface ServerCounters {
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** Counters of a server that is new to the kernel. */
export const NO_COUNTERS: ServerCounters = {
  activeConnections: 0,
  inactiveConnections: 0,
  persistentConnections: 0,
  connections: 0,
  inPackets: 0,
  outPackets: 0,
  inBytes: 0,
  outBytes: 0,
};

/** A real server as the kernel reports it. `forwarding` may be a method troop does not use, in a row that is not troop's. */
export interface ObservedServer {
  readonly address: Ip;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding | "other";
  readonly counters: ServerCounters;
}

/** A virtual service as the kernel reports it. `altered` tells that flags, persistence or engine are set, which troop never does here. */
export interface ObservedService extends ServiceName {
  readonly scheduler: string;
  readonly altered: boolean;
  readonly servers: readonly ObservedServer[];
}

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

/** Which sync daemons run in this network namespace. `syncId` separates clusters on one LAN. */
export interface SyncDaemons {
  readonly master: { readonly interface: string; readonly syncId: number } | null;
  readonly backup: { readonly interface: string; readonly syncId: number } | null;
}
