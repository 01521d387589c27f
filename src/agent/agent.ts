/**
 * The loop of one node: facts come in, the state is stepped, and the lanes make the world what it wants.
 *
 * Callbacks only put facts into the inbox and ask for a tick soon. A tick drains the inbox, lets time
 * pass, and runs the lanes in the order in which a takeover needs them: network first (IPVS on, address,
 * announcement), then talk (the claim), then sync daemons, then everything that may take longer.
 */
import type { Ip } from "../core/address.ts";
import { isActive } from "../core/desired/desired.ts";
import { openConnections } from "../core/pool/drained_connections.ts";
import { awaitsWitness } from "../core/cluster/gateway_witness.ts";
import { adaptsWeights, type ProcessorLoad } from "../core/pool/load_weight.ts";
import type { NodeRecord } from "../core/cluster/record.ts";
import { isConfirmed } from "../core/cluster/recall.ts";
import { doubtText } from "../core/cluster/warnings.ts";
import { initialState, type Self, type State } from "../core/state.ts";
import { sorryWish } from "../core/pool/sorry_page.ts";
import { statusSteps } from "../core/status/status_view.ts";
import type { Status } from "../core/status/status.ts";
import { isNews } from "../core/news.ts";
import { type Fact, step } from "../core/step.ts";
import type { Steps } from "../core/steps.ts";
import { paceMs } from "../core/tick.ts";
import { LEASE_S, LOAD_MS, TICK_MS } from "../core/timing.ts";
import type {
  Addresses,
  AgentMemory,
  Clock,
  DocumentStore,
  Gossip,
  ListenerWatch,
  MarkRules,
  Modules,
  Neighbours,
  OwnedRows,
  Prober,
  ProbeResult,
  PulseSocket,
  SorryPage,
  Sysctl,
  Table,
  TunnelDevices,
} from "../ports.ts";
import { FirewallLane } from "./firewall_lane.ts";
import { HealthLane } from "./health_lane.ts";
import { inheritedRows } from "./inherited_rows.ts";
import { sizesOf } from "./sizes.ts";
import { type KernelTroubles, kernelTroubles } from "./kernel_troubles.ts";
import type { Logger } from "./logger.ts";
import { NetworkLane } from "./network_lane.ts";
import { recalled } from "./recalled.ts";
import { TableLane } from "./table_lane.ts";
import { WitnessLane } from "./witness_lane.ts";
import { TalkLane } from "./talk_lane.ts";
import { type Change, changesBetween, type Outline, outline } from "./changes.ts";

/** Facts that may wait for a tick; more are dropped with the oldest, for the next ones tell the same. */
const INBOX_MAX = 10_000;

/** Time without a tick after which it is overdue, ms: as long as a tick may be late anyway. */
const NUDGE_MS = 2 * TICK_MS;

/** Everything outside the agent. */
export interface AgentPorts {
  readonly clock: Clock;
  readonly addresses: Addresses;
  readonly neighbours: Neighbours;
  readonly table: Table;
  readonly sysctl: Sysctl;
  readonly pulses: PulseSocket;
  readonly gossip: Gossip;
  readonly store: DocumentStore;
  readonly prober: Prober;
  readonly listeners: ListenerWatch;
  readonly tunnels: TunnelDevices;
  readonly marks: MarkRules;
  readonly modules: Modules;
  readonly sorry: SorryPage;
  readonly load: ProcessorLoad;
  readonly log: Logger;
  readonly memory: AgentMemory;
  /** Runs the work as soon as the present work is done. */
  readonly soon: (work: () => void) => void;
  /** Lets the event loop do other work. */
  readonly pause: () => Promise<void>;
}

/** See the head of this file. */
export class Agent {
  readonly state: State;
  readonly troubles: KernelTroubles;
  readonly #ports: AgentPorts;
  readonly #network: NetworkLane;
  readonly #witness: WitnessLane;
  readonly #table: TableLane;
  readonly #health: HealthLane;
  readonly #talk: TalkLane;
  readonly #firewall: FirewallLane;
  #inbox: Fact[] = [];
  #pending = false;
  #outline: Outline;
  #measuredMs = -Infinity;
  #savedClaims = "[[],[]]";
  #savedVips: readonly Ip[] = [];
  #aimedVersion = -1;
  #remembered = "[]";
  #rememberedVersion = -1;
  /** Versions of the state as of which changes were told and claims saved: between them nothing can have changed. */
  #told = "";
  /** Told of every change a person would want to read. */
  onChange: (change: Change) => void = () => {};

