/**
 * `./task growth`: measures clusters of growing size, simulates those this machine does not carry, prints the table with
 * the exponents, writes `.cache/growth.json` and draws `docs/growth.svg`. Ends with 1 when a cost grows too fast. With
 * `--draw` it only draws what was last measured.
 *
 * It runs in a network namespace of its own, where the loopback interface carries the cluster alone.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { draw } from "./drawing.ts";
import type { Growth } from "./growth.ts";
import { measure, NotCarried } from "./measure.ts";
import { tableOf, verdictOf } from "./report.ts";
import { simulate } from "./simulate.ts";

const REAL_SIZES = [2, 5, 10, 20];
const SIMULATED_SIZES = [50, 100];
const REST_MS = 10_000;
/** A beat of the slowest records, virtual ms. */
const SIMULATED_REST_MS = 10_000;

const repository = resolve(import.meta.dir, "../..");
const figures = join(repository, ".cache/growth.json");

const rows = process.argv.includes("--draw")
  ? JSON.parse(readFileSync(figures, "utf8")) as Growth[]
  : await measureAll();
process.stdout.write(`${tableOf(rows)}\n\n`);
const verdict = verdictOf(rows);
process.stdout.write(`${verdict.text}\n`);
mkdirSync(join(repository, "docs"), { recursive: true });
writeFileSync(join(repository, "docs/growth.svg"), draw(rows));
process.exit(verdict.ok ? 0 : 1);

async function measureAll(): Promise<Growth[]> {
  const measured: Growth[] = [];
  const add = (row: Growth) => {
    measured.push(row);
    writeFileSync(figures, JSON.stringify(measured, null, 1));
    process.stderr.write(`${row.nodes} nodes, ${row.kind}: done\n`);
  };
  let carried = true;
  for (const nodes of REAL_SIZES) {
    const row: Growth | null = carried ? await measureIfCarried(nodes) : null;
    carried = row !== null;
    add(row ?? await simulate(nodes, SIMULATED_REST_MS));
  }
  for (const nodes of SIMULATED_SIZES) add(await simulate(nodes, SIMULATED_REST_MS));
  return measured;
}

/** As many real nodes as this machine carries; null when they are too many, which is told. */
async function measureIfCarried(nodes: number): Promise<Growth | null> {
  try {
    return await measure(nodes, REST_MS);
  } catch (error) {
    if (!(error instanceof NotCarried)) throw error;
    process.stderr.write(`${error.message}; simulated from here on\n`);
    return null;
  }
}
