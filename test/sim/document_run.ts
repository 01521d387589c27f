/**
 * Clusters of nothing but real document stores on simulated disks: edits on every node, while disks refuse, fill up and
 * are slow, agents are killed, power fails and the network is cut. One seed is one run.
 *
 * What is asked: an edit that was acknowledged is there whenever the node that acknowledged it starts again, and on
 * every node in the end; nothing that was removed comes back; all replicas are equal within a bound after the last
 * fault; a node never fails to open what its disk has.
 */
import { type Edit, type NodeId } from "../../src/core/document/document.ts";
import {
  type OpenDocumentStore,
  openDocumentStore,
} from "../../src/shell/document/document_store.ts";
import { SYNCHRONIZE_TIMEOUT_MS } from "../../src/shell/document/document_network.ts";
import { putPort } from "../support/sample_service.ts";
import { SimDisk } from "./disk.ts";
import { DocumentWire } from "./document_wire.ts";
import { World } from "./world.ts";

/** How often a node looks whether a peer has another document, ms, as the talk lane does. */
const LOOK_MS = 500;
/** Time in which things happen, virtual ms. */
const FAULTS_MS = 40_000;
/** Time after the last fault in which all replicas must be equal: a stream that hangs ends, and a new one brings all. */
const CONVERGENCE_MS_MAX = SYNCHRONIZE_TIMEOUT_MS + 2_000;
/** Ports the first edit uses; each new service has one of its own. */
const PORT_FIRST = 1_000;
const NODES = 3;

/** One node: a disk, and a store while it runs. */
interface StoreNode {
  readonly id: NodeId;
  readonly disk: SimDisk;
  store: OpenDocumentStore | null;
  run: number;
  cut: boolean;
  /** Ports whose service this node has acknowledged, and not acknowledged the removal of. */
  readonly acknowledged: Set<number>;
}

/** What a run came to. */
export interface DocumentOutcome {
  /** Null when all that is asked held; else what did not. */
  readonly broken: string | null;
  readonly trace: readonly string[];
  readonly edits: number;
  readonly refused: number;
  readonly crashes: number;
}

/** See the head of this file. */
export class DocumentRun {
  readonly #world: World;
  readonly #nodes: StoreNode[];
  readonly #wire: DocumentWire;
  readonly #trace: string[] = [];
  /** Ports whose removal anybody acknowledged. */
  readonly #removed = new Set<number>();
  /** Ports that only a disk had that has rotted: nobody promised those. */
  readonly #excused = new Set<number>();
  #broken: string | null = null;
  #port = PORT_FIRST;
  #edits = 0;
  #refused = 0;
  #crashes = 0;

