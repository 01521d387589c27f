/**
 * One run of a plan: the cluster starts, is given something to do, suffers the faults at their moments, and is left in
 * peace until everything has to be well again. The invariants are asked after every event.
 */
import type { Ip } from "../../src/core/address.ts";
import type { Edit } from "../../src/core/document/document.ts";
import { type Service, serviceKey, vipsOfService } from "../../src/core/service/service.ts";
import type { SettingName } from "../../src/core/document/settings.ts";
import { CONVERGED_MS, IN_POOL_MS, ONE_HOLDER_MS } from "./bounds.ts";
import { letClientsCome } from "./clients.ts";
import { SimCluster } from "./cluster.ts";
import { faultKindOf } from "./faults/mod.ts";
import type { Invariant } from "./invariant.ts";
import { invariantKinds } from "./invariants/mod.ts";
import { Settled } from "./invariants/settled.ts";
import { Witnesses } from "./invariants/witnesses.ts";
import { Ledger } from "./ledger.ts";
import type { Plan, PlannedFault } from "./plan.ts";
import type { TraceLine } from "./trace.ts";
import { World } from "./world.ts";

/** Time until the operator enters what there is to do, ms: the agents run by then, and have met. */
const ENTER_MS = 2_000;
/** Time until the faults begin, ms: everything serves by then. */
const SERVES_MS = 5_000;
/** Time for which all must stay as it is when everything has become well again, ms. */
const CALM_MS = 3_000;

/** An invariant that did not hold. */
export interface Failure {
  /** Its name. */
  readonly invariant: string;
  readonly what: string;
  readonly atMs: number;
  readonly event: number;
}

/** The longest time something took, ms, by the name of the bound it is held to. */
export type Longest = Readonly<Record<string, number>>;

/** How a run went. */
export interface Outcome {
  readonly failure: Failure | null;
  readonly events: number;
  /** Virtual time it took. */
  readonly simulatedMs: number;
  /** Faults that happened, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** The longest times that were seen, by what has a bound, ms. */
  readonly longest: Longest;
  readonly trace: readonly TraceLine[];
}

/** How to run. */
export interface PlayOptions {
  /** Whether every call of the agents that changes something is traced. */
  readonly verbose?: boolean;
}

/** Ends a run. */
class Broken extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.what);
    this.failure = failure;
  }
}

interface Watched {
  readonly name: string;
  readonly invariant: Invariant;
}

/** See the head of this file. */
export class Play {
  readonly plan: Plan;
  readonly world: World;
  readonly cluster: SimCluster;
  readonly trace: TraceLine[] = [];
  /** VIPs that are there from the beginning. */
  readonly vips: readonly Ip[];
  readonly ledger = new Ledger();
  readonly witnesses: Witnesses;
  readonly settled: Settled;
  /** VIPs and services that ever were. */
  knownVips: readonly Ip[] = [];
  knownServices: readonly Service[] = [];
  /** From when on everything is to serve, ms. */
  readonly servesMs = SERVES_MS;
  /** What operators have asked for. */
  readonly orders: { readonly atMs: number; readonly edit: Edit }[] = [];
  /** When somebody else than its agent last took a VIP from a machine, ms, by `VIP node`. */
  readonly takenMs = new Map<string, number>();
  /** When anything last began or ended that could disturb, ms. */
  disturbedMs = 0;
  /** Things that began or ended so far. */
  disturbances = 0;
  readonly #watched: readonly Watched[];
  readonly #verbose: boolean;
  /** Why each node's agent does not run. */
  readonly #down = new Map<string, Set<string>>();
  /** What lasts now, by key, and how often it was begun. */
  readonly #lasting = new Map<string, number>();
  readonly #faults: Record<string, number> = {};
  readonly #longest: Record<string, number> = {};
  #seenChanges = -1;
  #dueMs = 0;

