/**
 * The wires between the machines: one network per path (`eth0` carries the VIPs, others pulses only), each with a
 * switch in the middle. Any direction between any two machines can be cut, any machine unplugged, and a
 * network can have bad weather: loss, delay, reordering, duplicates.
 */
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** One-way delay of a calm network, virtual ms. */
export const LATENCY_MS = 1;
/** What a lost segment costs a TCP connection, ms: the first retransmission (RTO minimum in Linux). */
const RETRANSMIT_MS = 200;

/** The router of the LAN: no machine of the cluster, but a third party that answers when asked. */
export const GATEWAY = { name: "gateway", address: "10.0.0.254" } as const;
/** The network the gateway is on. */
const PUBLIC = "eth0";

/** How datagrams fare. Shares are of 1. */
export interface Weather {
  readonly loss: number;
  /** What a datagram may take longer, ms, evenly spread: those that take longer are overtaken. */
  readonly jitterMs: number;
  readonly duplicates: number;
}

/** Share of datagrams that may get lost without a false death: docs/trust.md, "Lost datagrams". */
const FAIR_LOSS = 0.1 + Number.EPSILON;
/** What a datagram may take longer, ms: well below the silence that means death. */
const FAIR_JITTER_MS = 150;

/** See the head of this file. */
export class Lan {
  readonly #world: World;
  /** How often a direction is cut now: faults may overlap. `n1>n2 eth0`. */
  readonly #cuts = new Map<string, number>();
  /** How often a machine is unplugged now: `n1 eth0`. */
  readonly #unplugged = new Map<string, number>();
  readonly #weathers = new Set<Weather>();
  /** When anything was last cut or joined, virtual ms. */
  changedMs = -Infinity;
  /** When bad weather last ended, virtual ms. What was sent before is still late. */
  clearedMs = -Infinity;
  /** Share of datagrams that get lost whatever the weather. */
  loss = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Cuts what goes from one machine to another on a path; returns what mends it. */
  cut(from: Pick<SimNode, "name">, to: Pick<SimNode, "name">, path: string): () => void {
    return this.#count(this.#cuts, `${from.name}>${to.name} ${path}`);
  }

  /** Pulls a cable at the far end, where the machine cannot see it; returns what puts it back. */
  unplug(node: SimNode, path: string): () => void {
    return this.#count(this.#unplugged, `${node.name} ${path}`);
  }

  /** Pulls a cable where the machine can see it, or plugs it in. */
  setCarrier(node: SimNode, path: string, on: boolean): void {
    node.kernel.setCarrier(path, on);
    this.#changed();
  }

  /** The gateway loses power; returns what gives it back. */
  killGateway(): () => void {
    return this.#count(this.#unplugged, `${GATEWAY.name} ${PUBLIC}`);
  }

  /** Whether the gateway has power. */
  get gatewayLives(): boolean {
    return !this.#unplugged.has(`${GATEWAY.name} ${PUBLIC}`);
  }

  /** Whether the gateway answers a machine. */
  reachesGateway(node: SimNode): boolean {
    return this.gatewayLives && this.plugged(node, PUBLIC) &&
      !this.#cuts.has(`${node.name}>${GATEWAY.name} ${PUBLIC}`) &&
      !this.#cuts.has(`${GATEWAY.name}>${node.name} ${PUBLIC}`);
  }

  /** The same for one question: it or its answer can get lost. */
  asksGateway(node: SimNode): boolean {
    const loss = Math.max(this.loss, ...[...this.#weathers].map((weather) => weather.loss));
    const lost = loss > 0 && (this.#world.random() < loss || this.#world.random() < loss);
    return !lost && this.reachesGateway(node);
  }

  #count(counts: Map<string, number>, key: string): () => void {
    counts.set(key, (counts.get(key) ?? 0) + 1);
    this.#changed();
    let undone = false;
    return () => {
      if (undone) return;
      undone = true;
      this.#changed();
      const left = (counts.get(key) ?? 0) - 1;
      if (left > 0) counts.set(key, left);
      else counts.delete(key);
    };
  }

  #changed(): void {
    this.#world.changes++;
    this.changedMs = this.#world.nowMs;
  }

  /** Bad weather on all networks; returns what ends it. */
  begin(weather: Weather): () => void {
    this.#weathers.add(weather);
    return () => {
      this.#weathers.delete(weather);
      this.clearedMs = this.#world.nowMs;
    };
  }

  /** Whether every datagram arrives that can, at once. */
  get calm(): boolean {
    return this.loss === 0 && this.#weathers.size === 0;
  }

  /** Whether the weather is no worse than what everything that takes seconds is promised in. */
  get fair(): boolean {
    if (this.calm) return true;
    let arrives = 1 - this.loss;
    let jitterMs = 0;
    for (const weather of this.#weathers) {
      arrives *= 1 - weather.loss;
      jitterMs += weather.jitterMs;
    }
    return 1 - arrives <= FAIR_LOSS && jitterMs <= FAIR_JITTER_MS;
  }

  /** What a datagram takes longer at most, ms; Infinity where it may get lost. */
  get lateMs(): number {
    if (this.loss > 0) return Infinity;
    let lateMs = 0;
    for (const { loss, jitterMs } of this.#weathers) lateMs += loss > 0 ? Infinity : jitterMs;
    return lateMs;
  }

  /** Whether the machine is on the network of a path at all. */
  plugged(node: SimNode, path: string): boolean {
    return node.powered && node.kernel.hasCarrier(path) && node.paths.includes(path) &&
      (this.#unplugged.size === 0 || !this.#unplugged.has(`${node.name} ${path}`));
  }

  /** Whether what one machine sends on a path arrives at the other. */
  reaches(from: SimNode, to: SimNode, path: string): boolean {
    return this.plugged(from, path) && this.plugged(to, path) &&
      (this.#cuts.size === 0 || !this.#cuts.has(`${from.name}>${to.name} ${path}`));
  }

  /** Whether two machines reach each other on a path. */
  joined(a: SimNode, b: SimNode, path: string): boolean {
    return a === b ? a.powered : this.reaches(a, b, path) && this.reaches(b, a, path);
  }

  /** Whether two machines can have a TCP connection, on whatever path. */
  connected(a: SimNode, b: SimNode): boolean {
    return a.paths.some((path) => this.joined(a, b, path));
  }

  /** Sends a datagram: it arrives never, once or more often, and in any order. */
  send(arrive: () => void): void {
    if (this.loss > 0 && this.#world.random() < this.loss) return;
    let delayMs = LATENCY_MS;
    let copies = 1;
    for (const { loss, jitterMs, duplicates } of this.#weathers) {
      if (this.#world.random() < loss) return;
      delayMs += this.#world.random() * jitterMs;
      if (this.#world.random() < duplicates) copies++;
    }
    for (let copy = 0; copy < copies; copy++) this.#world.after(delayMs * (copy + 1), arrive);
  }

  /** Time a message over TCP takes through so many connections, ms: it is never lost, only late. */
  streamMs(hops = 1): number {
    let delayMs = LATENCY_MS * hops;
    for (const { loss, jitterMs } of this.#weathers) {
      delayMs += this.#world.random() * jitterMs;
      while (this.#world.random() < Math.min(loss, 0.9)) delayMs += RETRANSMIT_MS;
    }
    return delayMs;
  }
}
