/**
 * Writes the large table through the agent's own port to the kernel, and prints how long it took, ms. A
 * program of its own because it runs in a machine's network namespace.
 *
 * A small table is written and removed before: an agent has been running for a while when its table is
 * filled, with its code compiled and its memory touched, and that is what is measured.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TableOperation } from "../../src/core/table/table.ts";
import { openKernel } from "../../src/shell/kernel/kernel.ts";
import { asOperations, largeTable } from "../lab/large_table.ts";

/** Operations of one round before the measurement, and rounds: a few per cent of the table. */
const WARM_OPERATIONS = 1_100;
const WARM_ROUNDS = 3;

const folder = mkdtempSync(join(process.env["TMPDIR"] ?? "/tmp", "troop-bench-"));
const operations = asOperations(largeTable());
const kernel = await openKernel({ privateFolder: folder, director: true, neighbour: () => {} });
await warmUp();
const started = performance.now();
const failed = (await kernel.table.apply(operations)).filter((error) => error !== null);
const tookMs = performance.now() - started;
kernel.close();
rmSync(folder, { recursive: true, force: true });
if (failed.length > 0) {
  throw new Error(`fill table: ${failed.length} failed: ${failed[0]?.message}`);
}
process.stdout.write(`${tookMs}\n`);

/** Writes the first rows and removes them again, a few times. */
async function warmUp(): Promise<void> {
  const some = operations.slice(0, WARM_OPERATIONS);
  for (let round = 0; round < WARM_ROUNDS; round += 1) {
    await kernel.table.apply(some);
    await kernel.table.apply(
      some.flatMap((operation): TableOperation[] =>
        operation.kind === "addService"
          ? [{ kind: "removeService", service: operation.service }]
          : []
      ),
    );
  }
}
