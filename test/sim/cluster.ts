/**
 * A whole cluster in one process: real agents on simulated kernels, their networks, virtual time.
 *
 * Agents can be killed, paused and started again; machines can lose power or stand still; what goes between them is
 * the affair of {@link Lan}. The invariants are asked of the kernels, never of the agents.
 */
import { Agent } from "../../src/agent/agent.ts";
import type { Ip } from "../../src/core/address.ts";
import type { NodeId } from "../../src/core/document/document.ts";
import type { NodeRecord } from "../../src/core/cluster/record.ts";
import { type Service, vipsOfService } from "../../src/core/service/service.ts";
import type { Self } from "../../src/core/state.ts";
import { takeBoot } from "../../src/shell/files/identity.ts";
import { NO_NOTICES } from "../../src/shell/log/notices.ts";
import type { Timers } from "../../src/shell/process/timers.ts";
import type { SimDisk } from "./disk.ts";
import { DiskReplica } from "./disk_replica.ts";
import { DocumentWire } from "./document_wire.ts";
import { SimKernel } from "./kernel.ts";
import { GATEWAY, Lan, LATENCY_MS } from "./lan.ts";
import { Neighbours } from "./neighbours.ts";
import { portsOf } from "./node_ports.ts";
import { Killed } from "./port_hooks.ts";
import { type NodeOptions, SimNode } from "./sim_node.ts";
import { SimStore } from "./sim_store.ts";
import { StreamLinks } from "./stream_links.ts";
import type { World } from "./world.ts";

export { type NodeOptions, SimNode } from "./sim_node.ts";

/** The network that carries VIPs. */
const PUBLIC = "eth0";

/** Machines of which each forwards to the next, and the last one to the first. */
export type Circle = readonly SimNode[];

/** The way round: `n1 -> n2 -> n1`. */
export function circleText(circle: Circle): string {
  return [...circle, ...circle.slice(0, 1)].map(({ name }) => name).join(" -> ");
}

/** See the head of this file. */
export class SimCluster {
  readonly world: World;
  readonly lan: Lan;
  /** What gossip and the document travel on. */
  readonly links: StreamLinks;
  readonly nodes: SimNode[] = [];
  readonly neighbours = new Neighbours();
  readonly log: string[] = [];
  /** Machines without an agent, by address, and whether their servers work. */
  readonly machines = new Map<Ip, boolean>();
  /** Told of every change an agent tells people of. */
  onChange: (node: SimNode, text: string) => void = () => {};
  /** Machines that are not plugged in, and what plugs them in. */
  readonly #isolated = new Map<string, (() => void)[]>();
  readonly #records = new Map<NodeId, NodeRecord>();
  /** Between replicas on disks. */
  readonly #wire: DocumentWire;

