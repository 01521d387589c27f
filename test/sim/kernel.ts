/**
 * One simulated machine's kernel: addresses with lifetimes, switches, an IPVS table with its connections,
 * sync daemons, marking rules, tunnels. It lives on when the agent on it is killed, as a real one does.
 */
import { formatEndpoint, type Ip } from "../../src/core/address.ts";
import type { MarkRule } from "../../src/core/service/mark_rules.ts";
import { type ServiceKey, serviceKey, type ServiceName } from "../../src/core/service/service.ts";
import type {
  ObservedServer,
  ObservedService,
  SyncDaemons,
  TableOperation,
  TableTimeouts,
} from "../../src/core/table/table.ts";
import type {
  Addresses,
  KernelAddress,
  KernelError,
  KernelLink,
  MarkRules,
  Modules,
  Sysctl,
  Table,
  TunnelDevices,
} from "../../src/ports.ts";
import { rowAfter } from "../support/row_after.ts";
import type { MachineClock } from "./machine_clock.ts";
import type { World } from "./world.ts";

/** Where a kernel's interfaces are: own addresses by name, the LAN's first. */
export type Interfaces = ReadonlyMap<string, Ip>;

interface HeldAddress extends KernelAddress {
  readonly expiresMs: number;
}

/** A client's connection, on the kernel that balances it. */
export interface SimConnection {
  readonly key: ServiceKey;
  /** The server it was given to: `address:port`. */
  readonly endpoint: string;
  /** When it was made, virtual ms. */
  readonly madeMs: number;
}

/** A connection that lost its server, which was asked for at `askedMs`. */
export interface Cut extends SimConnection {
  readonly scheduler: string;
  readonly askedMs: number;
  /** Since when the server had weight 0 here; Infinity when it had not. */
  readonly drainedMs: number;
}

/** See the head of this file. */
export class SimKernel {
  readonly world: World;
  readonly #clock: MachineClock;
  readonly #interfaces: Interfaces;
  /** Interfaces whose cable is out. */
  readonly #dark = new Set<string>();
  addresses: HeldAddress[] = [];
  readonly rows = new Map<string, ObservedService>();
  readonly switches = new Map<string, string>([
    ["net.ipv4.conf.eth0.arp_ignore", "0"],
    ["net.ipv4.conf.eth0.arp_announce", "0"],
    ["net.ipv4.vs.backup_only", "0"],
    ["net.ipv4.vs.conn_reuse_mode", "1"],
    ["net.ipv4.vs.sync_threshold", "3\t50"],
    ["net.ipv4.vs.sync_refresh_period", "0"],
    ["net.ipv4.vs.expire_nodest_conn", "0"],
    ["net.ipv4.vs.expire_quiescent_template", "0"],
    ["net.ipv4.vs.sloppy_tcp", "0"],
    ["net.ipv4.ip_forward", "0"],
    ["net.ipv4.conf.all.send_redirects", "1"],
    ["net.ipv4.conf.eth0.send_redirects", "1"],
    ["net.ipv4.conf.tunl0.rp_filter", "0"],
  ]);
  /** The default gateway; null without one. */
  gateway: Ip | null = null;
  daemons: SyncDaemons = { master: null, backup: null };
  markRules: readonly MarkRule[] = [];
  timeouts: TableTimeouts = { tcpS: 900, tcpFinS: 120, udpS: 300 };
  /** Time a change of the table takes, ms: until then packets meet the old one. */
  tableMs = 0;
  /** What a change of the table fails with; null: none does. */
  refuse: ((operation: TableOperation) => KernelError | null) | null = null;
  readonly connections = new Set<SimConnection>();
  /** Connections whose server was taken out of the table under them. */
  readonly cut: Cut[] = [];
  /** Since when servers have weight 0, by service and server. */
  readonly #drainedMs = new Map<string, number>();

  constructor(world: World, clock: MachineClock, interfaces: Interfaces) {
    this.world = world;
    this.#clock = clock;
    this.#interfaces = interfaces;
    for (const [name, address] of interfaces) {
      this.addresses.push({
        address,
        prefixLength: 24,
        interface: name,
        validSeconds: null,
        expiresMs: Infinity,
      });
    }
  }

  /** Whether the LAN's interface has a carrier. */
  get carrier(): boolean {
    return this.hasCarrier("eth0");
  }

