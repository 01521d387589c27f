/**
 * The {@link Table} port over IPVS generic netlink.
 *
 * Every call into the kernel blocks the event loop, so long work is cut: changes go in batches, dumps come in
 * datagrams, and between two pieces everybody else has a turn. Calls that would meet on the socket wait for
 * each other; sync daemons have a socket of their own, because those calls cannot wait.
 *
 * The kernel's errors (net/netfilter/ipvs/ip_vs_ctl.c): ESRCH the service is not there; ENOENT the server is
 * not there, or the scheduler, or the persistence engine; EEXIST the row is there. A change that finds the
 * world otherwise than its author is turned into the one that leads to the same row. Nothing behind it in its
 * batch can have failed for lack of that row: an edit of a service, which may have to make it, ends its batch.
 *
 * All settings of a row can be changed in place (ip_vs_edit_service, __ip_vs_update_dest), and an edit sets them
 * all: flags, persistence, netmask and engine of a service, the forwarding method of a server. Connections that
 * are open keep their server and their method.
 */
import {
  BATCH_MESSAGES_MAX,
  type Ipvs,
  type IpvsChange,
  type IpvsService,
  KernelRequestError,
} from "../../../ffi/mod.ts";
import { serviceKey, type ServiceName } from "../../core/service/service_name.ts";
import type { ObservedServer, ObservedService, TableOperation } from "../../core/table/table.ts";
import type { Table } from "../../ports.ts";
import { createPause, createTurns } from "../process/pause.ts";
import { runningDaemons, startDaemon, stopDaemon } from "./table_daemons.ts";
import { failed, outcomeOf } from "./table_errors.ts";
import {
  changeMaker,
  observedServer,
  observedService,
  serviceKeyOf,
  serviceNameOf,
} from "./table_rows.ts";

/** Changes in one batch, which is one send: a millisecond or two of kernel work. */
export const CHANGES_PER_BATCH = BATCH_MESSAGES_MAX;
/**
 * Edits of services in one batch, as its last. An edit that changes the scheduler makes the kernel wait until no packet uses the old
 * one (synchronize_rcu in ip_vs_edit_service): up to some ten ms on a busy machine, so others get a turn after each.
 */
const SERVICE_EDITS_PER_BATCH = 1;

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
    for (const batch of batchesOf(operations)) {
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
    startDaemon: (role, daemon) => startDaemon(daemons, role, daemon),
    stopDaemon: (role) => stopDaemon(daemons, role),
    timeouts() {
      const { tcpSeconds, tcpFinSeconds, udpSeconds } = daemons.timeouts();
      return { tcpS: tcpSeconds, tcpFinS: tcpFinSeconds, udpS: udpSeconds };
    },
    setTimeouts: ({ tcpS, tcpFinS, udpS }) =>
      daemons.setTimeouts({ tcpSeconds: tcpS, tcpFinSeconds: tcpFinS, udpSeconds: udpS }),
  };
}

/** Operations in order, in pieces that hold the event loop for a few ms at most. */
function* batchesOf(operations: readonly TableOperation[]): Generator<TableOperation[]> {
  let batch: TableOperation[] = [];
  let edits = 0;
  for (const operation of operations) {
    batch.push(operation);
    if (operation.kind === "editService") edits++;
    if (batch.length < CHANGES_PER_BATCH && edits < SERVICE_EDITS_PER_BATCH) continue;
    yield batch;
    batch = [];
    edits = 0;
  }
  if (batch.length > 0) yield batch;
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
          if (name !== undefined) named.set(serviceKey(name), { name, service });
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
    retryConverted(ipvs, changes, codes);
    return operations.map((operation, index) => outcomeOf(operation, codes[index]!));
  } catch (error) {
    if (!(error instanceof KernelRequestError)) throw error;
    const { code, detail } = error;
    return operations.map((operation) => failed(operation, { code, detail, cause: error }));
  }
}

/** Sends what another change can mend as that change, and puts the new codes in place. */
function retryConverted(
  ipvs: Ipvs,
  changes: readonly IpvsChange[],
  codes: (string | null)[],
): void {
  const again: { readonly index: number; readonly change: IpvsChange }[] = [];
  for (const [index, change] of changes.entries()) {
    const converted = convert(change, codes[index]!);
    if (converted !== null) again.push({ index, change: converted });
  }
  if (again.length === 0) return;
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
