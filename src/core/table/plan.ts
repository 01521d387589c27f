/**
 * From what the kernel has to what this node wants, one row at a time.
 *
 * The order never leaves a service without a server: what gets connections is added before what stops
 * getting them is lowered, and removals come last. A server that is wanted no more is drained first: it
 * stays with weight 0 while it has connections. Rows that are not troop's are never passed in.
 */
import { formatEndpoint } from "../address.ts";
import { formatTunnel, type Tunnel } from "../service/forwarding.ts";
import type { Persistence } from "../service/scheduling.ts";
import { serviceFamily } from "../service/service_name.ts";
import type {
  ObservedServer,
  ObservedService,
  TableOperation,
  TableServer,
  TableService,
} from "./table.ts";

/** What is to be. */
export interface DesiredRow {
  readonly service: TableService;
  /** Servers (`address:port`) that go at once, connections or not. */
  readonly dropped: ReadonlySet<string>;
}

/**
 * Operations that make `observed` (null: no such row) what is desired. Empty when it already is.
 *
 * `idle`: servers (`address:port`) that can be removed without cutting a connection, see {@link idleServers}.
 */
export function planRow(
  desired: DesiredRow,
  observed: ObservedService | null,
  idle: ReadonlySet<string>,
): TableOperation[] {
  const { service, dropped } = desired;
  const operations: TableOperation[] = [];
  if (observed === null) operations.push({ kind: "addService", service });
  else if (!sameSettings(observed, service)) operations.push({ kind: "editService", service });
  const present = new Map(
    (observed?.servers ?? []).map((server) => [formatEndpoint(server), server]),
  );
  const raise: TableOperation[] = [];
  const lower: TableOperation[] = [];
  for (const server of service.servers) {
    const existing = present.get(formatEndpoint(server));
    present.delete(formatEndpoint(server));
    if (existing === undefined) raise.push({ kind: "addServer", service, server });
    else if (!sameServer(existing, server)) {
      const list = server.weight >= existing.weight ? raise : lower;
      list.push({ kind: "editServer", service, server });
    }
  }
  const remove: TableOperation[] = [];
  for (const [endpoint, server] of present) {
    if (dropped.has(endpoint) || !hasOwnMethod(server) || idle.has(endpoint)) {
      const { address, port } = server;
      remove.push({ kind: "removeServer", service, server: { address, port } });
    } else if (server.weight > 0) {
      lower.push({ kind: "editServer", service, server: { ...settingsOf(server), weight: 0 } });
    }
  }
  return [...operations, ...raise, ...lower, ...remove];
}

/**
 * Servers (`address:port`) that got no new connections and had none at two looks at the kernel, the second of them just now
 * (null: the row was not there, or was not looked at). At one look a standby may not have heard yet, by the sync daemon, of
 * connections that its holder made just before.
 */
export function idleServers(
  before: ObservedService | null,
  now: ObservedService | null,
): ReadonlySet<string> {
  return drainedServers(before).intersection(drainedServers(now));
}

function drainedServers(row: ObservedService | null): ReadonlySet<string> {
  return new Set((row?.servers ?? []).filter(isDrained).map(formatEndpoint));
}

function isDrained({ weight, counters }: ObservedServer): boolean {
  return weight === 0 && counters.activeConnections === 0 && counters.inactiveConnections === 0;
}

type OwnServer = ObservedServer & { readonly forwarding: TableServer["forwarding"] };

/** A method troop never uses was set by somebody else, who may have it back. */
function hasOwnMethod(server: ObservedServer): server is OwnServer {
  return server.forwarding !== "local" && server.forwarding !== "bypass";
}

function settingsOf(server: OwnServer): TableServer {
  const { counters: _, ...settings } = server;
  return settings;
}

function sameSettings(observed: ObservedService, desired: TableService): boolean {
  return !observed.altered && observed.scheduler === desired.scheduler &&
    observed.onePacket === desired.onePacket &&
    observed.flags.join() === desired.flags.join() &&
    samePersistence(observed.persistence, desired.persistence, serviceFamily(desired));
}

/** No mask and a mask of all bits are the same to the kernel. */
function samePersistence(a: Persistence | null, b: Persistence | null, family: 4 | 6): boolean {
  if (a === null || b === null) return a === b;
  const bits = (one: Persistence) => one.prefixLength ?? (family === 4 ? 32 : 128);
  return a.timeoutS === b.timeoutS && a.engine === b.engine && bits(a) === bits(b);
}

function sameServer(observed: ObservedServer, desired: TableServer): boolean {
  return observed.weight === desired.weight && observed.forwarding === desired.forwarding &&
    observed.upper === desired.upper && observed.lower === desired.lower &&
    sameTunnel(observed.tunnel, desired.tunnel);
}

function sameTunnel(a: Tunnel | null, b: Tunnel | null): boolean {
  return a === b || (a !== null && b !== null && formatTunnel(a) === formatTunnel(b));
}
