/**
 * A large table into an empty kernel: `ipvsadm -R` reads it as a file, troop writes it through the same
 * port its agent uses. Both write the same rows, which is checked.
 */
import { join } from "node:path";
import { Lab } from "../lab/lab.ts";
import type { Host } from "../lab/host.ts";
import { run } from "../lab/process.ts";

const SERVICES = 1_000;
const SERVERS_PER_SERVICE = 10;
/** Each way is measured so often, in turns; the median counts. */
const ROUNDS = 3;

/** One way of filling the table. */
export interface TableMeasurement {
  readonly subject: string;
  readonly ms: number;
  /** Rows in the kernel afterwards, services and real servers. */
  readonly rows: number;
}

/** A service of the large table and its real servers, as text: `address`, `address`... */
export interface LargeTableRow {
  readonly address: string;
  readonly servers: readonly string[];
}

/** The large table: neighbouring services share no real server. */
export function largeTable(): LargeTableRow[] {
  return Array.from({ length: SERVICES }, (_, service) => ({
    address: `10.${100 + (service >> 8)}.${service & 0xff}.1`,
    servers: Array.from(
      { length: SERVERS_PER_SERVICE },
      (_, server) => `10.${150 + (service >> 8)}.${service & 0xff}.${server + 1}`,
    ),
  }));
}

/** Fills the table in both ways, each time on a fresh machine. Throws when two tables differ. */
export async function measureTables(): Promise<TableMeasurement[]> {
  const filled: { measurement: TableMeasurement; table: string }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    filled.push(await onFreshMachine("ipvsadm -R", fillByIpvsadm));
    filled.push(await onFreshMachine("troop", fillByTroop));
  }
  if (new Set(filled.map(({ table }) => table)).size > 1) {
    throw new Error("fill table: the tables differ");
  }
  return ["ipvsadm -R", "troop"].map((subject) =>
    filled.map(({ measurement }) => measurement)
      .filter((measurement) => measurement.subject === subject)
      .toSorted((a, b) => a.ms - b.ms)[Math.floor(ROUNDS / 2)]!
  );
}

/** ms for `ipvsadm -R`, its start included. */
async function fillByIpvsadm(host: Host): Promise<number> {
  const file = ipvsadmFile();
  const started = performance.now();
  await run(host.command(["ipvsadm", "-R"]), file);
  return performance.now() - started;
}

/** ms for the agent's port, as its program measures it: an agent runs already when its table is filled. */
async function fillByTroop(host: Host): Promise<number> {
  return Number(await host.run(process.execPath, join(import.meta.dir, "big_table_apply.ts")));
}

async function onFreshMachine(
  subject: string,
  fill: (host: Host) => Promise<number>,
): Promise<{ measurement: TableMeasurement; table: string }> {
  await using lab = await Lab.create("bench-table", [{ name: "n1", number: 4 }]);
  const host = lab.host("n1");
  const ms = await fill(host);
  const lines = (await host.run("ipvsadm", "-Sn")).trim().split("\n").toSorted();
  return { measurement: { subject, ms, rows: lines.length }, table: lines.join("\n") };
}

function ipvsadmFile(): string {
  return largeTable().map(({ address, servers }) => {
    const rows = servers.map((server) => `-a -t ${address}:80 -r ${server}:80 -g -w 1\n`);
    return `-A -t ${address}:80 -s wlc\n${rows.join("")}`;
  }).join("");
}
