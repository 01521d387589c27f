/**
 * A scenario: a lab test that gets a fresh lab, shows the ends of all logs when it fails, and leaves
 * nothing running whatever happens.
 */
import { test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type HostPlan, Lab } from "./lab.ts";
import { lastWords } from "./last_words.ts";
import { startWebServer } from "./web_server.ts";
import type { LabProcess } from "./process.ts";
import { awaitOneHolder, awaitServersUp, startCluster, TroopNode } from "./troop.ts";

/** A scenario that takes longer than this hangs, ms, unless it says otherwise. */
const SCENARIO_LIMIT_MS = 150_000;
/** Time to show logs and take the lab down, ms. */
const END_MS = 30_000;
/** Lines of each log that are shown when a scenario fails. */
const LOG_TAIL_LINES = 30;
/** The VIP of scenarios that need one, and another for those that need two. */
export const VIP = "192.168.6.240";
/** See {@link VIP}. */
export const SECOND_VIP = "192.168.6.241";

/** Two directors that are real servers too, each with both networks, and a client. */
export const streamlined: readonly HostPlan[] = [
  { name: "client", number: 2 },
  { name: "n1", number: 4, networks: ["public", "private"] },
  { name: "n2", number: 5, networks: ["public", "private"] },
];

/** What a scenario is made of. */
export interface ScenarioOptions {
  readonly slug: string;
  readonly hosts: readonly HostPlan[];
  /** Default {@link SCENARIO_LIMIT_MS}. */
  readonly limitMs?: number;
}

/** Declares a scenario. Its name is a sentence; its logs are kept under `.cache/lab/SLUG`. */
export function scenario(
  name: string,
  options: ScenarioOptions,
  body: (lab: Lab) => Promise<void>,
): void {
  const { limitMs = SCENARIO_LIMIT_MS } = options;
  test(name, async () => {
    await using lab = await Lab.create(options.slug, options.hosts);
    try {
      await Promise.race([body(lab), deadline(limitMs)]);
    } catch (error) {
      showLogs(lab.folder);
      const words = [(error as Error).message, ...lastWords(lab.folder)];
      throw new Error(words.join("\n"), { cause: error });
    }
  }, limitMs + END_MS);
}

/** Rejects when a scenario has had its time: bun would go on to the next and leave this one's lab standing. */
async function deadline(limitMs: number): Promise<never> {
  await Bun.sleep(limitMs);
  throw new Error(`run scenario: not finished after ${limitMs / 1000} s`);
}

/** A whole service: agents, web servers, a VIP with both real servers in its pool. */
export interface Service {
  readonly client: ReturnType<Lab["host"]>;
  readonly nodes: readonly TroopNode[];
  readonly webServers: ReadonlyMap<string, LabProcess>;
  /** The node that holds the VIP at the beginning. */
  readonly holder: TroopNode;
  readonly others: readonly TroopNode[];
  /** The first of the others. */
  readonly other: TroopNode;
}

/** How the service of {@link startService} differs from the usual one. */
export interface ServiceOptions {
  /** Names of the nodes; default n1 and n2. */
  readonly nodes?: readonly string[];
  /** Name of the cluster, where there are several. */
  readonly cluster?: string;
  /** Default {@link VIP}. */
  readonly vip?: string;
  /** Default `rr`: half of all requests go to each server, so a dead one in the pool shows at once. */
  readonly scheduler?: string;
  /** The nodes' program; default what `./task build` makes. */
  readonly binary?: string;
  /** Called before the agents start, to change a node's file. */
  readonly configure?: (node: TroopNode) => void;
}

/** Starts web servers and agents on the nodes, adds a service for the VIP, waits until it is complete. */
export async function startService(lab: Lab, options: ServiceOptions = {}): Promise<Service> {
  const { vip = VIP } = options;
  const nodes = (options.nodes ?? ["n1", "n2"]).map((name) =>
    new TroopNode(lab, lab.host(name), options.cluster)
  );
  for (const node of nodes) node.binary = options.binary ?? node.binary;
  const servers = await Promise.all(nodes.map((node) => startWebServer(lab, node.host)));
  const webServers = new Map(nodes.map((node, index) => [node.name, servers[index]!]));
  await startCluster(nodes, options.configure);
  await nodes[0]!.troop(...addService(vip, options.scheduler ?? "rr"));
  const { holder, others } = await awaitOneHolder(vip, nodes);
  for (const node of nodes) await awaitServersUp(node, vip, { count: nodes.length });
  return { client: lab.host("client"), nodes, webServers, holder, others, other: others[0]! };
}

/** The words that add the usual web service for a VIP. */
export function addService(vip: string, scheduler: string): string[] {
  const check = ["--check", "http://:80/index.html", "--expect", "Test Page"];
  return ["service", "add", `${vip}:80`, "--scheduler", scheduler, ...check];
}

function showLogs(folder: string): void {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".log")).toSorted()) {
    const lines = readFileSync(join(folder, name), "utf8").trimEnd().split("\n");
    if (lines.join("") === "") continue;
    process.stderr.write(`--- ${name}, last ${LOG_TAIL_LINES} of ${lines.length} lines\n`);
    process.stderr.write(`${lines.slice(-LOG_TAIL_LINES).join("\n")}\n`);
  }
}
