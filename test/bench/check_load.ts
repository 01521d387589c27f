/**
 * Many checks: what 1,000 of them per second cost an agent, and whether a takeover takes longer with them.
 *
 * The servers are addresses of one machine with one nginx. What is carried is counted there, as accepted
 * connections: each check is one.
 */
import { CHECK_INTERVAL_MS_MAX, checkSchema } from "../../src/core/check.ts";
import type { Host } from "../lab/host.ts";
import { type HostPlan, Lab } from "../lab/lab.ts";
import { writeDocument } from "../lab/large_document.ts";
import { asEdits, awaitRows, countRows, type LargeTableRow } from "../lab/large_table.ts";
import { requireProgram, TroopNode } from "../lab/troop.ts";
import { startWebServer } from "../lab/web_server.ts";
import { FORGET_MS, loopDelayMs, processorMs } from "./agent_metrics.ts";
import { makeTestBed, VIP } from "./subject.ts";
import { takeOverInRounds, type TakeoverRounds } from "./takeover.ts";
import { troopSubject } from "./troop.ts";

/** Servers of each kind. */
const SERVERS_PER_KIND = 100;
const KINDS = ["http", "tcp"] as const;
/** How often one agent asks each server, ms: 1,000 checks per second. */
const INTERVAL_MS = 200;
/** Checks per second of all servers. */
const WANTED = (KINDS.length * SERVERS_PER_KIND * 1_000) / INTERVAL_MS;
const FIRST_PORT = 10_000;
/** The network of all servers, behind the machine they are on. */
const NETWORK = "10.77.0.0/16";
const farmPlan: HostPlan = { name: "farm", number: 30 };
/** A new rhythm settles, then it is measured, ms. */
const SETTLE_MS = 3_000;
const MEASURE_MS = 20_000;
/** For the rate alone, ms. */
const RATE_MS = 4_000;

/** An agent that checks. */
export interface CheckLoadMeasurement {
  /** Checks per second that were asked for, and that reached the servers. */
  readonly wanted: number;
  readonly perSecond: number;
  /** Part of the guest's processor that the agent used, 0 to 1. */
  readonly processorShare: number;
  readonly loopDelayMs: number;
}

/** Measures one agent without checks, then with all of them. */
export async function measureCheckLoads(): Promise<CheckLoadMeasurement[]> {
  requireProgram();
  await using lab = await Lab.create("bench-check-load", [{ name: "n1", number: 4 }, farmPlan]);
  const [host, farm] = [lab.host("n1"), lab.host("farm")];
  await startFarm(lab, [host]);
  const node = new TroopNode(lab, host);
  await node.init();
  const rows = checkedRows(CHECK_INTERVAL_MS_MAX);
  await writeDocument(node.home, asEdits(rows));
  await node.run();
  await awaitRows(host, countRows(rows));
  await Bun.sleep(FORGET_MS - MEASURE_MS);
  const idle = await measureAgent(node, farm, 0);
  for (const { port } of rows) {
    await node.troop(
      "service",
      "set",
      `${VIP}:${port}`,
      "--check-set",
      `interval=${INTERVAL_MS}ms`,
    );
  }
  await Bun.sleep(SETTLE_MS);
  return [idle, await measureAgent(node, farm, WANTED)];
}

async function measureAgent(
  node: TroopNode,
  farm: Host,
  asked: number,
): Promise<CheckLoadMeasurement> {
  const { pid } = node.agent;
  const startedMs = performance.now();
  const usedMs = processorMs(pid);
  const perSecond = await checksPerSecond(farm, MEASURE_MS);
  const processorShare = (processorMs(pid) - usedMs) / (performance.now() - startedMs);
  return { wanted: asked, perSecond, processorShare, loopDelayMs: await loopDelayMs(node.host) };
}

/** Takeovers next to checks. */
export interface CheckedTakeovers extends TakeoverRounds {
  /** Checks per second that each of the two directors was asked for. */
  readonly wanted: number;
  /** Checks per second that reached the servers, of both directors, before the first takeover. */
  readonly perSecond: number;
}

/** Measures takeovers while both directors check, or without. */
export async function measureCheckedTakeovers(isLoaded: boolean): Promise<CheckedTakeovers> {
  await using bed = await makeTestBed(`bench-check-takeover-${isLoaded ? "loaded" : "idle"}`, [
    farmPlan,
  ]);
  await startFarm(bed.lab, bed.nodes);
  await troopSubject.start(bed, isLoaded ? checkedRows(INTERVAL_MS) : []);
  await Bun.sleep(SETTLE_MS);
  const perSecond = await checksPerSecond(bed.lab.host("farm"), RATE_MS);
  return { wanted: isLoaded ? WANTED : 0, perSecond, ...await takeOverInRounds(bed) };
}

/** Starts all servers, and tells these machines the way to them. */
async function startFarm(lab: Lab, nodes: readonly Host[]): Promise<void> {
  const farm = lab.host("farm");
  await farm.run("ip", "route", "add", "local", NETWORK, "dev", "lo");
  await startWebServer(lab, farm, KINDS.map((_, index) => FIRST_PORT + index));
  for (const node of nodes) {
    await node.run("ip", "route", "add", NETWORK, "via", farm.address);
  }
}

/** A service for each kind, with servers of its own. */
function checkedRows(intervalMs: number): LargeTableRow[] {
  return KINDS.map((kind, index) => ({
    port: FIRST_PORT + index,
    servers: Array.from(
      { length: SERVERS_PER_KIND },
      (_, server) => `10.77.${index}.${server + 1}`,
    ),
    check: checkSchema.parse({
      kind,
      intervalMs,
      ...(kind === "http" ? { path: "/index.html", expect: "Test Page" } : {}),
    }),
  }));
}

/** Connections that the farm accepts, per second. */
async function checksPerSecond(farm: Host, forMs: number): Promise<number> {
  const startedMs = performance.now();
  const before = await accepted(farm);
  await Bun.sleep(forMs);
  const count = await accepted(farm) - before;
  return (count * 1_000) / (performance.now() - startedMs);
}

/** PassiveOpens of the machine's TCP (RFC 1213). */
async function accepted(farm: Host): Promise<number> {
  const lines = (await farm.run("cat", "/proc/net/snmp")).split("\n");
  const [names, values] = lines.filter((line) => line.startsWith("Tcp:")).map((line) =>
    line.split(" ")
  );
  return Number(values?.[names?.indexOf("PassiveOpens") ?? -1]);
}
