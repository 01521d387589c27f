/**
 * Runs of simulated clusters. After every event three things are asked of the kernels: no new connection can
 * run in a circle, never do two machines answer for a VIP longer than allowed, and no connection was cut because its
 * server was taken out of the table.
 */
import fc from "fast-check";
import type { Ip } from "../../src/core/address.ts";
import type { Edit } from "../../src/core/document/document.ts";
import { type Service, serviceKey } from "../../src/core/service/service.ts";
import type { Status } from "../../src/core/status/status.ts";
import { runAtOnce } from "../../src/core/steps.ts";
import { LEASE_S } from "../../src/core/timing.ts";
import { service, VIP } from "../support/cluster_views.ts";
import { circleText, type NodeOptions, SimCluster } from "./cluster.ts";
import { World } from "./world.ts";

/** The service of runs that are given none. */
export const SERVICE = service();
/** Longest time two machines whose agents run may answer for one VIP, ms: two beats after a partition heals. */
const OVERLAP_MS_MAX = 250;
/** Longest time a machine may answer whose agent does not run, ms: its kernel does until the lease ends. */
const ALONE_MS_MAX = LEASE_S * 1_000;

/** See the head of this file. */
export interface Run {
  readonly world: World;
  readonly cluster: SimCluster;
  /** Lets time pass and checks the invariants after every event. */
  readonly pass: (durationMs: number) => Promise<void>;
  /** Longest stretch in which nobody answered for one of the VIPs since the last call. */
  readonly silence: () => number;
}

/** What a run is made of. */
export interface RunOptions {
  readonly nodes?: readonly NodeOptions[];
  readonly services?: readonly Service[];
  /** What is entered with the services. */
  readonly edits?: readonly Edit[];
  /** Machines without an agent, whose servers work. */
  readonly machines?: readonly Ip[];
  /** VIPs that are watched; those of the services are in any case. */
  readonly vips?: readonly Ip[];
  readonly seed?: number;
  /** Time a change of a table takes, ms. */
  readonly tableMs?: number;
}

/** How long a VIP has been silent, or answered for by two, or by a kernel without its agent. */
class Watch {
  readonly #run: { readonly world: World; readonly cluster: SimCluster };
  readonly #vip: Ip;
  #overlapFromMs: number | null = null;
  #silentFromMs: number | null = null;
  /** When agents were last seen running, by node. */
  readonly #ranMs = new Map<string, number>();
  silenceMs = 0;

  constructor(run: { world: World; cluster: SimCluster }, vip: Ip) {
    this.#run = run;
    this.#vip = vip;
  }

