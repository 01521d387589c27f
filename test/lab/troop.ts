/**
 * Drives the real program, `dist/troop`, on machines of the lab, as an operator would: by its command line.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { parseEventLine, type TroopEvent } from "../../src/core/event.ts";
import { homeIn } from "../../src/core/home.ts";
import type { Status, StatusNode, StatusVip } from "../../src/core/status/status.ts";
import { adminClient } from "../../src/http/admin_client.ts";
import { type Host, networks } from "./host.ts";
import type { Lab } from "./lab.ts";
import { operate } from "./operator.ts";
import type { LabProcess } from "./process.ts";
import { waitFor } from "./wait.ts";

/** The program as it is built. */
export const BINARY: string = resolve(import.meta.dir, "../../dist/troop");
/** The same program with another version, to upgrade to; `./task build` makes both. */
export const NEXT_BINARY: string = resolve(import.meta.dir, "../../.cache/next/troop");
/** The program of another revision; `./task upgrade` makes it. */
export const EARLIER_BINARY: string = resolve(import.meta.dir, "../../.cache/earlier/dist/troop");
/** Name of the cluster, where it does not matter. */
const CLUSTER = "lab";
/** Time for an agent to answer for the first time, and for a small cluster to agree, ms. */
const START_LIMIT_MS = 30_000;

/** Time for a node to see what is wrong with itself or another, ms: a rotation of the token takes some seconds. */
const WARNING_LIMIT_MS = 60_000;
/** Events of one node that are looked at: more than any scenario makes. */
const EVENTS_MAX = 1_000;

/** One node: the program's files, and its agent once it runs. */
export class TroopNode {
  readonly host: Host;
  readonly home: string;
  /** Its program. */
  binary: string = BINARY;
  readonly #cluster: string;
  #agent: LabProcess | null = null;

  /** `cluster`: name of the cluster it begins; one that it joins has its own. */
  constructor(lab: Lab, host: Host, cluster = CLUSTER) {
    this.host = host;
    this.#cluster = cluster;
    this.home = join(lab.scratch, `troop-${host.name}`);
    mkdirSync(this.home, { recursive: true });
  }

  get name(): string {
    return this.host.name;
  }

  /** The agent that was started last. */
  get agent(): LabProcess {
    if (this.#agent === null) throw new Error(`find agent: none was started on ${this.name}`);
    return this.#agent;
  }

  /** What an operator types here, see {@link operate}; throws when it is refused. */
  troop(...words: string[]): Promise<string> {
    return operate(["--home", this.home, ...words]);
  }

  /** Runs the program itself on this machine; throws when it refuses. */
  program(...words: string[]): Promise<string> {
    return this.host.run(this.binary, "--home", this.home, ...words);
  }

  /** Makes this node a cluster of one. */
  async init(): Promise<void> {
    await this.program("init", "--cluster", this.#cluster, ...this.#identity());
    this.#useEveryNetwork();
  }

  /** Makes this node a member of the cluster of another. */
  async join(other: TroopNode): Promise<void> {
    const token = await other.token();
    await this.program("join", other.host.address, "--token", token, ...this.#identity());
    this.#useEveryNetwork();
  }

  /** The cluster's token. */
  async token(): Promise<string> {
    const printed = await this.troop("token");
    const token = /troop1-[0-9a-f]{64}/.exec(printed)?.[0];
    if (token === undefined) throw new Error(`read token: there is none in "${printed.trim()}"`);
    return token;
  }

  /** Changes this node's file, as an operator with an editor. */
  configure(changes: Readonly<Record<string, unknown>>): void {
    const file = join(this.home, "troop.yaml");
    const before = parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    writeFileSync(file, stringify({ ...before, ...changes }), { mode: 0o600 });
  }

  /** Starts the agent; resolves when it answers. */
  async run(): Promise<void> {
    this.#agent = this.host.start([this.binary, "--home", this.home, "run"], { label: "troop" });
    await waitFor(() => this.#answers(), {
      what: `the agent of ${this.name} answers`,
      limitMs: START_LIMIT_MS,
    });
  }

  /** What this node says about the cluster. */
  status(): Promise<Status> {
    return adminClient(homeIn(this.home)).status();
  }

  /** What changed on this node so far, oldest first. */
  async events(): Promise<TroopEvent[]> {
    const printed = await this.troop("events", "--json", "-n", String(EVENTS_MAX));
    return printed.split("\n").flatMap((line) => parseEventLine(line) ?? []);
  }

  async #answers(): Promise<boolean> {
    if (!this.agent.running) throw new Error(`the agent ended:\n${this.agent.tail(15)}`);
    await this.status();
    return true;
  }

  #identity(): string[] {
    const { name, address } = this.host;
    return ["--name", name, "--interface", networks.public.interface, "--address", address];
  }

