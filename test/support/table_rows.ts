/**
 * Rows of the IPVS table for tests.
 */
import type { ObservedService, TableService } from "../../src/core/table.ts";
import { VIP } from "./cluster_views.ts";

/** Counters of a server nobody has used. */
export const NO_COUNTERS = {
  activeConnections: 0,
  inactiveConnections: 0,
  persistentConnections: 0,
  connections: 0,
  inPackets: 0,
  outPackets: 0,
  inBytes: 0,
  outBytes: 0,
};

/** A row without servers. */
export const ROW: TableService = {
  address: VIP,
  port: 80,
  protocol: "tcp",
  scheduler: "wlc",
  servers: [],
};

/** The row as the kernel reports it. */
export function observedRow(row: TableService): ObservedService {
  return {
    ...row,
    altered: false,
    servers: row.servers.map((server) => ({ ...server, counters: NO_COUNTERS })),
  };
}
