/**
 * One weight changes in a large table: from the order until the kernel has it. For ipvsadm the order is its command,
 * for keepalived a signal to read its changed file again, for troop a request at the agent's socket.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { homeIn } from "../../src/core/home.ts";
import { adminClient } from "../../src/http/admin_client.ts";
import { wallMs } from "../lab/client_common.ts";
import type { Host } from "../lab/host.ts";
import { Lab } from "../lab/lab.ts";
import { run } from "../lab/process.ts";
import { requireProgram, TroopNode } from "../lab/troop.ts";
import { FORGET_MS, loopDelayMs } from "./agent_metrics.ts";
import { startKeepalived } from "./keepalived.ts";
import { writeDocument } from "../lab/large_document.ts";
import {
  asEdits,
  asIpvsadmFile,
  asKeepalivedConfig,
  awaitRows,
  countRows,
  largeTable,
} from "../lab/large_table.ts";
import { median } from "./median.ts";
import { RowWatch } from "./row_watch.ts";
import { VIP } from "./subject.ts";

/** Changes, one after the other, each to another weight; the median counts. */
const ROUNDS = 9;
/** Time between two, ms: what the one before has set in motion must be over. */
const REST_MS = 2_000;
/** How often the row is looked at, ms: the grain of the figures. */
const LOOK_MS = 5;
const CHANGE_LIMIT_MS = 30_000;

/** One way of changing a weight. */
export interface WeightMeasurement {
  readonly subject: string;
  /** Median and longest time until the kernel had it, ms. */
  readonly ms: number;
  readonly maxMs: number;
  readonly rows: number;
  /** Longest delay of the program's event loop meanwhile, ms; null where there is none to ask. */
  readonly loopDelayMs: number | null;
}

/** A filled table, and how to change a weight in it. */
interface Filled {
  /** What an operator does before the order, if anything. */
  prepare?(weight: number): void;
  change(weight: number): Promise<unknown>;
  /** To be asked after all changes. */
  loopDelayMs?(): Promise<number>;
}

const rows = largeTable();
/** The server whose weight changes: one in the middle. */
const row = rows[rows.length / 2]!;
const server = row.servers[row.servers.length / 2]!;

const ways: readonly (readonly [string, (lab: Lab, host: Host) => Promise<Filled>])[] = [
  ["ipvsadm -e", fillForIpvsadm],
  ["keepalived, SIGHUP", fillForKeepalived],
  ["troop", fillForTroop],
];

/** Measures all ways, each on a fresh machine. */
export async function measureWeights(): Promise<WeightMeasurement[]> {
  const measured: WeightMeasurement[] = [];
  for (const [subject, fill] of ways) measured.push(await measureWay(subject, fill));
  return measured;
}

async function measureWay(
  subject: string,
  fill: (lab: Lab, host: Host) => Promise<Filled>,
): Promise<WeightMeasurement> {
  await using lab = await Lab.create("bench-weight", [{ name: "n1", number: 4 }]);
  const host = lab.host("n1");
  const filled = await fill(lab, host);
  await awaitRows(host, countRows(rows));
  const watch = await RowWatch.start({ host, address: VIP, port: row.port, everyMs: LOOK_MS });
  if (filled.loopDelayMs !== undefined) await Bun.sleep(FORGET_MS);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await Bun.sleep(REST_MS);
    times.push(await timeOf(watch, filled, 2 + round));
  }
  return {
    subject,
    ms: median(times),
    maxMs: Math.max(...times),
    rows: countRows(rows),
    loopDelayMs: await filled.loopDelayMs?.() ?? null,
  };
}

async function timeOf(watch: RowWatch, filled: Filled, weight: number): Promise<number> {
  filled.prepare?.(weight);
  const started = wallMs();
  await filled.change(weight);
  const ended = await watch.since((weights) => weights[server] === weight, {
    what: `the kernel has weight ${weight}`,
    limitMs: CHANGE_LIMIT_MS,
  });
  return ended - started;
}

async function fillForIpvsadm(_lab: Lab, host: Host): Promise<Filled> {
  await run(host.command(["ipvsadm", "-R"]), asIpvsadmFile(rows));
  const place = ["-t", `${VIP}:${row.port}`, "-r", `${server}:${row.port}`];
  return { change: (weight) => host.run("ipvsadm", "-e", ...place, "-g", "-w", String(weight)) };
}

function fillForKeepalived(lab: Lab, host: Host): Promise<Filled> {
  const file = join(lab.scratch, "keepalived.conf");
  const prepare = (weight: number) =>
    writeFileSync(file, asKeepalivedConfig(rows, { server, weight }));
  prepare(1);
  const daemon = startKeepalived(lab, host, { file, part: "check" });
  return Promise.resolve({
    prepare,
    // To the parent alone, which tells its children.
    change: () => Promise.resolve(process.kill(daemon.pid, "SIGHUP")),
  });
}

async function fillForTroop(lab: Lab, host: Host): Promise<Filled> {
  requireProgram();
  const node = new TroopNode(lab, host);
  await node.init();
  await writeDocument(node.home, asEdits(rows));
  await node.run();
  const client = adminClient(homeIn(node.home));
  const name = { address: VIP, port: row.port, protocol: "tcp" as const };
  const reference = { address: server, port: row.port };
  return {
    change: (weight) => client.setServer(name, reference, { weight }),
    loopDelayMs: () => loopDelayMs(host),
  };
}
