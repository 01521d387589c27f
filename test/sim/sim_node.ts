/**
 * One simulated machine: kernel, disk, and the agent that runs on it.
 */
import { memorySwitches, memoryTimeouts } from "../support/fake_memory.ts";
import type { Agent } from "../../src/agent/agent.ts";
import type { Ip } from "../../src/core/address.ts";
import type { NodeId } from "../../src/core/document/document.ts";
import type { NodeRecord } from "../../src/core/cluster/record.ts";
import type { Self } from "../../src/core/state.ts";
import type { AgentMemory, ProbeTarget } from "../../src/ports.ts";
import { SimDisk } from "./disk.ts";
import { DiskReplica } from "./disk_replica.ts";
import { openAgentMemory } from "../../src/shell/files/agent_memory.ts";
import { NO_NOTICES } from "../../src/shell/log/notices.ts";
import { type Interfaces, SimKernel } from "./kernel.ts";
import { GATEWAY } from "./lan.ts";
import { MachineClock } from "./machine_clock.ts";
import { NO_HOOKS, type PortHooks } from "./port_hooks.ts";
import type { Replica } from "./replica.ts";
import { SimStore } from "./sim_store.ts";
import type { Speaks } from "./versions.ts";
import type { World } from "./world.ts";

/** Options of one machine that differ from the default. */
export type NodeOptions =
  & Partial<
    Pick<
      Self,
      "director" | "realServer" | "priority" | "version" | "pulseMs" | "deadMs" | "witness"
    >
  >
  & {
    /** On how many networks the machine is: the LAN, and a private one for pulses. */
    readonly networks?: 1 | 2;
    /** Whether it has a default gateway: its witness, see core/cluster/gateway_witness.ts. */
    readonly gateway?: boolean;
    /** Whether it keeps its state by the product's own code on a disk that can fail; else in a perfect place. */
    readonly disk?: boolean;
  };

/** The networks, by the name of every machine's interface to it. */
export const NETWORKS = ["eth0", "eth1"] as const;
/** What a paused process finds waiting in its sockets at most, datagrams: a receive buffer of 208 KiB (net.core.rmem_default). */
const BACKLOG_MAX = 500;

/** One machine with its kernel, disk and agent. */
export class SimNode {
  readonly name: string;
  readonly id: NodeId;
  readonly address: Ip;
  readonly options: NodeOptions;
  readonly clock: MachineClock;
  readonly interfaces: Interfaces;
  readonly paths: readonly string[];
  readonly #world: World;
  kernel: SimKernel;
  store: Replica;
  /** Null: a perfect place instead. */
  disk: SimDisk | null;
  /** What is asked before and after every call the agent makes; of this machine, whatever run of the agent. */
  hooks: PortHooks = NO_HOOKS;
  announcements: { vip: Ip; atMs: number }[] = [];
  /** Its last question to the LAN for a VIP, and who could answer; null: it had no carrier, which it can see. */
  readonly questions = new Map<Ip, { readonly heardBy: readonly SimNode[] | null }>();
  /** State on disk beside the document. */
  readonly claims = new Map<Ip, number>();
  epochs: ReadonlyMap<Ip, number> = new Map();
  readonly owned = new Set<string>();
  readonly saved = new Map<string, string>();
  readonly savedTimeouts = memoryTimeouts();
  boot = 1;
  records: readonly NodeRecord[] = [];
  vips: readonly Ip[] = [];
  targets: readonly ProbeTarget[] = [];
  run = 0;
  /** The last run of the agent that the gateway has answered. */
  answeredRun: number | null = null;
  /** Whether its disk was lost, and with it whom it had ever heard of. */
  forgot = false;
  /** What version of the agent the machine has. */
  speaks: Speaks = "same";
  /** Faults of the kernel or the disk that last now: meanwhile the node is not held to what needs them. */
  troubles = 0;
  /** How much of its processors is free, percent. */
  free: number | null = 100;
  #agent: Agent | null = null;
  #powered = true;
  #paused = false;
  #serving = true;
  /** What waits for a process that stands still. */
  #backlog: (() => void)[] = [];