  look(): void {
    const { cluster, world: { nowMs } } = this.#run;
    const answering = cluster.answering(this.#vip);
    for (const { name, agent, paused } of cluster.nodes) {
      if (agent !== null && !paused) this.#ranMs.set(name, nowMs);
    }
    const running = answering.filter((name) => this.#ranMs.get(name) === nowMs);
    this.#overlapFromMs = running.length > 1 ? this.#overlapFromMs ?? nowMs : null;
    if (this.#overlapFromMs !== null && nowMs - this.#overlapFromMs > OVERLAP_MS_MAX) {
      throw broken(this.#run, `${running} answer for ${this.#vip}`);
    }
    for (const name of answering) {
      if (nowMs - (this.#ranMs.get(name) ?? -Infinity) <= ALONE_MS_MAX) continue;
      throw broken(this.#run, `${name} answers for ${this.#vip} without an agent`);
    }
    this.#silentFromMs = answering.length === 0 ? this.#silentFromMs ?? nowMs : null;
    if (this.#silentFromMs !== null) {
      this.silenceMs = Math.max(this.silenceMs, nowMs - this.#silentFromMs);
    }
  }

  forget(): number {
    const { silenceMs } = this;
    this.silenceMs = 0;
    this.#silentFromMs = null;
    return silenceMs;
  }
}

/** An invariant that did not hold, with everything that happened before. */
export function broken(run: { world: World; cluster: SimCluster }, what: string): Error {
  return new Error(`at ${run.world.nowMs} ms ${what}\n${run.cluster.log.join("\n")}`);
}

/** A cluster whose agents do not run yet. */
export function begin(options: RunOptions = {}): Run {
  const { nodes = [{ priority: 110 }, {}], services = [SERVICE], seed = 1 } = options;
  const world = new World(seed);
  const cluster = new SimCluster(world, nodes);
  const run = { world, cluster };
  for (const node of cluster.nodes) node.kernel.tableMs = options.tableMs ?? 0;
  for (const address of options.machines ?? []) cluster.machines.set(address, true);
  const vips = new Set(options.vips ?? [VIP]);
  for (const item of services) {
    for (const vip of item.protocol === "fwm" ? item.vips : [item.address]) vips.add(vip);
  }
  const watches = [...vips].map((vip) => new Watch(run, vip));
  const check = () => {
    for (const item of services) {
      for (const circle of cluster.forwardingLoops(item)) {
        const way = circleText(circle);
        throw broken(run, `a connection of ${serviceKey(item)} can run ${way}`);
      }
    }
    for (const watch of watches) watch.look();
    for (const { name, kernel } of cluster.nodes) {
      if (kernel.cut.length > 0) throw broken(run, `${name} cut ${kernel.cut.join(", ")}`);
    }
  };
  return {
    ...run,
    pass: (durationMs) => world.run(durationMs, check),
    silence: () => Math.max(...watches.map((watch) => watch.forget())),
  };
}

/** A cluster that serves. */
export async function serving(options: RunOptions = {}): Promise<Run> {
  const run = begin(options);
  run.cluster.start();
  await run.pass(1_000);
  const services = (options.services ?? [SERVICE])
    .map((item): Edit => ({ kind: "putService", service: item }));
  // A disk takes its virtual time.
  const entered = run.cluster.node("n1").store.edit([...options.edits ?? [], ...services]);
  await run.pass(4_000);
  await entered;
  run.silence();
  return run;
}

/** What a node's status says; undefined while it runs no agent. */
export function statusOn({ cluster }: Run, name: string): Status | undefined {
  const { agent } = cluster.node(name);
  return agent === null ? undefined : runAtOnce(agent.status());
}

/** The weights in a node's kernel, by address. */
export function weights(run: Run, name: string, of: Service = SERVICE): Record<string, number> {
  const row = run.cluster.node(name).kernel.rows.get(serviceKey(of));
  return Object.fromEntries((row?.servers ?? []).map((server) => [server.address, server.weight]));
}

/** Something that happens to a node. */
export interface Fault {
  readonly kind: string;
  /** Number of the node. */
  readonly node: number;
  readonly lastsMs: number;
}

/** Faults of a cluster of three. */
export const faults: fc.Arbitrary<Fault[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("kill", "crash", "isolate", "pause", "web", "leave"),
    node: fc.integer({ min: 1, max: 3 }),
    lastsMs: fc.integer({ min: 50, max: 6_000 }),
  }),
  { minLength: 1, maxLength: 5 },
);

/** How many random runs a property makes. */
export const RUNS = Number(process.env.SIM_RUNS ?? 60);

/** Lets a fault happen, last, and end. */
export async function strike(run: Run, fault: Fault): Promise<void> {
  const { cluster } = run;
  const name = `n${fault.node}`;
  const node = cluster.node(name);
  switch (fault.kind) {
    case "kill":
      cluster.kill(name);
      await run.pass(fault.lastsMs);
      return cluster.start([name]);
    case "crash":
      cluster.crash(name);
      await run.pass(fault.lastsMs);
      cluster.boot(name);
      return cluster.start([name]);
    case "isolate":
      cluster.isolate(name);
      await run.pass(fault.lastsMs);
      return cluster.heal(name);
    case "pause":
      node.paused = true;
      await run.pass(fault.lastsMs);
      node.paused = false;
      return;
    case "web":
      node.serving = false;
      await run.pass(fault.lastsMs);
      node.serving = true;
      return;
    case "leave":
      node.agent?.receive({ kind: "leave" });
      await run.pass(Math.max(fault.lastsMs, 6_000));
      cluster.kill(name);
      return cluster.start([name]);
  }
}