  constructor(world: World, options: readonly NodeOptions[]) {
    this.world = world;
    this.lan = new Lan(world);
    this.links = new StreamLinks(world, this.lan, (a, b) => {
      this.#welcome(a, b);
      this.#welcome(b, a);
    });
    this.#wire = new DocumentWire(world, {
      reach: (from, to) => this.#reach(from, to),
      take: (id, work) => this.#nodeOf(id)?.whenAwake(work),
    });
    options.forEach((option, index) => this.nodes.push(new SimNode(world, index + 1, option)));
    for (const node of this.nodes) this.wireStore(node);
  }

  /** Share of pulses that get lost. */
  set loss(share: number) {
    this.lan.loss = share;
  }

  /** A node by name. */
  node(name: string): SimNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  /** Starts agents on every machine, or on some. */
  start(names: readonly string[] = this.nodes.map((node) => node.name)): void {
    for (const name of names) this.#startAgent(this.node(name));
  }

  /** Ends the agent at once, as kill -9 does; the kernel keeps what it has, and closes its connections. */
  kill(name: string): void {
    const node = this.node(name);
    const peers = this.nodes.filter((other) => other !== node && this.links.passes(node, other));
    node.agent = null;
    node.run++;
    for (const other of peers) {
      this.world.after(
        LATENCY_MS,
        () =>
          other.whenAwake(() => other.agent?.receive({ kind: "connectionClosed", id: node.id })),
      );
    }
  }

  /** Cuts the power: kernel and agent are gone at once. */
  crash(name: string): void {
    const node = this.node(name);
    node.agent = null;
    node.run++;
    node.powered = false;
    node.disk?.powerCut();
    node.resume();
  }

  /** Power is back: an empty kernel, the disk as it was. The agent has to be started. */
  boot(name: string): void {
    const node = this.node(name);
    const { tableMs } = node.kernel;
    const dark = node.paths.filter((path) => !node.kernel.hasCarrier(path));
    node.kernel = new SimKernel(this.world, node.clock, node.interfaces);
    node.kernel.tableMs = tableMs;
    for (const path of dark) node.kernel.setCarrier(path, false);
    node.kernel.gateway = node.options.gateway === true ? GATEWAY.address : null;
    node.powered = true;
  }

  /** Forgets all that a machine has on its disk, but not who it is. */
  loseDisk(name: string): void {
    const node = this.node(name);
    node.forgot = true;
    node.claims.clear();
    node.epochs = new Map();
    node.owned.clear();
    node.saved.clear();
    void node.savedTimeouts.set(null);
    node.records = [];
    node.vips = [];
    node.clearDisk();
    this.wireStore(node);
  }

  isolate(name: string): void {
    const node = this.node(name);
    if (this.#isolated.has(name)) return;
    this.#isolated.set(name, node.paths.map((path) => this.lan.unplug(node, path)));
  }

  heal(name: string): void {
    for (const mend of this.#isolated.get(name) ?? []) mend();
    this.#isolated.delete(name);
  }

  /** Machines that answer ARP for the VIP and are plugged into the LAN. */
  answering(vip: Ip): string[] {
    return this.nodes.filter((node) => this.answers(node, vip)).map((node) => node.name);
  }

  /** Whether a machine answers ARP for the VIP on the LAN. */
  answers(node: SimNode, vip: Ip): boolean {
    return !node.clock.stopped && this.lan.plugged(node, PUBLIC) && node.kernel.answers(vip);
  }

  /** Tells all who hear it that the VIP is here: so often that it does not matter if one is lost. */
  announce(node: SimNode, vip: Ip): void {
    for (const other of this.nodes) {
      if (other !== node && !this.lan.reaches(node, other, PUBLIC)) continue;
      this.neighbours.hear(other.name, { vip, at: node.name, nowMs: this.world.nowMs });
    }
  }

  /** Names of the nodes that think they hold the VIP. */
  holders(vip: Ip): string[] {
    return this.nodes.filter((node) => node.agent?.state.holds.get(vip)?.phase === "holding")
      .map((node) => node.name);
  }

  /** The circles that a new connection can run in between tables, each once for every machine it can begin at. */
  forwardingLoops(service: Service): Circle[] {
    const found: Circle[] = [];
    const visit = (node: SimNode, path: readonly SimNode[]): void => {
      if (path.includes(node)) {
        // What led to the circle finds others of its own.
        if (path[0] === node) found.push(path);
        return;
      }
      if (!node.powered || node.clock.stopped || !node.kernel.balances()) return;
      if (!vipsOfService(service).some((vip) => node.kernel.accepts(vip))) return;
      for (const { address, forwarding } of node.kernel.choices(service)) {
        // With NAT the packet is for the server's own address, which no table looks at.
        if (forwarding === "nat") continue;
        // What goes to a machine without an agent has left the cluster.
        const next = this.nodes.find((item) => item.address === address);
        if (next === undefined || next === node || !this.lan.reaches(node, next, PUBLIC)) continue;
        visit(next, [...path, node]);
      }
    };
    for (const node of this.nodes) visit(node, []);
    return found;
  }

  #reach(from: NodeId, to: NodeId): boolean {
    const [a, b] = [this.#nodeOf(from), this.#nodeOf(to)];
    return a !== undefined && b !== undefined && this.links.passes(a, b);
  }

  /** A peer whose connection is there tells its record at once. */
  #welcome(node: SimNode, peer: SimNode): void {
    const known = this.#records.get(peer.id);
    if (known === undefined) return;
    this.later(node, LATENCY_MS, () => node.agent?.receive({ kind: "record", record: known }));
  }

  /** Lays the wires of a node's replica; to be called for one that takes the place of another, too. */
  wireStore(node: SimNode): void {
    const { store } = node;
    store.onChange = () => node.agent?.receive({ kind: "document", document: store.current() });
    if (!(store instanceof SimStore)) return;
    store.broadcast = (update) => {
      const audience = this.links.audience(node, this.nodes);
      for (const [{ store: theirs }, hops] of audience) {
        if (!(theirs instanceof SimStore)) continue;
        const other = this.#nodeOf(theirs.id) as SimNode;
        this.later(other, this.lan.streamMs(hops), () => theirs.merge(update));
      }
      return audience.size;
    };
    store.fetch = (id) => {
      const other = this.#nodeOf(id);
      if (other === undefined || !other.awake || !this.links.passes(node, other)) return;
      const { store: theirs } = other;
      if (!(theirs instanceof SimStore)) return;
      this.later(node, this.lan.streamMs(2), () => store.merge(theirs.offer()));
    };
  }

  #nodeOf(id: NodeId): SimNode | undefined {
    return this.nodes.find((item) => item.id === id);
  }

  /** Opens what the node has on its disk, for the run of the agent that is about to start. */
  #openDisk(node: SimNode, disk: SimDisk): void {
    const { run, store, clock } = node;
    const alive = () => node.run === run && node.powered;
    const wallMs = () => clock.wallMs();
    const folder = disk.open(alive);
    node.boot = takeBoot(folder, wallMs(), NO_NOTICES);
    if (!(store instanceof DiskReplica)) return;
    const network = this.#wire.join(node.id, alive);
    store.open({ folder, network, wallMs, alive, timers: this.#timersOf(node) });
  }

  #timersOf(node: SimNode): Timers {
    return {
      after: (delayMs, work) => {
        let wanted = true;
        this.later(node, delayMs, () => {
          if (wanted) work();
        });
        return () => void (wanted = false);
      },
      turn: () => new Promise((resolve) => this.later(node, 0, resolve)),
      writer: () => Math.floor(this.world.random() * 2 ** 32),
    };
  }

  /** Puts a replica in the place of a node's; before its agent starts. */
  replaceStore(node: SimNode, store: SimNode["store"]): void {
    node.store = store;
    this.wireStore(node);
  }

  #startAgent(node: SimNode): void {
    const run = ++node.run;
    if (node.disk === null) {
      node.boot = Math.max(node.boot + 1, Math.round(this.world.nowMs) + 1);
    } else this.#openDisk(node, node.disk);
    node.paused = false;
    // Probes end with the agent that began them.
    node.targets = [];
    whatKilledLeaves(() => {
      const agent = new Agent(this.#self(node), portsOf(this, node));
      agent.onChange = (change) => {
        this.log.push(`${Math.round(this.world.nowMs)} ${node.name}: ${change.text}`);
        this.onChange(node, change.text);
      };
      // A fault may have killed it before it was there.
      if (node.run !== run) return;
      node.agent = agent;
      agent.begin();
    });
    this.#beat(node);
  }

  #self(node: SimNode): Self {
    const { networks: _, gateway: _gateway, disk: _disk, ...options } = node.options;
    const paths = [...node.interfaces].map(([name, address]) => ({
      interface: name,
      address,
      prefixLength: 24,
    }));
    return {
      cluster: "sim",
      id: node.id,
      name: node.name,
      peer: node.id,
      version: "0",
      boot: node.boot,
      paths: paths as [Self["paths"][0], ...Self["paths"]],
      port: 6940,
      director: true,
      realServer: true,
      priority: 100,
      pulseMs: 100,
      deadMs: 400,
      syncInterface: PUBLIC,
      witness: "auto",
      ...options,
    };
  }

  /** Tells everybody whom gossip reaches. */
  publish(node: SimNode, record: NodeRecord): void {
    this.#records.set(node.id, record);
    for (const [other, hops] of this.links.audience(node, this.nodes)) {
      this.later(
        other,
        this.lan.streamMs(hops),
        () => other.agent?.receive({ kind: "record", record }),
      );
    }
  }

  /** Runs work on a node's agent unless that run has ended; one that stands still does it when it goes on. */
  later(node: SimNode, delayMs: number, work: () => void): void {
    const { run } = node;
    this.world.after(delayMs, () => {
      if (node.run !== run || !node.powered) return;
      if (node.awake) return whatKilledLeaves(work);
      node.whenAwake(() => {
        if (node.run === run && node.powered) whatKilledLeaves(work);
      });
    });
  }

  #beat(node: SimNode): void {
    if (node.agent === null) return;
    this.later(node, node.agent.paceMs(), () => {
      node.agent?.tick();
      this.#beat(node);
    });
  }
}

/** An agent that was killed in the middle of its work did not finish it. */
function whatKilledLeaves(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
}