  constructor(world: World, index: number, options: NodeOptions) {
    this.name = `n${index}`;
    this.id = index.toString(16).padStart(16, "0");
    this.address = `10.0.0.${index}`;
    this.options = options;
    this.clock = new MachineClock(world);
    this.paths = NETWORKS.slice(0, options.networks ?? 1);
    this.interfaces = new Map(
      this.paths.map((name, network) => [name, `10.${network}.0.${index}`]),
    );
    this.#world = world;
    this.kernel = new SimKernel(world, this.clock, this.interfaces);
    if (options.gateway === true) this.kernel.gateway = GATEWAY.address;
    this.disk = null;
    this.store = new SimStore(this.id);
    this.clearDisk();
  }

  /** A new disk, with nothing on it. */
  clearDisk(): void {
    this.disk = this.options.disk === true ? new SimDisk(this.#world) : null;
    this.store = this.disk === null ? new SimStore(this.id) : new DiskReplica();
  }

  get agent(): Agent | null {
    return this.#agent;
  }

  set agent(agent: Agent | null) {
    this.#agent = agent;
    this.#world.changes++;
  }

  get powered(): boolean {
    return this.#powered;
  }

  set powered(on: boolean) {
    this.#powered = on;
    this.#world.changes++;
  }

  /** Whether the agent's process stands still. */
  get paused(): boolean {
    return this.#paused;
  }

  set paused(on: boolean) {
    this.#paused = on;
    if (!on) this.resumedMs = this.#world.nowMs;
    this.#world.changes++;
    this.#wake();
  }

  /** Whether the web server on this machine runs. */
  get serving(): boolean {
    return this.#serving;
  }

  set serving(on: boolean) {
    this.#serving = on;
    this.#world.changes++;
  }

  /** Whether an agent runs here and gets processor time. */
  get awake(): boolean {
    return this.#agent !== null && this.#powered && !this.#paused && !this.clock.stopped;
  }

  /** When the machine or the agent on it last went on after it had stood still, virtual ms. */
  resumedMs = -Infinity;

  /** The whole machine stands still: a virtual one that is suspended. */
  suspend(): void {
    this.clock.stop();
    this.#world.changes++;
  }

  /** A machine that stood still goes on as if nothing had been. */
  resume(): void {
    this.clock.goOn();
    this.resumedMs = this.#world.nowMs;
    this.#world.changes++;
    this.#wake();
  }

  /** Does the work now, or when the process gets processor time again. */
  whenAwake(work: () => void): void {
    if (!this.#paused && !this.clock.stopped) return work();
    if (this.#backlog.length < BACKLOG_MAX) this.#backlog.push(work);
  }

  #wake(): void {
    if (this.#paused || this.clock.stopped) return;
    const waiting = this.#backlog;
    this.#backlog = [];
    // It may stand still again before it comes to that.
    for (const work of waiting) this.#world.after(0, () => this.whenAwake(work));
  }
}

/** What the agent on a machine remembers over a restart. `alive`: whether that run of it has not ended. */
export function memoryOf(node: SimNode, alive: () => boolean): AgentMemory {
  if (node.disk !== null) return openAgentMemory(node.disk.open(alive), NO_NOTICES);
  return {
    savedSwitches: memorySwitches(node.saved),
    savedTimeouts: node.savedTimeouts,
    owned: {
      has: (key) => node.owned.has(key),
      add: (keys) => {
        keys.forEach((key) => node.owned.add(key));
        return Promise.resolve();
      },
      delete: (keys) => {
        keys.forEach((key) => node.owned.delete(key));
        return Promise.resolve();
      },
      keys: () => [...node.owned],
    },
    claims: () => new Map(node.claims),
    knownPeers: () => [],
    rememberPeers: () => {},
    records: () => [...node.records],
    saveRecords: (records) => {
      node.records = records;
    },
    vips: () => node.vips,
    saveVips: (vips) => {
      node.vips = vips;
    },
    epochs: () => new Map(node.epochs),
    claimsLost: false,
    peersLost: false,
    saveClaims: (claims, epochs) => {
      node.epochs = new Map(epochs);
      node.claims.clear();
      for (const [vip, epoch] of claims) node.claims.set(vip, epoch);
    },
  };
}
