/**
 * One simulated machine: kernel, disk, and the agent that runs on it.
 */
import type { Agent } from "../../src/agent/agent.ts";
import type { Ip } from "../../src/core/address.ts";
import type { NodeId } from "../../src/core/document.ts";
import type { NodeRecord } from "../../src/core/record.ts";
import type { Self } from "../../src/core/state.ts";
import type { AgentMemory, ProbeTarget } from "../../src/ports.ts";
import { SimKernel } from "./kernel.ts";
import { SimStore } from "./sim_store.ts";
import type { World } from "./world.ts";

/** Options of one machine that differ from the default. */
export type NodeOptions = Partial<Pick<Self, "director" | "realServer" | "priority">>;

/** One machine with its kernel, disk and agent. */
export class SimNode {
  readonly name: string;
  readonly id: NodeId;
  readonly address: Ip;
  readonly options: NodeOptions;
  kernel: SimKernel;
  readonly store: SimStore;
  agent: Agent | null = null;
  powered = true;
  paused = false;
  /** Whether the web server on this machine runs. */
  serving = true;
  /** How much of its processors is free, percent. */
  free: number | null = 100;
  announcements: { vip: Ip; atMs: number }[] = [];
  /** State on disk beside the document. */
  readonly claims = new Map<Ip, number>();
  readonly owned = new Set<string>();
  readonly saved = new Map<string, string>();
  boot = 1;
  records: readonly NodeRecord[] = [];
  vips: readonly Ip[] = [];
  targets: readonly ProbeTarget[] = [];
  run = 0;

  constructor(world: World, index: number, options: NodeOptions) {
    this.name = `n${index}`;
    this.id = index.toString(16).padStart(16, "0");
    this.address = `10.0.0.${index}`;
    this.options = options;
    this.kernel = new SimKernel(world, this.address);
    this.store = new SimStore(this.id);
  }
}

/** What the agent on a machine remembers over a restart. */
export function memoryOf(node: SimNode): AgentMemory {
  return {
    savedSwitches: {
      save: (name, value) => {
        if (!node.saved.has(name)) node.saved.set(name, value);
      },
      entries: () => [...node.saved],
      clear: () => node.saved.clear(),
    },
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
    saveClaims: (claims) => {
      node.claims.clear();
      for (const [vip, epoch] of claims) node.claims.set(vip, epoch);
    },
  };
}