  constructor(seed: number) {
    this.#world = new World(seed);
    this.#nodes = Array.from({ length: NODES }, (_, index) => ({
      id: (index + 1).toString(16).padStart(16, "0"),
      disk: new SimDisk(this.#world),
      store: null,
      run: 0,
      cut: false,
      acknowledged: new Set<number>(),
    }));
    this.#wire = new DocumentWire(this.#world, {
      reach: (from, to) => !this.#is(from).cut && !this.#is(to).cut,
      take: (_, work) => work(),
    });
  }

  /** Lets everything happen. */
  async play(): Promise<DocumentOutcome> {
    for (const node of this.#nodes) this.#start(node);
    while (this.#world.nowMs < FAULTS_MS && this.#broken === null) {
      this.#happen();
      await this.#world.run(this.#world.random() * 400);
    }
    this.#mend();
    const mendedMs = this.#world.nowMs;
    while (!this.#agree() && this.#world.nowMs - mendedMs < CONVERGENCE_MS_MAX) {
      await this.#world.run(100);
    }
    if (this.#broken === null) this.#judgeEnd();
    return {
      broken: this.#broken,
      trace: this.#trace,
      edits: this.#edits,
      refused: this.#refused,
      crashes: this.#crashes,
    };
  }

  #is(id: NodeId): StoreNode {
    return this.#nodes.find((node) => node.id === id) as StoreNode;
  }

  #say(node: StoreNode, what: string): void {
    this.#trace.push(`${Math.round(this.#world.nowMs)} ${node.id.slice(-1)}: ${what}`);
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#world.random() * items.length)] as Item;
  }

  /** One thing that happens, to one node. */
  #happen(): void {
    const node = this.#pick(this.#nodes);
    const chance = this.#world.random();
    if (chance < 0.55) return this.#edit(node);
    if (chance < 0.65) return this.#kill(node, false);
    if (chance < 0.75) return this.#kill(node, true);
    if (chance < 0.85) {
      node.cut = !node.cut;
      return this.#say(node, node.cut ? "is cut off" : "is connected");
    }
    const { disk } = node;
    if (chance < 0.93) disk.mood = this.#pick(["well", "well", "full", "late"]);
    else if (chance < 0.96) disk.slowMs = this.#pick([0, 30, 800]);
    else if (chance < 0.98) disk.unreadable = !disk.unreadable;
    else return this.#rot(node);
    this.#say(node, `disk ${disk.mood}, ${disk.slowMs} ms, unreadable ${disk.unreadable}`);
  }

  #start(node: StoreNode): void {
    node.run++;
    const { run } = node;
    const alive = () => node.run === run;
    try {
      node.store = openDocumentStore({
        folder: node.disk.open(alive),
        network: this.#wire.join(node.id, alive),
        onChange: () => {},
        timers: {
          after: (delayMs, work) => {
            let wanted = true;
            this.#world.after(delayMs, () => {
              if (wanted && alive()) work();
            });
            return () => void (wanted = false);
          },
          turn: () => new Promise((resolve) => this.#world.after(0, resolve)),
          writer: () => Math.floor(this.#world.random() * 2 ** 32),
        },
      });
    } catch (error) {
      this.#say(node, `does not start: ${String(error)}`);
      if (!node.disk.unreadable) this.#break(node, `cannot open its disk: ${String(error)}`);
      // As a service manager does: again and again.
      return this.#world.after(1_000, () => {
        if (alive()) this.#start(node);
      });
    }
    this.#judgeStart(node);
    this.#look(node, alive);
  }

  /** Synchronizes with every peer whose digest differs, as the talk lane does. */
  #look(node: StoreNode, alive: () => boolean): void {
    this.#world.after(LOOK_MS, () => {
      if (!alive() || node.store === null) return;
      for (const peer of this.#nodes) {
        const differs = peer.store !== null && peer.store.digest() !== node.store.digest();
        if (peer === node || !differs) continue;
        node.store.synchronize(peer.id).catch(() => {});
      }
      this.#look(node, alive);
    });
  }

  #edit(node: StoreNode): void {
    if (node.store === null) return;
    const own = [...node.acknowledged];
    const removes = own.length > 3 && this.#world.random() < 0.3;
    const port = removes ? this.#pick(own) : this.#port++;
    const edits: Edit[] = removes
      ? [{ kind: "removeService", key: `tcp/192.0.2.240:${port}` }]
      : [putPort(port), {
        kind: "putSetting",
        name: "sync-ttl",
        value: String(1 + port % 255),
      }];
    if (removes) node.acknowledged.delete(port);
    this.#edits++;
    node.store.edit(edits).then(() => {
      this.#say(node, `has ${removes ? "removed" : "put"} ${port}`);
      (removes ? this.#removed : node.acknowledged).add(port);
    }, (error) => {
      this.#refused++;
      this.#say(node, `refused ${port}: ${String(error)}`);
    });
  }

  #kill(node: StoreNode, power: boolean): void {
    this.#crashes++;
    this.#say(node, power ? "loses power" : "is killed");
    node.run++;
    node.store = null;
    if (power) node.disk.powerCut();
    const { run } = node;
    this.#world.after(this.#pick([0, 20, 1_500]), () => {
      if (node.run === run) this.#start(node);
    });
  }

  /** A bit turns over while the agent is away. What nobody else has may be lost by that. */
  #rot(node: StoreNode): void {
    node.run++;
    node.store = null;
    const [name] = node.disk.names().filter((name) => !name.includes("corrupt"));
    if (name !== undefined && node.disk.rot(name)) this.#say(node, `${name} rots`);
    const elsewhere = new Set(
      this.#nodes.flatMap((other) => other.store === null ? [] : portsOf(other.store)),
    );
    for (const port of node.acknowledged) {
      if (!elsewhere.has(port)) this.#excused.add(port);
      node.acknowledged.delete(port);
    }
    // A removal is forgotten with the disk it was on, unless all others know of it.
    const others = this.#nodes.filter((other) => other !== node);
    for (const port of this.#removed) {
      const known = others.every(({ store }) => store !== null && !portsOf(store).includes(port));
      if (!known) this.#removed.delete(port);
    }
    this.#start(node);
  }

  /** All faults end. */
  #mend(): void {
    for (const node of this.#nodes) {
      Object.assign(node.disk, { mood: "well", slowMs: 0, unreadable: false });
      node.cut = false;
    }
  }

  #agree(): boolean {
    const digests = new Set(this.#nodes.map(({ store }) => store?.digest()));
    return digests.size === 1 && !digests.has(undefined);
  }

  #judgeStart(node: StoreNode): void {
    const there = new Set(portsOf(node.store as OpenDocumentStore));
    for (const port of node.acknowledged) {
      // Others may have removed it, and what they merged meanwhile is here too.
      if (!there.has(port)) this.#break(node, `acknowledged ${port} and has lost it`);
    }
    this.#say(node, `starts with ${there.size} services`);
  }

  #judgeEnd(): void {
    if (!this.#agree()) {
      const digests = this.#nodes.map(({ id, store }) => `${id.slice(-1)} ${store?.digest()}`);
      return this.#break(this.#nodes[0] as StoreNode, `replicas differ: ${digests.join(", ")}`);
    }
    for (const node of this.#nodes) {
      const there = new Set(portsOf(node.store as OpenDocumentStore));
      for (const { acknowledged } of this.#nodes) {
        for (const port of acknowledged) {
          const lost = !there.has(port) && !this.#removed.has(port) && !this.#excused.has(port);
          if (lost) this.#break(node, `lacks ${port}, which was acknowledged`);
        }
      }
      for (const port of this.#removed) {
        if (there.has(port)) this.#break(node, `has ${port}, whose removal was acknowledged`);
      }
    }
  }

  #break(node: StoreNode, what: string): void {
    this.#broken ??= `at ${Math.round(this.#world.nowMs)} ms node ${node.id.slice(-1)} ${what}`;
  }
}

function portsOf(store: OpenDocumentStore): number[] {
  return [...store.current().services.keys()].map((key) => Number(key.split(":")[1]));
}
