/**
 * Makes the kernel's IPVS table what the state wants, in pieces, beside everything else.
 *
 * A pass plans each row that may not be as it should be against what the kernel is known to have, and applies
 * the operations in bounded batches; when the state changes meanwhile, the next pass puts first what that is
 * about and goes on with the rest. The kernel's own answer is fetched at the first pass, then again and again:
 * small tables every second, large ones less often, and soon after a failed operation. What fails does not hold
 * up the rest.
 */
import {
  daemonOf,
  desiredDaemons,
  isSameDaemon,
  mayBeKernelLength,
} from "../core/desired/desired_daemons.ts";
import {
  desiredRow,
  mayDiffer,
  type SoleServers,
  soleServers,
} from "../core/desired/desired_row.ts";
import { type ClusterDocument, EMPTY_DOCUMENT } from "../core/document/document.ts";
import { idleServers, planRow } from "../core/table/plan.ts";
import { type Service, type ServiceKey, serviceKey } from "../core/service/service.ts";
import type { State } from "../core/state.ts";
import type { Fact } from "../core/step.ts";
import {
  NO_COUNTERS,
  NO_TRAFFIC,
  type ObservedServer,
  type ObservedService,
  type SyncDaemon,
  type SyncDaemons,
  type TableOperation,
} from "../core/table/table.ts";
import { isActive } from "../core/desired/desired.ts";
import { BYPASS_SWITCH } from "../core/desired/desired_switches.ts";
import { TABLE_MS_MAX, TABLE_MS_MIN } from "../core/timing.ts";
import type { Clock, OwnedRows, SavedTimeouts, Sysctl, Table } from "../ports.ts";
import type { KernelTroubles } from "./kernel_troubles.ts";
import type { Logger } from "./logger.ts";
import { operationWords } from "./operation_words.ts";
import { TableTimeoutKeeper } from "./table_timeouts.ts";
import { takeOver } from "./taken_rows.ts";

/** Operations planned before they are applied: bounds the time between two looks at newer wishes. */
const BATCH_OPERATIONS = 256;
/** Time after a failed operation before the kernel is asked what it has instead, ms. */
const RETRY_MS = 1_000;
/** Time for which planning may hold the event loop, ms. */
const TURN_MS = 4;
/** How often sync daemons that are as wanted are looked at again, ms. */
const DAEMONS_MS = 1_000;
/** Share of time that looking at the whole table may take: one in this many. */
const LOOK_TIME_RATIO = 50;

/** What the lane needs. */
export interface TableLaneOptions {
  readonly table: Table;
  readonly sysctl: Pick<Sysctl, "read">;
  readonly clock: Clock;
  readonly troubles: KernelTroubles;
  readonly tell: (fact: Fact) => void;
  /** Keys of the rows that are troop's, kept over restarts. */
  readonly owned: OwnedRows;
  /** The kernel's timeouts before troop changed them. */
  readonly savedTimeouts: SavedTimeouts;
  /** Lets the event loop do other work. */
  readonly pause: () => Promise<void>;
  readonly log: Pick<Logger, "warn">;
}

type Rows = ReadonlyMap<ServiceKey, ObservedService>;

/** One walk over the table. */
interface Pass {
  readonly state: State;
  readonly observed: Map<ServiceKey, ObservedService>;
  /** The table at the last two looks, when the kernel was asked in this very pass; else null. */
  readonly looks: readonly [before: Rows, now: Rows] | null;
  /** Of the state when it began. */
  readonly version: number;
  readonly soles: SoleServers;
}

/** See the head of this file. */
export class TableLane {
  readonly #options: TableLaneOptions;
  #observed: Map<ServiceKey, ObservedService> | null = null;
  /** The table as the kernel itself told it at the last look: nothing that was asked for since is in it. */
  #looked: Rows = new Map();
  /** When the kernel is to be asked for the whole table. */
  #lookAtMs = -Infinity;
  #daemons = "";
  #daemonsMs = -Infinity;
  #settledVersion = -1;
  /** Keys of the rows that are still to be looked at, the urgent ones first. */
  #pending: Set<ServiceKey> = new Set();
  /** The document as of which rows were marked; null before. */
  #markedFor: ClusterDocument | null = null;
  /** Whether an operation has failed since the kernel was last asked. */
  #failed = false;
  #running: Promise<void> | null = null;
  #changes = 0;
  readonly #timeouts: TableTimeoutKeeper;
  /** The length that was set for the master that runs; null: the kernel's own, or not known. */
  #masterLength: number | null = null;

