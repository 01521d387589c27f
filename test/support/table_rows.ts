/**
 * Rows of the IPVS table for tests.
 */
import type { EndpointName } from "../../src/core/service/service_name.ts";
import {
  NO_COUNTERS,
  NO_TRAFFIC,
  type ObservedService,
  type ServerCounters,
  type TableServer,
  type TableService,
  type TableSettings,
} from "../../src/core/table/table.ts";
import { VIP } from "./cluster_views.ts";

export { NO_COUNTERS };

/** A row without servers. */
export const ROW: EndpointName & TableSettings & { readonly servers: readonly TableServer[] } = {
  address: VIP,
  port: 80,
  protocol: "tcp",
  scheduler: "wlc",
  flags: [],
  onePacket: false,
  persistence: null,
  servers: [],
};

/** What a row is like that has nothing special. */
export const PLAIN = {
  scheduler: "rr",
  flags: [],
  onePacket: false,
  persistence: null,
  servers: [],
} as const satisfies TableSettings & { readonly servers: readonly TableServer[] };
/** A web service of documentation's addresses, for tables that never see a packet. */
export const WEB = { ...PLAIN, address: "192.0.2.10", port: 80, protocol: "tcp" } as const;
/** A server that has nothing special. */
export const PLAIN_SERVER = {
  address: "10.1.0.1",
  port: 80,
  weight: 1,
  forwarding: "dr",
  tunnel: null,
  upper: 0,
  lower: 0,
} as const satisfies TableServer;

/** A server of a row: 10.0.0.INDEX, port 80. */
export function rowServer(index: number, fields: Partial<TableServer> = {}): TableServer {
  return { ...PLAIN_SERVER, address: `10.0.0.${index}`, ...fields };
}

/** Counters of a server that has connections. */
export function connected(active: number, inactive = 0): ServerCounters {
  return { ...NO_COUNTERS, activeConnections: active, inactiveConnections: inactive };
}

/** The row as the kernel reports it. */
export function observedRow(row: TableService): ObservedService {
  return {
    ...row,
    altered: false,
    traffic: NO_TRAFFIC,
    servers: row.servers.map((server) => ({ ...server, counters: NO_COUNTERS })),
  };
}