  set carrier(on: boolean) {
    this.setCarrier("eth0", on);
  }

  /** Whether an interface has a carrier. */
  hasCarrier(name: string): boolean {
    return !this.#dark.has(name);
  }

  /** Plugs the cable of an interface in, or pulls it. */
  setCarrier(name: string, on: boolean): void {
    if (on) this.#dark.delete(name);
    else this.#dark.add(name);
    this.world.changes++;
  }

  /** When the next address runs out, as the world's time goes on; Infinity: never. */
  nextExpiryMs(): number {
    if (this.#clock.stopped) return Infinity;
    const next = this.addresses.reduce((ms, item) => Math.min(ms, item.expiresMs), Infinity);
    return this.world.nowMs + (next - this.#clock.now());
  }

  /** Addresses whose lifetime has not run out. */
  present(): HeldAddress[] {
    const nowMs = this.#clock.now();
    if (this.addresses.some((item) => item.expiresMs <= nowMs)) {
      this.addresses = this.addresses.filter((item) => item.expiresMs > nowMs);
    }
    return this.addresses;
  }

  /** Whether this machine answers ARP for the address on its LAN. */
  answers(ip: Ip): boolean {
    const silentLoopback = this.switches.get("net.ipv4.conf.eth0.arp_ignore") === "1";
    return this.present().some((item) =>
      item.address === ip && (item.interface === "eth0" || !silentLoopback)
    );
  }

  /** Whether packets for the address are taken in at all. */
  accepts(ip: Ip): boolean {
    return this.present().some((item) => item.address === ip);
  }

  /** Whether IPVS looks at packets: `backup_only` bypasses it while a backup daemon runs (ip_vs_in). */
  balances(): boolean {
    return !(this.daemons.backup !== null && this.switches.get("net.ipv4.vs.backup_only") === "1");
  }

  /** Real servers that a new connection to the service may be given to. */
  choices(service: ServiceName): ObservedServer[] {
    const row = this.rows.get(serviceKey(service));
    return (row?.servers ?? []).filter((server) => server.weight > 0);
  }

  /** A new connection: to the server with the fewest; null when none gets any. */
  connect(service: ServiceName): SimConnection | null {
    const key = serviceKey(service);
    const count = (server: ObservedServer) => this.#connectionsTo(key, formatEndpoint(server));
    const [server] = this.choices(service).sort((a, b) => count(a) - count(b));
    if (server === undefined) return null;
    const connection = { key, endpoint: formatEndpoint(server), madeMs: this.world.nowMs };
    this.connections.add(connection);
    return connection;
  }

  /** Servers a service has, each with its connections: `10.0.0.1:80 3`. */
  connectionCounts(service: ServiceName): string[] {
    const key = serviceKey(service);
    return (this.rows.get(key)?.servers ?? []).map(formatEndpoint).sort()
      .map((endpoint) => `${endpoint} ${this.#connectionsTo(key, endpoint)}`);
  }

  #connectionsTo(key: ServiceKey, endpoint: string): number {
    return [...this.connections].filter((item) => item.key === key && item.endpoint === endpoint)
      .length;
  }

  /** The row as it is told now, with its counters. */
  #told(row: ObservedService): ObservedService {
    const key = serviceKey(row);
    const servers = row.servers.map((server) => ({
      ...server,
      counters: {
        ...server.counters,
        activeConnections: this.#connectionsTo(key, formatEndpoint(server)),
      },
    }));
    return { ...row, servers };
  }