  constructor(plan: Plan, options: PlayOptions = {}) {
    this.plan = plan;
    this.#verbose = options.verbose ?? false;
    this.world = new World(plan.seed);
    this.cluster = new SimCluster(this.world, plan.shape.nodes);
    this.vips = [...new Set(plan.shape.services.flatMap(vipsOfService))].sort();
    this.cluster.onChange = (node, text) => this.note(node.name, text);
    for (const address of plan.shape.machines) this.cluster.machines.set(address, true);
    for (const node of this.cluster.nodes) {
      node.hooks = { before: new Set(), after: new Set() };
      node.kernel.tableMs = plan.shape.tableMs;
    }
    this.witnesses = new Witnesses(this);
    this.settled = new Settled(this);
    this.#watched = invariantKinds.map(({ name, watch }) => ({ name, invariant: watch(this) }));
  }

  /** Runs it to its end, or to the first invariant that does not hold. */
  run(): Outcome {
    let failure: Failure | null = null;
    try {
      this.#script();
    } catch (error) {
      failure = error instanceof Broken ? error.failure : this.#failure(
        "no agent throws",
        error instanceof Error ? error.stack ?? error.message : String(error),
      );
      this.note("", `BROKEN: ${failure.invariant}: ${failure.what}`);
    }
    const { events, nowMs } = this.world;
    return {
      failure,
      events,
      simulatedMs: nowMs,
      faults: this.#faults,
      longest: this.#longest,
      trace: this.trace,
    };
  }

  #script(): void {
    const { shape, faults } = this.plan;
    if (this.#verbose) this.#traceCalls();
    shape.startsMs.forEach((atMs, index) =>
      this.world.after(atMs, () => this.cluster.start([`n${index + 1}`]))
    );
    this.world.after(ENTER_MS, () => this.#enter());
    letClientsCome(this.cluster, () => this.knownServices);
    let endMs = SERVES_MS;
    for (const fault of faults) {
      const atMs = SERVES_MS + fault.atMs;
      this.world.after(atMs, () => this.#strike(fault));
      endMs = Math.max(endMs, atMs + fault.lastsMs);
    }
    this.#pass(endMs);
    this.#disturb();
    this.#pass(Math.max(ONE_HOLDER_MS, IN_POOL_MS, CONVERGED_MS) + CALM_MS);
  }

  #enter(): void {
    const { services, vips, servers, settings } = this.plan.shape;
    this.#disturb();
    this.edit("n1", [
      ...Object.entries(settings).map(([name, value]): Edit => ({
        kind: "putSetting",
        name: name as SettingName,
        value,
      })),
      ...vips.map((vip): Edit => ({ kind: "putVip", vip })),
      ...services.map((service): Edit => ({ kind: "putService", service })),
      ...servers.map((server): Edit => ({ kind: "putServer", server })),
    ]);
  }

  #strike(fault: PlannedFault): void {
    const kind = faultKindOf(fault.kind);
    this.#faults[kind.name] = (this.#faults[kind.name] ?? 0) + 1;
    const words = kind.words(fault.data);
    this.#disturb();
    this.note("", `${words}${kind.lasts ? ` (for ${fault.lastsMs} ms)` : ""}`);
    const end = kind.apply(this, fault.data);
    if (end === undefined) return;
    this.world.after(fault.lastsMs, () => {
      this.#disturb();
      this.note("", `ends: ${words}`);
      end();
    });
  }

  #disturb(): void {
    // A fault that ends an agent at once is one thing.
    if (this.disturbedMs < this.world.nowMs) this.disturbances++;
    this.disturbedMs = this.world.nowMs;
    this.world.changes++;
  }

  #pass(durationMs: number): void {
    this.world.pass(durationMs, () => this.#look());
  }

  /** Asks the invariants, if anything changed that they could ask for or one of them wanted it. */
  #look(): void {
    const { world } = this;
    if (world.changes === this.#seenChanges && world.nowMs < this.#dueMs) return;
    this.#seenChanges = world.changes;
    this.witnesses.look();
    this.settled.look();
    let dueMs = Infinity;
    for (const { kernel } of this.cluster.nodes) dueMs = Math.min(dueMs, kernel.nextExpiryMs());
    for (const { name, invariant } of this.#watched) {
      const what = invariant.look();
      if (what !== null) throw new Broken(this.#failure(name, what));
      dueMs = Math.min(dueMs, invariant.dueMs());
    }
    this.#dueMs = dueMs;
  }

  #failure(invariant: string, what: string): Failure {
    return { invariant, what, atMs: this.world.nowMs, event: this.world.events };
  }

  /** Notes how long something took that has a bound. */
  took(bound: string, ms: number): void {
    this.#longest[bound] = Math.max(this.#longest[bound] ?? 0, ms);
  }

  /** Writes something into the trace. */
  note(node: string, text: string): void {
    this.trace.push({ atMs: this.world.nowMs, event: this.world.events, node, text });
  }

  /** Ends a node's agent for a reason, by `act`; it stays away until {@link up} was called for every reason. */
  down(node: string, reason: string, act: () => void): void {
    const reasons = this.#down.get(node) ?? new Set();
    this.#down.set(node, reasons.add(reason));
    this.#disturb();
    act();
  }

  /** A reason for which a node was down is gone. */
  up(node: string, reason: string): void {
    const reasons = this.#down.get(node);
    if (reasons?.delete(reason) !== true) return;
    const machine = this.cluster.node(node);
    if (!machine.powered && !reasons.has("power")) this.cluster.boot(node);
    if (reasons.size === 0) this.cluster.start([node]);
  }

  /** What a machine has on its disk is gone, and with it the edits nobody else has. */
  loseDisk(node: string): void {
    const { nodes } = this.cluster;
    const lost = this.cluster.node(node);
    this.ledger.diskLost(lost, nodes.filter((other) => other !== lost));
    this.cluster.loseDisk(node);
  }

  /** Begins something that lasts, unless it lasts already; returns what ends it when nobody else wants it any more. */
  readonly begin = (
    key: string,
    { start, end }: { readonly start: () => void; readonly end: () => void },
  ): () => void => {
    const count = this.#lasting.get(key) ?? 0;
    this.#lasting.set(key, count + 1);
    if (count === 0) start();
    return () => {
      const left = (this.#lasting.get(key) ?? 0) - 1;
      this.#lasting.set(key, left);
      if (left === 0) end();
    };
  };

  /** Asks before every call of a node's agent to the world; what is thrown is what the call fails with. Returns what ends it. */
  before(node: string, hook: (call: string) => void): () => void {
    const hooks = this.cluster.node(node).hooks.before as Set<(call: string) => void>;
    hooks.add(hook);
    return () => void hooks.delete(hook);
  }

  /** Told of every call of a node's agent to the world, after it. Returns what ends it. */
  after(node: string, hook: (call: string) => void): () => void {
    const hooks = this.cluster.node(node).hooks.after as Set<(call: string) => void>;
    hooks.add(hook);
    return () => void hooks.delete(hook);
  }

  /** An operator's edit on a node; without an agent there is nobody to take it. */
  edit(name: string, edits: readonly Edit[]): void {
    const at = this.cluster.node(name);
    if (!at.awake) return this.note(name, "no agent takes the edit");
    this.#know(edits);
    for (const edit of edits) this.orders.push({ atMs: this.world.nowMs, edit });
    const acknowledge = this.ledger.note(at, edits, at.store.current());
    at.store.edit(edits).then(
      acknowledge,
      (error) => this.note(name, `edit refused: ${error.message}`),
    );
  }

  #know(edits: readonly Edit[]): void {
    for (const edit of edits) {
      if (edit.kind !== "putService") continue;
      const { service } = edit;
      const key = serviceKey(service);
      if (!this.knownServices.some((item) => serviceKey(item) === key)) {
        this.knownServices = [...this.knownServices, service];
      }
      this.knownVips = [...new Set([...this.knownVips, ...vipsOfService(service)])];
    }
  }

  #traceCalls(): void {
    const told = /^(addresses\.(put|remove)|table\.(apply|startDaemon|stopDaemon)|neighbours\.)/;
    for (const { name } of this.cluster.nodes) {
      this.after(name, (call) => {
        if (told.test(call)) this.note(name, call);
      });
    }
  }
}

/** Runs a plan. */
export function play(plan: Plan, options: PlayOptions = {}): Outcome {
  return new Play(plan, options).run();
}