  constructor(options: TableLaneOptions) {
    this.#options = options;
    this.#timeouts = new TableTimeoutKeeper(options);
  }

  /** The kernel's table as last known, by service. */
  get observed(): ReadonlyMap<ServiceKey, ObservedService> {
    return this.#observed ?? new Map();
  }

  /** The kernel's table as it was when the kernel was last asked, by service. */
  get looked(): ReadonlyMap<ServiceKey, ObservedService> {
    return this.#looked;
  }

  /** How many operations the kernel was asked for since the start. */
  get changes(): number {
    return this.#changes;
  }

  /** Starts a pass if one is due and none runs. Returns at once. */
  poke(state: State, now: number): void {
    if (this.#running !== null || !this.#isConcerned(state)) return;
    const settled = this.#settledVersion === state.tableVersion;
    if ((settled || this.#observed === null) && now < this.#lookAtMs) return;
    this.#running = this.#pass(state).catch((error) => {
      // Whatever the kernel has now, it must be asked.
      this.#observed = null;
      this.#retryLater();
      this.#options.troubles.note("reconcile table", error as Error);
    }).finally(() => this.#running = null);
  }

  /** Whether anything in this namespace's table is troop's, or is to be. */
  #isConcerned(state: State): boolean {
    return servicesHere(state).size > 0 || this.#options.owned.keys().length > 0;
  }

  /** Resolves when no pass runs. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #look(): Promise<Map<ServiceKey, ObservedService>> {
    const { table, clock, troubles } = this.#options;
    const beganMs = clock.now();
    const rows = await table.list();
    troubles.note("reconcile table", null);
    const endedMs = clock.now();
    const patientMs = (endedMs - beganMs) * LOOK_TIME_RATIO;
    this.#lookAtMs = endedMs + Math.min(TABLE_MS_MAX, Math.max(TABLE_MS_MIN, patientMs));
    this.#looked = new Map(rows.map((row) => [serviceKey(row), row]));
    return new Map(this.#looked);
  }

  async #pass(state: State): Promise<void> {
    const { clock } = this.#options;
    const lookDue = this.#observed === null || clock.now() >= this.#lookAtMs;
    const before = this.#looked;
    if (lookDue) this.#observed = await this.#look();
    const observed = this.#observed ?? new Map<ServiceKey, ObservedService>();
    const version = state.tableVersion;
    await this.#noteOwned(state, observed, lookDue);
    this.#mark(state, lookDue);
    if (lookDue) this.#failed = false;
    const soles = soleServers(state);
    const looks = lookDue ? [before, this.#looked] as const : null;
    await this.#walk({ state, observed, looks, version, soles });
    // Newer wishes: the next poke goes on with them, from what is known to be in the kernel now.
    if (state.tableVersion !== version) return;
    this.#settledVersion = version;
    if (!this.#failed) this.#options.tell({ kind: "tableSettled", version });
  }

  /**
   * Rows are noted as troop's before they are made, and as nobody's when the kernel itself does not show them
   * any more (`counted`: it was just asked): an operator's request makes a row outside of any pass. What somebody
   * else made under a key that is new here is taken over, and told.
   */
  async #noteOwned(
    state: State,
    observed: Map<ServiceKey, ObservedService>,
    counted: boolean,
  ): Promise<void> {
    const { owned } = this.#options;
    const services = servicesHere(state);
    const fresh = [...services.values()].filter((service) => !owned.has(serviceKey(service)));
    await takeOver(this.#options, fresh, { observed, counted });
    await this.#remember(() => owned.add(fresh.map(serviceKey)));
    if (!counted) return;
    const gone = owned.keys().filter((key) => !services.has(key) && !observed.has(key));
    await this.#remember(() => owned.delete(gone));
  }

  /** With a disk that refuses the table is kept all the same: else dead servers would stay in it. */
  async #remember(save: () => Promise<void>): Promise<void> {
    const { troubles } = this.#options;
    try {
      await save();
      troubles.note("remember rows", null);
    } catch (error) {
      troubles.note("remember rows", error as Error);
    }
  }

