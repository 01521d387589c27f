/**
 * A whole cluster in one process: real agents on simulated kernels, one LAN, virtual time.
 *
 * The LAN can be cut between any two machines; agents can be killed, paused and started again; machines can
 * lose power. The invariants are asked of the kernels, never of the agents.
 */
import { Agent } from "../../src/agent/agent.ts";
import type { Ip } from "../../src/core/address.ts";
import type { NodeId } from "../../src/core/document.ts";
import type { NodeRecord } from "../../src/core/record.ts";
import { type Service, vipsOfService } from "../../src/core/service.ts";
import type { Self } from "../../src/core/state.ts";
import { TICK_MS } from "../../src/core/timing.ts";
import type { Gossip, ListenerWatch, Prober, ProbeTarget, PulseSocket } from "../../src/ports.ts";
import { SimKernel } from "./kernel.ts";
import { memoryOf, type NodeOptions, SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

export { type NodeOptions, SimNode } from "./sim_node.ts";

/** One-way delay on the LAN, virtual ms. */
const LATENCY_MS = 1;

/** See the head of this file. */
export class SimCluster {
  readonly world: World;
  readonly nodes: SimNode[] = [];
  readonly log: string[] = [];
  /** Machines without an agent, by address, and whether their servers work. */
  readonly machines = new Map<Ip, boolean>();
  /** Share of pulses that get lost. */
  loss = 0;
  /** Machines that are not plugged in: they reach nobody, and nobody reaches them. */
  readonly #isolated = new Set<SimNode>();

  constructor(world: World, options: readonly NodeOptions[]) {
    this.world = world;
    options.forEach((option, index) => this.nodes.push(new SimNode(world, index + 1, option)));
    for (const node of this.nodes) this.#wireStore(node);
  }

  /** A node by name. */
  node(name: string): SimNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  /** Starts agents on every machine, or on one. */
  start(names: readonly string[] = this.nodes.map((node) => node.name)): void {
    for (const name of names) this.#startAgent(this.node(name));
  }

  /** Ends the agent at once, as kill -9 does; the kernel keeps what it has. */
  kill(name: string): void {
    const node = this.node(name);
    node.agent = null;
    node.run++;
    for (const other of this.#inReach(node)) {
      this.world.after(
        LATENCY_MS,
        () => other.agent?.receive({ kind: "connectionClosed", id: node.id }),
      );
    }
  }

  /** Cuts the power: kernel and agent are gone at once. */
  crash(name: string): void {
    const node = this.node(name);
    node.agent = null;
    node.run++;
    node.powered = false;
  }

  /** Power is back: an empty kernel, the disk as it was. The agent has to be started. */
  boot(name: string): void {
    const node = this.node(name);
    node.powered = true;
    const { tableMs } = node.kernel;
    node.kernel = new SimKernel(this.world, node.address);
    node.kernel.tableMs = tableMs;
  }

  isolate(name: string): void {
    this.#isolated.add(this.node(name));
  }

  heal(name: string): void {
    this.#isolated.delete(this.node(name));
  }

  /** Machines that answer ARP for the VIP and are plugged into the LAN. */
  answering(vip: Ip): string[] {
    return this.nodes.filter((node) =>
      node.powered && !this.#isolated.has(node) && node.kernel.answers(vip)
    )
      .map((node) => node.name);
  }

  /** Names of the nodes that think they hold the VIP. */
  holders(vip: Ip): string[] {
    return this.nodes.filter((node) => node.agent?.state.holds.get(vip)?.phase === "holding").map((
      node,
    ) => node.name);
  }

  /** A circle that a new connection can run in between tables, or null. */
  forwardingLoop(service: Service): string | null {
    const visit = (node: SimNode, path: readonly SimNode[]): string | null => {
      if (path.includes(node)) return [...path, node].map((item) => item.name).join(" -> ");
      const taken = vipsOfService(service).some((vip) => node.kernel.accepts(vip));
      if (!node.powered || !taken || !node.kernel.balances()) return null;
      for (const { address, forwarding } of node.kernel.choices(service)) {
        // With NAT the packet is for the server's own address, which no table looks at.
        if (forwarding === "nat") continue;
        // What goes to a machine without an agent has left the cluster.
        const next = this.nodes.find((item) => item.address === address);
        if (next === undefined || next === node || !this.#connected(node, next)) continue;
        const loop = visit(next, [...path, node]);
        if (loop !== null) return loop;
      }
      return null;
    };
    for (const node of this.nodes) {
      const loop = visit(node, []);
      if (loop !== null) return loop;
    }
    return null;
  }

  #connected(a: SimNode, b: SimNode): boolean {
    return a.powered && b.powered &&
      (a === b || (!this.#isolated.has(a) && !this.#isolated.has(b)));
  }

  #inReach(node: SimNode): SimNode[] {
    return this.nodes.filter((other) => other !== node && this.#connected(node, other));
  }

  #wireStore(node: SimNode): void {
    node.store.broadcast = () => {
      const peers = this.#inReach(node).filter((other) => other.agent !== null);
      const entries = new Map(node.store.entries);
      for (const other of peers) this.world.after(LATENCY_MS, () => other.store.merge(entries));
      return peers.length;
    };
    node.store.fetch = (id) => {
      const other = this.nodes.find((item) => item.id === id);
      if (other === undefined || !this.#connected(node, other)) return;
      this.world.after(LATENCY_MS, () => node.store.merge(other.store.entries));
    };
    node.store.onChange = () =>
      node.agent?.receive({ kind: "document", document: node.store.current() });
  }

  #startAgent(node: SimNode): void {
    node.boot = Math.max(node.boot + 1, Math.round(this.world.nowMs) + 1);
    node.run++;
    node.paused = false;
    // Probes end with the agent that began them.
    node.targets = [];
    const agent = new Agent(this.#self(node), {
      clock: { now: () => this.world.nowMs, wallMs: () => this.world.wallMs() },
      addresses: node.kernel.addressPort,
      sysctl: node.kernel.sysctl,
      tunnels: node.kernel.tunnels,
      marks: node.kernel.marks,
      modules: node.kernel.modules,
      sorry: { set: () => {}, close: () => {} },
      load: { free: () => node.free },
      table: node.kernel.table,
      neighbours: {
        announce: (vip) => void node.announcements.push({ vip, atMs: this.world.nowMs }),
        ask: (vip) => this.#ask(node, vip),
        poll: () => {},
        close: () => {},
      },
      pulses: this.#pulses(node),
      gossip: this.#gossip(node),
      store: node.store,
      prober: this.#prober(node),
      listeners: this.#listeners(node),
      memory: memoryOf(node),
      log: quietLog(),
      pause: () => Promise.resolve(),
      soon: (work) => this.#whileRunning(node, 0, work),
    });
    agent.onChange = (change) =>
      this.log.push(`${Math.round(this.world.nowMs)} ${node.name}: ${change.text}`);
    node.agent = agent;
    agent.begin();
    this.#beat(node);
    for (const other of this.#inReach(node)) {
      const known = other.agent === null ? undefined : this.#lastRecords.get(other.id);
      if (known !== undefined) {
        this.world.after(LATENCY_MS, () => agent.receive({ kind: "record", record: known }));
      }
    }
  }

  #self(node: SimNode): Self {
    return {
      cluster: "sim",
      id: node.id,
      name: node.name,
      peer: node.id,
      version: "0",
      boot: node.boot,
      paths: [{ interface: "eth0", address: node.address, prefixLength: 24 }],
      port: 6940,
      director: true,
      realServer: true,
      priority: 100,
      pulseMs: 100,
      deadMs: 400,
      syncInterface: "eth0",
      ...node.options,
    };
  }

  /** Runs work on a node's agent unless that run has ended; a paused one does it when it wakes. */
  #whileRunning(node: SimNode, delayMs: number, work: () => void): void {
    const { run } = node;
    const attempt = () => {
      if (node.run !== run || !node.powered) return;
      if (node.paused) this.world.after(TICK_MS, attempt);
      else work();
    };
    this.world.after(delayMs, attempt);
  }

  #beat(node: SimNode): void {
    this.#whileRunning(node, node.agent?.paceMs() ?? TICK_MS, () => {
      node.agent?.tick();
      this.#beat(node);
    });
  }

  #pulses(node: SimNode): PulseSocket {
    return {
      send: (pulse, peer) => {
        const other = this.nodes.find((item) => item.address === peer.paths[0]?.address);
        if (
          other === undefined || !this.#connected(node, other) || this.world.random() < this.loss
        ) return;
        this.#whileRunning(other, LATENCY_MS, () => {
          other.agent?.receive({ kind: "pulse", pulse, path: "eth0" });
        });
      },
      close: () => {},
    };
  }

  readonly #lastRecords = new Map<NodeId, NodeRecord>();

  #gossip(node: SimNode): Gossip {
    return {
      publishRecord: (record) => {
        this.#lastRecords.set(node.id, record);
        for (const other of this.#inReach(node)) {
          this.#whileRunning(
            other,
            LATENCY_MS,
            () => other.agent?.receive({ kind: "record", record }),
          );
        }
      },
      connected: () =>
        this.#inReach(node).filter((other) => other.agent !== null).map((other) => other.id),
      wantPeers: () => {},
      close: () => Promise.resolve(),
    };
  }

  #ask(node: SimNode, vip: Ip): void {
    for (const other of this.#inReach(node)) {
      if (!other.kernel.answers(vip)) continue;
      this.#whileRunning(node, 2 * LATENCY_MS, () => {
        node.agent?.receive({ kind: "answer", vip, mac: `02:00:00:00:00:0${other.name.slice(1)}` });
      });
    }
  }

  #prober(node: SimNode): Prober {
    const probe = (target: ProbeTarget): void => {
      if (!node.targets.includes(target)) return;
      const server = this.nodes.find((item) => item.address === target.address);
      const ok = server === undefined
        ? this.machines.get(target.address) === true && !this.#isolated.has(node)
        : this.#connected(node, server) && server.serving;
      node.agent?.probed(target.key, { ok, reason: ok ? "200" : "connection refused", tookMs: 1 });
      this.#whileRunning(node, target.check.intervalMs, () => probe(target));
    };
    return {
      setTargets: (targets) => {
        const known = new Set(node.targets.map((target) => target.key));
        node.targets = [
          ...node.targets.filter((target) => targets.some((item) => item.key === target.key)),
          ...targets.filter((target) => !known.has(target.key)),
        ];
        for (const target of node.targets) {
          if (!known.has(target.key)) this.#whileRunning(node, LATENCY_MS, () => probe(target));
        }
      },
      close: () => {},
    };
  }

  #listeners(node: SimNode): ListenerWatch {
    return {
      list: () =>
        node.serving
          ? [80, 443, 8_080].map((port) => ({
            protocol: "tcp" as const,
            address: "0.0.0.0",
            port,
            v6only: false,
          }))
          : [],
    };
  }
}

function quietLog() {
  const nothing = () => {};
  return { debug: nothing, info: nothing, warn: nothing, error: nothing };
}
