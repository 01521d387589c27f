/**
 * Reports one row of the kernel's table whenever it has changed, as a JSON line ({@link RowReport}). A program of
 * its own because it runs in a machine's network namespace; `--address`, `--port` name the TCP service, `--every`
 * the time between two looks, ms.
 *
 * It asks the kernel for this row alone: `ipvsadm` takes longer to start than what is measured.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { openIpvs, openLibraries } from "../../ffi/mod.ts";
import { createKernelTable } from "../../src/shell/kernel/kernel_table.ts";
import { argument, wallMs } from "../lab/client_common.ts";

/** A row as it was at a moment. */
export interface RowReport {
  /** Wall clock, ms since 1970 with fraction. */
  readonly at: number;
  /** Weights by address of the real server; null without such a service. */
  readonly weights: Readonly<Record<string, number>> | null;
}

// The lab's scratch folders are gone with it.
const privateFolder = mkdtempSync(join("/run/lab", "rows-"));
const libraries = await openLibraries({ privateFolder });
const table = createKernelTable({
  table: openIpvs(libraries),
  daemons: openIpvs(libraries),
  now: () => performance.now(),
});
const name = {
  address: argument("address"),
  port: Number(argument("port")),
  protocol: "tcp" as const,
};
const everyMs = Number(argument("every"));
let told = "";
for (;;) {
  const row = await table.get(name);
  const at = wallMs();
  const weights = row === null
    ? null
    : Object.fromEntries(row.servers.map((server) => [server.address, server.weight]));
  const text = JSON.stringify(weights);
  if (text !== told) process.stdout.write(`${JSON.stringify({ at, weights })}\n`);
  told = text;
  await Bun.sleep(everyMs);
}