  /** The Addresses port. */
  readonly addressPort: Addresses = {
    listAddresses: () =>
      this.present().map(({ expiresMs, ...item }) => ({
        ...item,
        validSeconds: expiresMs === Infinity
          ? null
          : Math.ceil((expiresMs - this.#clock.now()) / 1_000),
      })),
    gateway: () => this.gateway,
    listLinks: (): KernelLink[] => [
      { name: "lo", index: 1, up: true, carrier: true, mac: "" },
      ...[...this.#interfaces.keys()].map((name, index) => ({
        name,
        index: index + 2,
        up: true,
        carrier: this.hasCarrier(name),
        mac: `02:00:00:00:0${index}:01`,
      })),
    ],
    put: (made) => {
      if (!this.#drop(made)) this.world.changes++;
      const expiresMs = made.validSeconds === null
        ? Infinity
        : this.#clock.now() + made.validSeconds * 1_000;
      this.addresses.push({ ...made, expiresMs });
    },
    remove: (gone) => {
      if (this.#drop(gone)) this.world.changes++;
    },
  };

  /** Whether the address was there; it is not any more. */
  #drop(gone: Pick<KernelAddress, "address" | "interface" | "prefixLength">): boolean {
    const before = this.addresses.length;
    this.addresses = this.addresses.filter((item) =>
      item.address !== gone.address || item.interface !== gone.interface ||
      item.prefixLength !== gone.prefixLength
    );
    return this.addresses.length < before;
  }

  /** The Sysctl port. */
  readonly sysctl: Sysctl = {
    read: (name) => this.switches.get(name) ?? null,
    write: (name, value) => {
      this.switches.set(name, value);
      this.world.changes++;
    },
  };

  /** The Table port. */
  readonly table: Table = {
    list: () => Promise.resolve([...this.rows.values()].map((row) => this.#told(row))),
    get: (service) => {
      const row = this.rows.get(serviceKey(service));
      return Promise.resolve(row === undefined ? null : this.#told(row));
    },
    apply: (operations) => {
      const askedMs = this.world.nowMs;
      const work = () => operations.map((operation) => this.#apply(operation, askedMs));
      if (this.tableMs === 0) return Promise.resolve(work());
      return new Promise((resolve) => this.world.after(this.tableMs, () => resolve(work())));
    },
    daemons: () => this.daemons,
    startDaemon: (role, daemon) => {
      this.daemons = { ...this.daemons, [role]: daemon };
      this.world.changes++;
    },
    stopDaemon: (role) => {
      this.daemons = { ...this.daemons, [role]: null };
      this.world.changes++;
    },
    timeouts: () => this.timeouts,
    setTimeouts: (timeouts) => {
      this.timeouts = timeouts;
    },
  };

  /** The MarkRules port. */
  readonly marks: MarkRules = {
    apply: (rules) => {
      this.markRules = rules;
      return Promise.resolve();
    },
    intact: () => Promise.resolve(true),
    backend: () => Promise.resolve({ tool: "nft" }),
  };

  /** The TunnelDevices port: tunnels are there. */
  readonly tunnels: TunnelDevices = { ensure: () => false, listen: () => {}, restore: () => {} };

  /** The Modules port: all that can be loaded is. */
  readonly modules: Modules = { load: () => Promise.resolve() };

  /** `askedMs`: when it was asked for. */
  #apply(operation: TableOperation, askedMs: number): KernelError | null {
    const key = serviceKey(operation.service);
    const refusal = this.refuse?.(operation) ?? null;
    if (refusal !== null) return refusal;
    this.world.changes++;
    const before = this.rows.get(key) ?? null;
    if (before === null && "server" in operation) return noSuchRow(key);
    if (operation.kind === "removeServer") {
      this.#cut(key, formatEndpoint(operation.server), askedMs);
    }
    const row = rowAfter(before, operation);
    if (row === null) this.rows.delete(key);
    else this.rows.set(key, row);
    for (const server of row?.servers ?? []) this.#noteWeight(key, server);
    return null;
  }

  #noteWeight(key: ServiceKey, server: ObservedServer): void {
    const one = `${key} ${formatEndpoint(server)}`;
    if (server.weight > 0) this.#drainedMs.delete(one);
    else if (!this.#drainedMs.has(one)) this.#drainedMs.set(one, this.world.nowMs);
  }

  /** Connections end with their server, as `expire_nodest_conn` says. */
  #cut(key: ServiceKey, endpoint: string, askedMs: number): void {
    for (const connection of this.connections) {
      if (connection.key !== key || connection.endpoint !== endpoint) continue;
      this.connections.delete(connection);
      // One that was made while the change was under way nobody could know of.
      if (connection.madeMs > askedMs) continue;
      const { scheduler = "" } = this.rows.get(key) ?? {};
      const drainedMs = this.#drainedMs.get(`${key} ${endpoint}`) ?? Infinity;
      this.cut.push({ ...connection, scheduler, askedMs, drainedMs });
    }
  }
}

function noSuchRow(key: string): KernelError {
  return Object.assign(new Error(`change server of ${key}: no such service`), {
    operation: `change server of ${key}`,
    code: "ESRCH",
  });
}
