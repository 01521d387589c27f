/**
 * Rows that the kernel has under the key of a service before troop made one there: somebody made them by hand.
 *
 * Where a service is entered such a row is reason to refuse. On the other nodes troop takes it over: one service is
 * the same on every node, and a table that says otherwise could send packets in circles between them. Its servers are
 * drained as any that is removed, and the log has the row as it was, to be put back by `ipvsadm -R`.
 */
import { saveText } from "../core/table/ipvsadm_text.ts";
import {
  formatServiceName,
  type Service,
  type ServiceKey,
  serviceKey,
} from "../core/service/service.ts";
import type { ObservedService } from "../core/table/table.ts";
import type { Table } from "../ports.ts";
import type { Logger } from "./logger.ts";

/** Rows asked for between two turns of everybody else: a millisecond or two. */
const ROWS_PER_TURN = 16;

/** What this needs of the table lane. */
export interface TakenRowsOptions {
  readonly table: Pick<Table, "get">;
  readonly log: Pick<Logger, "warn">;
  readonly pause: () => Promise<void>;
}

/**
 * Takes over what the kernel has for services that are new here, and tells it. `observed` gets the rows that nobody
 * had asked for yet; `counted`: it has just been read whole.
 */
export async function takeOver(
  options: TakenRowsOptions,
  services: readonly Service[],
  { observed, counted }: { observed: Map<ServiceKey, ObservedService>; counted: boolean },
): Promise<void> {
  if (!counted) await readRows(options, services, observed);
  for (const service of services) {
    const row = observed.get(serviceKey(service));
    // One without servers is nothing lost, and may be what was tried here when the service was entered.
    if (row !== undefined && row.servers.length > 0) tellTaken(options.log, row);
  }
}

async function readRows(
  { table, pause }: TakenRowsOptions,
  services: readonly Service[],
  observed: Map<ServiceKey, ObservedService>,
): Promise<void> {
  for (const [index, service] of services.entries()) {
    if (index > 0 && index % ROWS_PER_TURN === 0) await pause();
    const row = await table.get(service);
    if (row !== null) observed.set(serviceKey(row), row);
  }
}

function tellTaken(log: TakenRowsOptions["log"], row: ObservedService): void {
  const was = saveText([row]).trimEnd();
  log.warn(
    { was },
    `the kernel had a row for ${
      formatServiceName(row)
    } that is not troop's: taken over, its servers are drained; ` +
      `what it was, for \`ipvsadm -R\`: ${was.split("\n").join("; ")}`,
  );
}
