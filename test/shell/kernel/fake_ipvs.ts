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
  type IpvsStatistics,
  type IpvsTimeouts,
  KernelRequestError,
} from "../../../ffi/mod.ts";

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

/** What a kernel has. */
export interface FakeKernel {
  readonly schedulers: readonly string[];
  readonly engines: readonly string[];
  /** What every row has counted. */
  readonly statistics: IpvsStatistics;
}

const NO_STATISTICS: IpvsStatistics = {
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
const TUNNEL = 2;
/** Rows a dump gives at a time. */
const ROWS_PER_DATAGRAM = 3;

function nameOf(key: IpvsServiceKey): string {
  if (key.kind === "mark") return `mark${key.version} ${key.mark}`;
  return `${key.address.join(".")}:${key.port}/${key.protocol}`;
}

function serverName(key: IpvsDestinationKey): string {
  return `${key.address.join(".")}:${key.port}`;
}

function versionOf(key: IpvsServiceKey): 4 | 6 {
  return key.kind === "mark" ? key.version : key.address.length === 4 ? 4 : 6;
}

/** Makes an empty table. */
export function createFakeIpvs(has: Partial<FakeKernel> = {}): FakeIpvs {
  const kernel = { schedulers: ["rr", "wlc"], engines: [], statistics: NO_STATISTICS, ...has };
  const { statistics } = kernel;
  const table = new Map<string, Row>();
  const daemons = new Map<string, Required<IpvsDaemon>>();
  const batches: number[] = [];
  let timeouts: IpvsTimeouts = { tcpSeconds: 900, tcpFinSeconds: 120, udpSeconds: 300 };
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
      return changes.map((change) =>
        changeTable(table, { change, kernel, synchronized: daemons.size > 0 })
      );
    },
    *services() {
      requireModule("list IPVS services");
      const rows = [...table.values()].map((row) => serviceOf(row, statistics));
      for (let start = 0; start < rows.length; start += ROWS_PER_DATAGRAM) {
        yield rows.slice(start, start + ROWS_PER_DATAGRAM);
      }
    },
    service(key) {
      requireModule("get IPVS service");
      const row = table.get(nameOf(key));
      return row === undefined ? undefined : serviceOf(row, statistics);
    },
    *destinations(key) {
      requireModule("list IPVS real servers");
      const servers = [...(table.get(nameOf(key))?.servers.values() ?? [])];
      if (servers.length > 0) yield servers.map((server) => destinationOf(server, statistics));
    },
    ...fakeDaemons(daemons, () => [...table.values()].some(isMixed)),
    info: () => ({ version: "1.2.1", connectionTableSize: 4_096 }),
    timeouts: () => timeouts,
    setTimeouts(wanted) {
      timeouts = {
        tcpSeconds: wanted.tcpSeconds || timeouts.tcpSeconds,
        tcpFinSeconds: wanted.tcpFinSeconds || timeouts.tcpFinSeconds,
        udpSeconds: wanted.udpSeconds || timeouts.udpSeconds,
      };
    },
    refresh: () => undefined,
    close: () => undefined,
    lines: () => [...table.values()].flatMap(linesOf),
    unload() {
      loaded = false;
    },
  };
}

function fakeDaemons(
  daemons: Map<string, Required<IpvsDaemon>>,
  mixed: () => boolean,
): Pick<Ipvs, "daemons" | "startDaemon" | "stopDaemon"> {
  return {
    daemons: () => [...daemons.values()],
    startDaemon(daemon) {
      if (daemons.has(daemon.role)) {
        throw new KernelRequestError({ operation: "start", code: "EEXIST" });
      }
      if (mixed()) {
        throw new KernelRequestError({ operation: "start", code: "EINVAL" });
      }
      const group = Uint8Array.of(224, 0, 0, 81);
      daemons.set(daemon.role, { maxLength: 1_472, group, port: 8_848, ttl: 1, ...daemon });
    },
    stopDaemon(role) {
      if (daemons.delete(role)) return;
      throw new KernelRequestError({ operation: "stop", code: "ESRCH" });
    },
  };
}

function isMixed(row: Row): boolean {
  return [...row.servers.values()].some(({ key }) => key.address.length * 8 !== bitsOf(row.key));
}

function bitsOf(key: IpvsServiceKey): number {
  return versionOf(key) === 4 ? 32 : 128;
}

function changeTable(
  table: Map<string, Row>,
  { change, kernel, synchronized }: {
    change: IpvsChange;
    kernel: FakeKernel;
    synchronized: boolean;
  },
): string | null {
  const row = table.get(nameOf(change.service));
  switch (change.command) {
    case "newService":
      if (row !== undefined) return "EEXIST";
      if (!hasModules(kernel, change.settings)) return "ENOENT";
      table.set(nameOf(change.service), {
        key: change.service,
        settings: change.settings,
        servers: new Map(),
      });
      return null;
    case "setService":
      if (row === undefined) return "ESRCH";
      if (!hasModules(kernel, change.settings)) return "ENOENT";
      row.settings = change.settings;
      return null;
    case "deleteService":
      return table.delete(nameOf(change.service)) ? null : "ESRCH";
    default:
      return row === undefined ? "ESRCH" : changeServer(row, change, synchronized);
  }
}

type ServerChange = Extract<IpvsChange, { destination: unknown }>;

function hasModules(kernel: FakeKernel, { scheduler, engine }: IpvsServiceSettings): boolean {
  return kernel.schedulers.includes(scheduler) &&
    (engine === "" || kernel.engines.includes(engine));
}

function changeServer(row: Row, change: ServerChange, synchronized: boolean): string | null {
  if (change.command !== "deleteDestination") {
    const { lowerThreshold, upperThreshold } = change.settings;
    const mixed = change.destination.address.length * 8 !== bitsOf(row.key);
    if (mixed && (synchronized || change.settings.forwarding !== TUNNEL)) return "EINVAL";
    if (lowerThreshold > upperThreshold) return "ERANGE";
  }
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

function serviceOf(row: Row, statistics: IpvsStatistics) {
  const settings = { ...row.settings, flags: row.settings.flags | HASHED };
  return { key: row.key, settings, statistics };
}

function destinationOf(
  server: { readonly key: IpvsDestinationKey; readonly settings: IpvsDestinationSettings },
  statistics: IpvsStatistics,
): IpvsDestination {
  return {
    ...server,
    activeConnections: 0,
    inactiveConnections: 0,
    persistentConnections: 0,
    statistics,
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