  constructor(self: Self, ports: AgentPorts) {
    this.#ports = ports;
    this.state = initialState(self, ports.clock.now());
    this.troubles = kernelTroubles(ports.log);
    this.#outline = outline(this.state);
    const tell = (fact: Fact) => step(this.state, fact, ports.clock.now());
    const common = { clock: ports.clock, troubles: this.troubles, tell };
    this.#network = new NetworkLane({
      ...ports,
      ...common,
      savedSwitches: ports.memory.savedSwitches,
      formerVips: ports.memory.vips(),
    });
    this.#witness = new WitnessLane({ ...ports, ...common });
    this.#table = new TableLane({
      ...common,
      table: ports.table,
      sysctl: ports.sysctl,
      owned: ports.memory.owned,
      savedTimeouts: ports.memory.savedTimeouts,
      pause: ports.pause,
      log: ports.log,
    });
    this.#health = new HealthLane({ ...ports, ...common });
    this.#talk = new TalkLane({
      ...ports,
      open: (state) => openConnections(state, this.#table.looked),
    });
    this.#firewall = new FirewallLane({
      ...ports,
      ...common,
      leftovers: ports.memory.owned.keys().some((key) => key.startsWith("fwm")),
    });
  }

  /**
   * Looks around and adopts what an earlier run of this agent left. To be called once, before the first tick; resolves
   * when it is known who serves meanwhile, and never rejects.
   */
  begin(): Promise<void> {
    const now = this.#ports.clock.now();
    const facts = recalled(this.#ports.memory, this.#ports.store, this.#ports.clock.wallMs());
    for (const fact of facts) step(this.state, fact, now);
    for (const record of this.#ports.memory.records()) {
      step(this.state, { kind: "record", record }, now);
    }
    this.#network.observe(this.state, now, true);
    const { doubt } = this.state;
    if (doubt !== null) {
      // Not left to the changes between two ticks: it is over before the first of them are told.
      this.onChange({ kind: "node", level: "warn", text: doubtText(doubt), fields: {} });
      // By the time it knows its VIPs, others may have them.
      return Promise.resolve();
    }
    const claims = this.#ports.memory.claims();
    for (const { vip, remainingMs } of this.#network.leftovers(this.state.vips)) {
      const epoch = claims.get(vip);
      if (epoch === undefined || remainingMs <= 0 || !this.state.self.director) continue;
      const bounded = Math.min(remainingMs, LEASE_S * 1_000);
      step(this.state, { kind: "adopt", vip, epoch, remainingMs: bounded }, now);
      this.#ports.log.info(
        { vip, epoch },
        `adopts ${vip}, which an earlier run of this agent held with epoch ${epoch}`,
      );
    }
    const adopts = this.state.holds.size > 0;
    this.#lingerOn(claims, now);
    return adopts ? this.#inherit() : Promise.resolve();
  }

  async #inherit(): Promise<void> {
    const { clock, table } = this.#ports;
    try {
      const rows = await inheritedRows(table);
      step(this.state, { kind: "inherited", rows }, clock.now());
    } catch (error) {
      this.troubles.note("reconcile table", error as Error);
    }
  }

  /** The lease of these VIPs is over, but not what neighbours send here until they have heard of another holder. */
  #lingerOn(claims: ReadonlyMap<Ip, number>, now: number): void {
    const { holds, self, vips } = this.state;
    if (!self.director) return;
    for (const [vip, epoch] of claims) {
      if (holds.has(vip) || !vips.includes(vip)) continue;
      step(this.state, { kind: "adopt", vip, epoch, remainingMs: 0 }, now);
    }
  }

  /** Takes a fact; it counts from the next tick, which is asked for at once when the fact is news. */
  receive(fact: Fact): void {
    if (this.#inbox.length >= INBOX_MAX) this.#inbox.shift();
    this.#inbox.push(fact);
    if (isNews(this.state, fact)) this.wake();
  }

  /** Takes the result of a probe. */
  probed(id: string, result: ProbeResult): void {
    this.#health.take(id, result);
    this.wake();
  }

  /** Asks for a tick as soon as possible; many requests are one tick. */
  wake(): void {
    if (this.#pending) return;
    this.#pending = true;
    this.#ports.soon(() => {
      this.#pending = false;
      this.tick();
    });
  }

  /** Asks for a tick when one is overdue: the runtime's timers wait while a flood of datagrams comes in. */
  nudge(): void {
    if (this.#ports.clock.now() - this.state.lastTickMs > NUDGE_MS) this.wake();
  }

  /** One turn of the loop. Never throws for what the world does. */
  tick(): void {
    const now = this.#ports.clock.now();
    const { state } = this;
    // On a busy machine the answer may be there while its reader has not run yet.
    if (state.witnesses.size > 0 || awaitsWitness(state)) {
      this.troubles.attempt("read answers of the LAN", () => this.#ports.neighbours.poll());
    }
    const facts = this.#inbox;
    this.#inbox = [];
    this.#health.watch(state, now);
    for (const fact of facts) {
      step(state, fact, now);
      if (fact.kind === "document") this.#network.place(state);
    }
    this.#network.observe(state, now);
    this.#measure(now);
    step(state, { kind: "tick", wallMs: this.#ports.clock.wallMs() }, now);
    if (this.#quiet) return;
    if (state.doubt !== null) return this.#wait(now);
    this.#network.apply(state, now);
    this.#witness.apply(state, now);
    // A standby is bypassed before it says that it is there; a new holder says so before its daemon starts.
    const active = isActive(state);
    if (!active) this.#table.applyDaemons(state, now);
    this.#talk.speak(state, now);
    if (active) this.#table.applyDaemons(state, now);
    this.#table.poke(state, now);
    this.#firewall.poke(state, now);
    if (this.#aimedVersion !== state.tableVersion) {
      this.#aimedVersion = state.tableVersion;
      this.#health.aim(state);
      this.#ports.sorry.set(sorryWish(state));
    }
    const told = `${state.tableVersion} ${state.pulseVersion} ${state.recordVersion}`;
    if (told === this.#told) return;
    this.#told = told;
    this.#saveClaims();
    this.#saveVips();
    this.#saveRecords();
    this.#tellChanges();
  }

  /** The document is in doubt: nothing is touched, and peers are asked for theirs. */
  #wait(now: number): void {
    const { log, store } = this.#ports;
    this.#talk.speak(this.state, now);
    if (!isConfirmed(this.state, store.digest())) return;
    step(this.state, { kind: "documentConfirmed" }, now);
    log.info({}, "has the document of a running peer, and goes on");
  }

  /** Looks how busy this machine is, where any service wants to know. */
  #measure(now: number): void {
    const asked = adaptsWeights(this.state) && this.state.self.realServer;
    if (!asked && this.state.free === null) return;
    if (now - this.#measuredMs < LOAD_MS) return;
    this.#measuredMs = now;
    step(this.state, { kind: "load", free: asked ? this.#ports.load.free() : null }, now);
  }

  /** Time until the next tick, ms. */
  paceMs(): number {
    return paceMs(this.state);
  }

  /** Set when the kernel was cleaned: nothing may be put back. */
  #quiet = false;

  #saveClaims(): void {
    const claims = new Map<Ip, number>();
    for (const [vip, hold] of this.state.holds) {
      if (hold.phase === "holding") claims.set(vip, hold.epoch);
    }
    const { epochs } = this.state;
    const text = JSON.stringify([[...claims], [...epochs]]);
    if (text === this.#savedClaims) return;
    this.#savedClaims = text;
    this.#ports.memory.saveClaims(claims, epochs);
  }

  /** VIPs are remembered over a restart: one whose service is removed meanwhile must not stay on `lo`. */
  #saveVips(): void {
    if (this.#savedVips === this.state.vips) return;
    this.#savedVips = this.state.vips;
    this.#ports.memory.saveVips(this.state.vips);
  }

  /** Who the members are is remembered, also those that were stopped; what they said of their servers is not, for it is soon untrue. */
  #saveRecords(): void {
    if (this.#rememberedVersion === this.state.tableVersion) return;
    this.#rememberedVersion = this.state.tableVersion;
    const records = [...this.state.peers.values()]
      .filter(({ record }) => this.state.document.nodes.get(record.id)?.left !== true)
      .map(({ record }): NodeRecord => ({
        ...record,
        sequence: 0,
        claims: {},
        verdicts: {},
        vips: {},
        document: "",
      }));
    const text = JSON.stringify(records);
    if (text === this.#remembered) return;
    this.#remembered = text;
    this.#ports.memory.saveRecords(records);
  }

  #tellChanges(): void {
    const next = outline(this.state, this.#outline);
    for (const change of changesBetween(this.#outline, next)) this.onChange(change);
    this.#outline = next;
  }

  /** The status document, in steps of some ms. */
  status(): Steps<Status> {
    const { clock } = this.#ports;
    return statusSteps(this.state, {
      now: clock.now(),
      wallMs: clock.wallMs(),
      table: this.#table.observed,
      open: openConnections(this.state, this.#table.looked),
    });
  }

  /** Entries in every collection that lives as long as the agent: none of them may grow with time. */
  sizes(): Record<string, number> {
    return {
      ...sizesOf(this.state),
      ...this.#talk.sizes(),
      ledger: this.#network.remembered,
      troubles: this.troubles.present.size + this.troubles.counts.size,
      rows: this.#table.observed.size + this.#ports.memory.owned.keys().length,
      inbox: this.#inbox.length,
    };
  }

  /** The kernel's table as last seen. */
  get table(): TableLane {
    return this.#table;
  }

  /** Which rows of the kernel's table are troop's. */
  get rows(): OwnedRows {
    return this.#ports.memory.owned;
  }

  /** Addresses of this machine as last seen. */
  get addresses(): NetworkLane["addresses"] {
    return this.#network.addresses;
  }

  /** Interfaces of this machine as last seen. */
  get links(): NetworkLane["links"] {
    return this.#network.links;
  }

  /** Pulses sent so far. */
  get pulsesSent(): number {
    return this.#talk.pulsesSent;
  }

  /** Takes everything of troop's out of the kernel, for a node that leaves for good. */
  async clean(): Promise<void> {
    this.#quiet = true;
    await this.#network.restore();
    await this.#firewall.restore();
    await this.#table.restore(this.state);
  }
}
