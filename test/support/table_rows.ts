/**
 * Rows of the IPVS table for tests.
 */
import { NO_COUNTERS, type ObservedService, type TableService } from "../../src/core/table.ts";
import { VIP } from "./cluster_views.ts";

export { NO_COUNTERS };

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
