/**
 * What an agent that adopts VIPs reads before it touches the table: who gets connections by the rows that an earlier run
 * of it left. See core/pool/inherited.ts.
 */
import { formatEndpoint } from "../core/address.ts";
import { serviceKey } from "../core/service/service.ts";
import type { InheritedRows } from "../core/state/inherited_rows.ts";
import type { Table } from "../ports.ts";

/** Asks the kernel. Rejects as {@link Table.list} does. */
export async function inheritedRows(table: Pick<Table, "list">): Promise<InheritedRows> {
  const rows = await table.list();
  return new Map(rows.map((row) => {
    const serving = row.servers.filter(({ weight }) => weight > 0);
    return [serviceKey(row), new Set(serving.map(formatEndpoint))];
  }));
}
