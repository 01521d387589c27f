/**
 * From what the kernel has to what this node wants, one row at a time.
 *
 * The order never leaves a service without a server: what gets connections is added before what stops
 * getting them is lowered, and removals come last. Rows that are not troop's are never passed in.
 */
import { formatEndpoint } from "./address.ts";
import type { ObservedService, TableOperation, TableServer, TableService } from "./table.ts";

/** Operations that make `observed` (null: no such row) equal to `desired`. Empty when it already is. */
export function planRow(desired: TableService, observed: ObservedService | null): TableOperation[] {
  const operations: TableOperation[] = [];
  if (observed === null) operations.push({ kind: "addService", service: desired });
  else if (observed.scheduler !== desired.scheduler || observed.altered) {
    operations.push({ kind: "editService", service: desired });
  }
  const present = new Map(
    (observed?.servers ?? []).map((server) => [formatEndpoint(server), server]),
  );
  const raise: TableOperation[] = [];
  const lower: TableOperation[] = [];
  for (const server of desired.servers) {
    const existing = present.get(formatEndpoint(server));
    present.delete(formatEndpoint(server));
    if (existing === undefined) raise.push({ kind: "addServer", service: desired, server });
    else if (!sameServer(existing, server)) {
      const list = server.weight >= existing.weight ? raise : lower;
      list.push({ kind: "editServer", service: desired, server });
    }
  }
  const remove = [...present.values()].map((server): TableOperation => ({
    kind: "removeServer",
    service: desired,
    server: { address: server.address, port: server.port },
  }));
  return [...operations, ...raise, ...lower, ...remove];
}

function sameServer(observed: ObservedService["servers"][number], desired: TableServer): boolean {
  return observed.weight === desired.weight && observed.forwarding === desired.forwarding;
}