  /** The second heartbeat path, on machines that have one. */
  #useEveryNetwork(): void {
    if (!this.host.networks.includes("private")) return;
    this.configure({ heartbeat: [this.host.addressOn("private")] });
  }
}

/** Fails early, with the remedy, when there is no program to test. */
export function requireProgram(): void {
  if (existsSync(BINARY)) return;
  throw new Error("find dist/troop: it is not built; run ./task build");
}

/**
 * Makes one cluster of the nodes and starts all agents; resolves when everybody sees everybody alive. `configure`
 * changes a node's files before its agent starts.
 */
export async function startCluster(
  nodes: readonly TroopNode[],
  configure: (node: TroopNode) => void | Promise<void> = () => {},
): Promise<void> {
  requireProgram();
  const [first, ...rest] = nodes;
  if (first === undefined) throw new Error("start cluster: no nodes");
  await first.init();
  await configure(first);
  await first.run();
  for (const node of rest) {
    await node.join(first);
    await configure(node);
  }
  await Promise.all(rest.map((node) => node.run()));
  await awaitAllAlive(nodes);
}

/** Waits until each of the nodes sees all of them alive. */
export async function awaitAllAlive(nodes: readonly TroopNode[]): Promise<void> {
  for (const observer of nodes) {
    await waitFor(async () => {
      const alive = (await observer.status()).nodes.filter((node) => node.state === "alive");
      const missing = nodes.filter((node) => !alive.some(({ name }) => name === node.name));
      if (missing.length > 0) throw new Error(`not alive: ${missing.map((node) => node.name)}`);
      return true;
    }, { what: `${observer.name} sees every node alive`, limitMs: START_LIMIT_MS });
  }
}

/** What a node says about one node. */
export async function statusOf(observer: TroopNode, name: string): Promise<StatusNode> {
  const found = (await observer.status()).nodes.find((node) => node.name === name);
  if (found === undefined) throw new Error(`read status: ${observer.name} knows no "${name}"`);
  return found;
}

/** What a node says about a VIP. */
export async function vipOf(observer: TroopNode, vip: string): Promise<StatusVip> {
  const found = (await observer.status()).vips.find((entry) => entry.address === vip);
  if (found === undefined) throw new Error(`read status: ${observer.name} knows no VIP ${vip}`);
  return found;
}

/** Nodes that have the address on an interface now: the kernel's answer, not the agents'. */
export async function holdersOf(vip: string, nodes: readonly TroopNode[]): Promise<TroopNode[]> {
  const has = await Promise.all(nodes.map((node) => node.host.has(vip)));
  return nodes.filter((_, index) => has[index]);
}

/** Waits until exactly one of the nodes has the address on an interface; returns that node and the others. */
export async function awaitOneHolder(
  vip: string,
  nodes: readonly TroopNode[],
  limitMs = START_LIMIT_MS,
): Promise<{ holder: TroopNode; others: TroopNode[] }> {
  const holder = await waitFor(async () => {
    const found = await holdersOf(vip, nodes);
    if (found.length === 1) return found[0];
    throw new Error(`on ${found.map((node) => node.name).join(" and ") || "no node"}`);
  }, { what: `one node has ${vip}`, limitMs });
  return { holder, others: nodes.filter((node) => node !== holder) };
}

/** Waits until a node reports exactly so many real servers of a VIP up. */
export async function awaitServersUp(
  observer: TroopNode,
  vip: string,
  options: { readonly count: number; readonly limitMs?: number },
): Promise<void> {
  await waitFor(async () => {
    const services = (await observer.status()).services.filter(({ address }) => address === vip);
    const servers = services.flatMap((service) => service.servers);
    const up = servers.filter((server) => server.up).length;
    if (services.length > 0 && up === options.count) return true;
    throw new Error(
      servers.map((s) => `${s.node} ${s.up ? "up" : "down"}: ${s.reason}`).join("; "),
    );
  }, {
    what: `${observer.name} sees ${options.count} real servers of ${vip} up`,
    limitMs: options.limitMs ?? START_LIMIT_MS,
  });
}

/** Waits until a node warns, in `troop status`, in these words among others. */
export async function awaitWarning(node: TroopNode, words: string): Promise<void> {
  await waitFor(async () => {
    const { warnings = [] } = await node.status();
    if (warnings.some((line) => line.includes(words))) return true;
    throw new Error(warnings.join("; ") || "no warning");
  }, { what: `${node.name} warns: ${words}`, limitMs: WARNING_LIMIT_MS });
}
