/**
 * A large table into an empty kernel: `ipvsadm -R` reads it as a file, keepalived reads it as its configuration,
 * troop writes it through the same port its agent uses. All write the same rows, which is checked.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { wallMs } from "../lab/client_common.ts";
import { Lab } from "../lab/lab.ts";
import { run } from "../lab/process.ts";
import { startKeepalived } from "./keepalived.ts";
import {
  asIpvsadmFile,
  asKeepalivedConfig,
  largeTable,
  SERVERS_PER_SERVICE,
} from "../lab/large_table.ts";
import { RowWatch } from "./row_watch.ts";
import { median } from "./median.ts";
import { VIP } from "./subject.ts";

/** Each way is measured so often, in turns; the median counts. */
const ROUNDS = 3;
/** How often it is looked whether keepalived is through, ms: each look takes about one, and there is one CPU. */
const LOOK_MS = 50;
/** keepalived takes seconds, ms. */
const LOAD_LIMIT_MS = 120_000;

/** One way of filling the table. */
export interface TableMeasurement {
  readonly subject: string;
  readonly ms: number;
  /** Rows in the kernel afterwards, services and real servers. */
  readonly rows: number;
}

/** The ways. Each fills the table of a fresh machine and tells how long that took, ms. */
const ways: readonly (readonly [subject: string, fill: (lab: Lab) => Promise<number>])[] = [
  ["ipvsadm -R", fillByIpvsadm],
  ["keepalived, its start", fillByKeepalived],
  ["troop", fillByTroop],
];

/** Fills the table in all ways, each time on a fresh machine. Throws when two tables differ. */
export async function measureTables(): Promise<TableMeasurement[]> {
  const filled: { measurement: TableMeasurement; table: string }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [subject, fill] of ways) filled.push(await onFreshMachine(subject, fill));
  }
  if (new Set(filled.map(({ table }) => table)).size > 1) {
    throw new Error("fill table: the tables differ");
  }
  return ways.map(([subject]) => {
    const measured = filled.map(({ measurement }) => measurement)
      .filter((measurement) => measurement.subject === subject);
    return { ...measured[0]!, ms: median(measured.map(({ ms }) => ms)) };
  });
}

/** For `ipvsadm -R`, its start included. */
async function fillByIpvsadm(lab: Lab): Promise<number> {
  const file = asIpvsadmFile(largeTable());
  const started = performance.now();
  await run(lab.host("n1").command(["ipvsadm", "-R"]), file);
  return performance.now() - started;
}

/** For keepalived from its start to the last real server, which it adds last. */
async function fillByKeepalived(lab: Lab): Promise<number> {
  const host = lab.host("n1");
  const file = join(lab.scratch, "keepalived.conf");
  const rows = largeTable();
  writeFileSync(file, asKeepalivedConfig(rows));
  const last = rows.at(-1)!;
  const watch = await RowWatch.start({ host, address: VIP, port: last.port, everyMs: LOOK_MS });
  const started = wallMs();
  startKeepalived(lab, host, { file, part: "check" });
  const ended = await watch.since(
    (weights) => Object.keys(weights).length === SERVERS_PER_SERVICE,
    { what: "keepalived has filled the table", limitMs: LOAD_LIMIT_MS },
  );
  await watch.stop();
  return ended - started;
}

/** For the agent's port, as its program measures it: an agent runs already when its table is filled. */
async function fillByTroop(lab: Lab): Promise<number> {
  const program = join(import.meta.dir, "table_load_troop.ts");
  return Number(await lab.host("n1").run(process.execPath, program));
}

async function onFreshMachine(
  subject: string,
  fill: (lab: Lab) => Promise<number>,
): Promise<{ measurement: TableMeasurement; table: string }> {
  await using lab = await Lab.create("bench-table", [{ name: "n1", number: 4 }]);
  const ms = await fill(lab);
  const lines = (await lab.host("n1").run("ipvsadm", "-Sn")).trim().split("\n").toSorted();
  return { measurement: { subject, ms, rows: lines.length }, table: lines.join("\n") };
}
