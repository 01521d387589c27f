/**
 * What operations make of a row, as the kernel does it: a changed server keeps its counters.
 */
import { formatEndpoint } from "../../src/core/address.ts";
import {
  NO_COUNTERS,
  NO_TRAFFIC,
  type ObservedService,
  type TableOperation,
} from "../../src/core/table/table.ts";

/** The row after the operation; null when there is none. */
export function rowAfter(
  row: ObservedService | null,
  operation: TableOperation,
): ObservedService | null {
  switch (operation.kind) {
    case "addService":
    case "editService":
      return {
        ...operation.service,
        altered: false,
        traffic: row?.traffic ?? NO_TRAFFIC,
        servers: row?.servers ?? [],
      };
    case "removeService":
      return null;
  }
  if (row === null) return null;
  const isMeant = (server: { address: string; port: number }) =>
    formatEndpoint(server) === formatEndpoint(operation.server);
  const others = row.servers.filter((server) => !isMeant(server));
  if (operation.kind === "removeServer") return { ...row, servers: others };
  const counters = row.servers.find(isMeant)?.counters ?? NO_COUNTERS;
  return { ...row, servers: [...others, { ...operation.server, counters }] };
}