  /**
   * Marks rows that may not be as they should: all when the kernel was asked (`all`), else those that anything new is
   * about. The latter come first, so that neither a takeover nor an order waits for all the others, and a pass that
   * newer wishes interrupt is not begun from the beginning again and again.
   */
  #mark(state: State, all: boolean): void {
    const services = servicesHere(state);
    const first = [...services].filter(([, service]) => mayDiffer(state, service, this.#markedFor))
      .map(([key]) => key);
    const unwanted = this.#options.owned.keys().filter((key) => !services.has(key));
    this.#pending = new Set([
      ...first,
      ...unwanted,
      ...this.#pending,
      ...(all ? services.keys() : []),
    ]);
    this.#markedFor = state.document;
  }

  /** Makes the marked rows what they should be, until there is something newer to do. */
  async #walk(pass: Pass): Promise<void> {
    const { clock, pause } = this.#options;
    let batch: TableOperation[] = [];
    let turnMs = clock.now();
    for (const key of this.#pending) {
      this.#pending.delete(key);
      batch.push(...plan(key, pass));
      const isTurnOver = clock.now() - turnMs >= TURN_MS;
      if (!isTurnOver && batch.length < BATCH_OPERATIONS) continue;
      await this.#apply(batch, pass.observed);
      batch = [];
      if (isTurnOver) await pause();
      turnMs = clock.now();
      if (pass.state.tableVersion !== pass.version) return;
    }
    await this.#apply(batch, pass.observed);
  }

  async #apply(
    operations: readonly TableOperation[],
    observed: Map<ServiceKey, ObservedService>,
  ): Promise<void> {
    if (operations.length === 0) return;
    this.#changes += operations.length;
    const results = await this.#options.table.apply(operations);
    operations.forEach((operation, index) => {
      const error = results[index] ?? null;
      this.#options.troubles.note(operationWords(operation), error);
      if (error === null) patch(observed, operation);
      else this.#failed = true;
    });
    if (this.#failed) this.#retryLater();
  }

  /** The kernel is asked anew after a pause, or when it would have been anyway. */
  #retryLater(): void {
    const now = this.#options.clock.now();
    const retryMs = now + RETRY_MS;
    this.#lookAtMs = this.#lookAtMs > now ? Math.min(this.#lookAtMs, retryMs) : retryMs;
  }

  /** Makes the sync daemons run as wanted: at once when that changed, else looked at every {@link DAEMONS_MS}. */
  applyDaemons(state: State, now: number): void {
    const { table, sysctl, troubles, tell } = this.#options;
    const wanted = desiredDaemons(state);
    const bypassWanted = !isActive(state);
    const fingerprint = JSON.stringify([wanted, bypassWanted]);
    if (fingerprint === this.#daemons && now - this.#daemonsMs < DAEMONS_MS) return;
    const idle = wanted.master === null && wanted.backup === null;
    if (this.#daemons === "" && idle && this.#options.owned.keys().length === 0) return;
    this.#daemons = fingerprint;
    this.#daemonsMs = now;
    let present: SyncDaemons = { master: null, backup: null };
    if (!troubles.attempt("list sync daemons", () => present = table.daemons())) {
      if (!bypassWanted) tell({ kind: "bypass", on: false });
      return;
    }
    let backup = present.backup !== null;
    for (const role of ["master", "backup"] as const) {
      const has = present[role];
      const want = wanted[role];
      if (isSameDaemon(has, want) && !this.#hasOldLength(role, has, want)) {
        this.#noteLength(role, want);
        continue;
      }
      let runs = has !== null;
      if (runs && this.#mayStop(state)) {
        runs = !troubles.attempt(`stop sync ${role}`, () => table.stopDaemon(role));
      }
      if (want !== null && !runs) {
        runs = troubles.attempt(`start sync ${role}`, () => table.startDaemon(role, want));
        if (runs) this.#noteLength(role, want);
      }
      if (role === "backup") backup = runs;
    }
    // The kernel may have refused the switch.
    let on = false;
    troubles.attempt("read switch", () => on = sysctl.read(BYPASS_SWITCH) === "1");
    tell({ kind: "bypass", on: on && backup && bypassWanted });
    this.#timeouts.apply(state);
  }

  #noteLength(role: keyof SyncDaemons, daemon: SyncDaemon | null): void {
    if (role === "master") this.#masterLength = daemon?.maxLength ?? null;
  }

  /** Whether a master that should have the kernel's own length still has one that was set. */
  #hasOldLength(role: keyof SyncDaemons, has: SyncDaemon | null, want: SyncDaemon | null): boolean {
    if (role !== "master" || has === null || want === null || want.maxLength !== null) return false;
    return this.#masterLength !== null || !mayBeKernelLength(has);
  }

  /** Without a row of its own in this namespace troop leaves the daemons of others alone. */
  #mayStop(state: State): boolean {
    return this.#isConcerned(state);
  }

  /** Removes every row and daemon of troop's. For a node that leaves for good; what fails is told. */
  async restore(state: State): Promise<void> {
    await this.idle();
    const { table, owned, troubles } = this.#options;
    await this.#timeouts.restore();
    // Without rows of its own the kernel may lack IPVS altogether, and then cannot be asked.
    if (owned.keys().length === 0) return;
    try {
      const observed = await this.#look();
      const rows = owned.keys().flatMap((key) => observed.get(key) ?? []);
      await this.#apply(rows.map((row) => ({ kind: "removeService", service: row })), observed);
    } catch (error) {
      troubles.note("reconcile table", error as Error);
    }
    const own = { ...daemonOf(state), maxLength: null };
    for (const role of ["master", "backup"] as const) {
      troubles.attempt(`stop sync ${role}`, () => {
        const present = table.daemons()[role];
        if (present !== null && isSameDaemon(present, own)) table.stopDaemon(role);
      });
    }
    await owned.delete(owned.keys()).catch((error) => troubles.note("forget rows", error));
  }
}

