/**
 * An IPVS table in a map behind the same interface as the kernel's, with the kernel's errors
 * (net/netfilter/ipvs/ip_vs_ctl.c).
 */
import {
  type Ipvs,
  type IpvsChange,
  type IpvsDaemon,
  type IpvsDestination,
  type IpvsDestinationKey,
  type IpvsDestinationSettings,
  type IpvsServiceKey,
  type IpvsServiceSettings,
  KernelRequestError,
} from "../../ffi/mod.ts";

interface Row {
  readonly key: IpvsServiceKey;
  settings: IpvsServiceSettings;
  readonly servers: Map<
    string,
    { readonly key: IpvsDestinationKey; settings: IpvsDestinationSettings }
  >;
}

/** The fake, and what tests look at. */
export interface FakeIpvs extends Ipvs {
  /** How many changes came in each call of `change`. */
  readonly batches: number[];
  /** The table as lines: `192.0.2.10:80/6 rr` and, behind it, `> 10.1.0.1:80 w1`. */
  lines(): string[];
  /** Makes every verb fail as if the module were not loaded. */
  unload(): void;
}

const counters = {
  connections: 0,
  inPackets: 0,
  outPackets: 0,
  inBytes: 0,
  outBytes: 0,
  rates: {
    connectionsPerS: 0,
    inPacketsPerS: 0,
    outPacketsPerS: 0,
    inBytesPerS: 0,
    outBytesPerS: 0,
  },
};
const HASHED = 2;
/** Rows a dump gives at a time. */
const ROWS_PER_DATAGRAM = 3;

function nameOf(key: IpvsServiceKey): string {
  if (key.kind === "mark") return `mark ${key.mark}`;
  return `${key.address.join(".")}:${key.port}/${key.protocol}`;
}

function serverName(key: IpvsDestinationKey): string {
  return `${key.address.join(".")}:${key.port}`;
}

/** Makes an empty table of a kernel with these schedulers. */
export function createFakeIpvs(schedulers: readonly string[] = ["rr", "wlc"]): FakeIpvs {
  const table = new Map<string, Row>();
  const daemons = new Map<string, Required<IpvsDaemon>>();
  const batches: number[] = [];
  let loaded = true;

  function requireModule(operation: string): void {
    if (loaded) return;
    const detail = "kernel has no IPVS: load it with `modprobe ip_vs`";
    throw new KernelRequestError({ operation, code: "ENOENT", detail });
  }

  return {
    batches,
    change(changes) {
      requireModule("change the IPVS table");
      batches.push(changes.length);
      return changes.map((change) => changeTable(table, { change, schedulers }));
    },
    *services() {
      requireModule("list IPVS services");
      const rows = [...table.values()].map(serviceOf);
      for (let start = 0; start < rows.length; start += ROWS_PER_DATAGRAM) {
        yield rows.slice(start, start + ROWS_PER_DATAGRAM);
      }
    },
    service(key) {
      requireModule("get IPVS service");
      const row = table.get(nameOf(key));
      return row === undefined ? undefined : serviceOf(row);
    },
    *destinations(key) {
      requireModule("list IPVS real servers");
      const servers = [...(table.get(nameOf(key))?.servers.values() ?? [])];
      if (servers.length > 0) yield servers.map(destinationOf);
    },
    daemons: () => [...daemons.values()],
    startDaemon(daemon) {
      if (daemons.has(daemon.role)) {
        throw new KernelRequestError({ operation: "start", code: "EEXIST" });
      }
      const group = Uint8Array.of(224, 0, 0, 81);
      daemons.set(daemon.role, { maxLength: 1_472, group, port: 8_848, ttl: 1, ...daemon });
    },
    stopDaemon(role) {
      if (daemons.delete(role)) return;
      throw new KernelRequestError({ operation: "stop", code: "ESRCH" });
    },
    info: () => ({ version: "1.2.1", connectionTableSize: 4_096 }),
    timeouts: () => ({ tcpSeconds: 900, tcpFinSeconds: 120, udpSeconds: 300 }),
    setTimeouts: () => undefined,
    refresh: () => undefined,
    close: () => undefined,
    lines: () => [...table.values()].flatMap(linesOf),
    unload() {
      loaded = false;
    },
  };
}

function changeTable(
  table: Map<string, Row>,
  { change, schedulers }: { change: IpvsChange; schedulers: readonly string[] },
): string | null {
  const row = table.get(nameOf(change.service));
  switch (change.command) {
    case "newService":
      if (row !== undefined) return "EEXIST";
      if (!schedulers.includes(change.settings.scheduler)) return "ENOENT";
      table.set(nameOf(change.service), {
        key: change.service,
        settings: change.settings,
        servers: new Map(),
      });
      return null;
    case "setService":
      if (row === undefined) return "ESRCH";
      if (!schedulers.includes(change.settings.scheduler)) return "ENOENT";
      row.settings = change.settings;
      return null;
    case "deleteService":
      return table.delete(nameOf(change.service)) ? null : "ESRCH";
    default:
      return row === undefined ? "ESRCH" : changeServer(row, change);
  }
}

type ServerChange = Extract<IpvsChange, { destination: unknown }>;

function changeServer(row: Row, change: ServerChange): string | null {
  const name = serverName(change.destination);
  const present = row.servers.get(name);
  switch (change.command) {
    case "newDestination":
      if (present !== undefined) return "EEXIST";
      row.servers.set(name, { key: change.destination, settings: change.settings });
      return null;
    case "setDestination":
      if (present === undefined) return "ENOENT";
      present.settings = change.settings;
      return null;
    case "deleteDestination":
      return row.servers.delete(name) ? null : "ENOENT";
  }
}

function serviceOf(row: Row) {
  const settings = { ...row.settings, flags: row.settings.flags | HASHED };
  return { key: row.key, settings, statistics: counters };
}

function destinationOf(
  server: { readonly key: IpvsDestinationKey; readonly settings: IpvsDestinationSettings },
): IpvsDestination {
  return {
    ...server,
    activeConnections: 0,
    inactiveConnections: 0,
    persistentConnections: 0,
    statistics: counters,
  };
}

function linesOf(row: Row): string[] {
  return [
    `${nameOf(row.key)} ${row.settings.scheduler}`,
    ...[...row.servers.values()].map(({ key, settings }) =>
      `> ${serverName(key)} w${settings.weight}`
    ),
  ];
}
