/**
 * The {@link Table} port over IPVS generic netlink.
 *
 * Every call into the kernel blocks the event loop, so long work is cut: changes go in batches, dumps come in
 * datagrams, and between two pieces everybody else has a turn. Calls that would meet on the socket wait for
 * each other; sync daemons have a socket of their own, because those calls cannot wait.
 *
 * The kernel's errors (net/netfilter/ipvs/ip_vs_ctl.c): ESRCH the service is not there; ENOENT the server is
 * not there, or the scheduler; EEXIST the row is there. A change that finds the world otherwise than its
 * author is turned into the one that leads to the same row; whatever failed behind it in the same batch is
 * tried again, because it may have failed for lack of that row.
 */
import {
  BATCH_MESSAGES_MAX,
  type Ipvs,
  type IpvsChange,
  type IpvsService,
  KernelRequestError,
} from "../../ffi/mod.ts";
import { formatEndpoint } from "../core/address.ts";
import { formatServiceName, type ServiceName } from "../core/service.ts";
import type {
  ObservedServer,
  ObservedService,
  SyncDaemons,
  TableOperation,
} from "../core/table.ts";
import type { Table } from "../ports.ts";
import {
  changeMaker,
  observedServer,
  observedService,
  serviceKeyOf,
  serviceNameOf,
} from "./table_rows.ts";

/** Changes in one batch, which is one send: a millisecond or two of kernel work. */
export const CHANGES_PER_BATCH = BATCH_MESSAGES_MAX;
/** How long work may hold the event loop, ms, before others have a turn. It ends between two pieces, so a piece later. */
const HOLD_MS_MAX = 2;