/** The services this node has rows for: a node that is no director has none, and removes what it had. */
function servicesHere(state: State): ReadonlyMap<ServiceKey, Service> {
  return state.self.director ? state.document.services : EMPTY_DOCUMENT.services;
}

/** Operations for one row, which may be one that nobody wants any more. */
function plan(key: ServiceKey, { state, observed, looks, soles }: Pass): TableOperation[] {
  const service = servicesHere(state).get(key);
  const row = observed.get(key);
  if (service !== undefined) {
    const [before, now] = looks ?? [];
    const idle = idleServers(before?.get(key) ?? null, now?.get(key) ?? null);
    return planRow(desiredRow(state, service, soles), row ?? null, idle);
  }
  return row === undefined ? [] : [{ kind: "removeService", service: row }];
}

/** Makes the known table what the kernel has after the operation. */
function patch(observed: Map<ServiceKey, ObservedService>, operation: TableOperation): void {
  const key = serviceKey(operation.service);
  const row = observed.get(key);
  switch (operation.kind) {
    case "addService":
    case "editService":
      observed.set(key, {
        ...operation.service,
        altered: false,
        traffic: row?.traffic ?? NO_TRAFFIC,
        servers: row?.servers ?? [],
      });
      return;
    case "removeService":
      observed.delete(key);
      return;
  }
  if (row === undefined) return;
  const isOther = (server: ObservedServer) =>
    server.address !== operation.server.address || server.port !== operation.server.port;
  const others = row.servers.filter(isOther);
  const before = row.servers.find((server) => !isOther(server));
  const servers = operation.kind === "removeServer"
    ? others
    : [...others, { ...operation.server, counters: before?.counters ?? NO_COUNTERS }];
  observed.set(key, { ...row, servers });
}