/** Two handles of the same table, and the clock dumps are timed by. */
export interface TableTools {
  /** For the table. */
  readonly table: Ipvs;
  /** For sync daemons, whose calls are synchronous. */
  readonly daemons: Ipvs;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** Opens the port. A kernel without IPVS is told by the first call, which names the module to load. */
export function createKernelTable({ table, daemons, now }: TableTools): Table {
  const turns = createTurns();
  const pause = createPause(now);
  const reader = createReader(table, pause);

  async function apply(operations: readonly TableOperation[]) {
    const outcomes: (KernelRequestError | null)[] = [];
    const toChange = changeMaker();
    for (let start = 0; start < operations.length; start += CHANGES_PER_BATCH) {
      const batch = operations.slice(start, start + CHANGES_PER_BATCH);
      const changes = batch.map(toChange);
      for (const outcome of applyBatch(table, { operations: batch, changes })) {
        outcomes.push(outcome);
      }
      if (outcomes.length < operations.length) await pause();
    }
    return outcomes;
  }

  return {
    list: () =>
      turns(() => {
        // A module that was loaded anew since the last look has another number.
        table.refresh();
        daemons.refresh();
        return reader.list();
      }),
    get: (name) => turns(() => reader.get(name)),
    apply: (operations) => turns(() => apply(operations)),
    daemons: () => runningDaemons(daemons),
    startDaemon: (role, interfaceName, syncId) =>
      daemons.startDaemon({ role, interface: interfaceName, syncId }),
    stopDaemon: (role) => stopDaemon(daemons, role),
  };
}

/** Reads rows in pieces, with a pause between two. */
function createReader(table: Ipvs, pause: () => Promise<void>): Pick<Table, "list" | "get"> {
  /** A service that was removed meanwhile has no servers: the kernel answers with an empty list. */
  async function serversOf(name: ServiceName): Promise<ObservedServer[]> {
    const servers: ObservedServer[] = [];
    for (const rows of table.destinations(serviceKeyOf(name))) {
      servers.push(...rows.map(observedServer));
      await pause();
    }
    return servers;
  }

  return {
    async list() {
      const named = new Map<
        string,
        { readonly name: ServiceName; readonly service: IpvsService }
      >();
      for (const rows of table.services()) {
        for (const service of rows) {
          const name = serviceNameOf(service.key);
          // By key: a row made or removed during the dump can shift another into two datagrams.
          if (name !== undefined) named.set(formatServiceName(name), { name, service });
        }
        await pause();
      }
      const observed: ObservedService[] = [];
      for (const row of named.values()) {
        observed.push(observedService(row, await serversOf(row.name)));
      }
      return observed;
    },
    async get(name) {
      const service = table.service(serviceKeyOf(name));
      if (service === undefined) return null;
      return observedService({ name, service }, await serversOf(name));
    },
  };
}

function runningDaemons(ipvs: Ipvs): SyncDaemons {
  const running = ipvs.daemons();
  const of = (role: "master" | "backup") => {
    const daemon = running.find((candidate) => candidate.role === role);
    return daemon === undefined ? null : { interface: daemon.interface, syncId: daemon.syncId };
  };
  return { master: of("master"), backup: of("backup") };
}

/** Stopping what does not run is done. The kernel says ESRCH (stop_sync_thread in ip_vs_sync.c). */
function stopDaemon(ipvs: Ipvs, role: "master" | "backup"): void {
  try {
    ipvs.stopDaemon(role);
  } catch (error) {
    if (!(error instanceof KernelRequestError) || error.code !== "ESRCH") throw error;
  }
}

/** Applies one batch; never throws for the kernel, whose errors are outcomes. */
function applyBatch(
  ipvs: Ipvs,
  { operations, changes }: {
    readonly operations: readonly TableOperation[];
    readonly changes: readonly IpvsChange[];
  },
): (KernelRequestError | null)[] {
  try {
    const codes = ipvs.change(changes);
    const first = changes.findIndex((change, index) => convert(change, codes[index]!) !== null);
    if (first >= 0) retry(ipvs, { changes, codes, first });
    return operations.map((operation, index) => outcomeOf(operation, codes[index]!));
  } catch (error) {
    if (!(error instanceof KernelRequestError)) throw error;
    const { code, detail } = error;
    return operations.map((operation) => fail(operation, { code, detail, cause: error }));
  }
}

/** Sends what failed from `first` on again, converted where that helps, and puts the new codes in place. */
function retry(
  ipvs: Ipvs,
  batch: { changes: readonly IpvsChange[]; codes: (string | null)[]; first: number },
): void {
  const { changes, codes, first } = batch;
  const again: { readonly index: number; readonly change: IpvsChange }[] = [];
  for (const [index, change] of changes.entries()) {
    const code = codes[index]!;
    if (index < first || code === null) continue;
    again.push({ index, change: convert(change, code) ?? convertAnew(change, code) });
  }
  const answers = ipvs.change(again.map(({ change }) => change));
  for (const [position, { index }] of again.entries()) codes[index] = answers[position]!;
}

/** The change that leads to the same row in the world as it is; null when there is none. */
function convert(change: IpvsChange, code: string | null): IpvsChange | null {
  switch (change.command) {
    case "newService":
      return code === "EEXIST" ? { ...change, command: "setService" } : null;
    case "setService":
      return code === "ESRCH" ? { ...change, command: "newService" } : null;
    case "newDestination":
      return code === "EEXIST" ? { ...change, command: "setDestination" } : null;
    case "setDestination":
      return code === "ENOENT" ? { ...change, command: "newDestination" } : null;
    default:
      return null;
  }
}

/** A server to be changed in a service that was not there: both are made. */
function convertAnew(change: IpvsChange, code: string): IpvsChange {
  if (change.command !== "setDestination" || code !== "ESRCH") return change;
  return { ...change, command: "newDestination" };
}

function outcomeOf(operation: TableOperation, code: string | null): KernelRequestError | null {
  if (code === null) return null;
  const removal = operation.kind === "removeService" || operation.kind === "removeServer";
  if (removal && (code === "ESRCH" || code === "ENOENT")) return null;
  return fail(operation, { code, detail: explain(operation, code) });
}

function fail(
  operation: TableOperation,
  problem: {
    readonly code: string;
    readonly detail?: string | undefined;
    readonly cause?: unknown;
  },
): KernelRequestError {
  const { code, detail, cause } = problem;
  const request = { operation: describe(operation), code };
  return new KernelRequestError(detail === undefined ? request : { ...request, detail }, { cause });
}

function explain(operation: TableOperation, code: string): string | undefined {
  switch (operation.kind) {
    case "addService":
    case "editService": {
      if (code !== "ENOENT") return undefined;
      const { scheduler } = operation.service;
      return `kernel has no scheduler "${scheduler}": load it with \`modprobe ip_vs_${scheduler}\``;
    }
    default:
      return code === "ESRCH" ? "the virtual service is not in the table" : undefined;
  }
}

const verbs = {
  addService: "add virtual service",
  editService: "change virtual service",
  removeService: "remove virtual service",
  addServer: "add real server",
  editServer: "change real server",
  removeServer: "remove real server",
} as const;

function describe(operation: TableOperation): string {
  const service = formatServiceName(operation.service);
  const verb = verbs[operation.kind];
  if (!("server" in operation)) return `${verb} ${service}`;
  return `${verb} ${formatEndpoint(operation.server)} of ${service}`;
}

/** Runs tasks one after the other, in the order in which they came. */
function createTurns(): <Value>(task: () => Promise<Value>) => Promise<Value> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const mine = last.then(task);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** A function that lets others have a turn when the event loop has been held long enough. */
function createPause(now: () => number): () => Promise<void> {
  let sinceMs = now();
  return async () => {
    if (now() - sinceMs < HOLD_MS_MAX) return;
    await eventLoopTurn();
    sinceMs = now();
  };
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
