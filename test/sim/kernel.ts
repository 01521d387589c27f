/**
 * One simulated machine's kernel: addresses with lifetimes, switches, an IPVS table, sync daemons. It
 * lives on when the agent on it is killed, as a real one does.
 */
import { formatEndpoint, type Ip } from "../../src/core/address.ts";
import { serviceKey, type ServiceName } from "../../src/core/service.ts";
import {
  NO_COUNTERS,
  type ObservedServer,
  type ObservedService,
  type SyncDaemons,
  type TableOperation,
} from "../../src/core/table.ts";
import type {
  Addresses,
  KernelAddress,
  KernelError,
  KernelLink,
  Sysctl,
  Table,
} from "../../src/ports.ts";
import type { World } from "./world.ts";

interface HeldAddress extends KernelAddress {
  readonly expiresMs: number;
}

/** See the head of this file. */
export class SimKernel {
  readonly world: World;
  carrier = true;
  addresses: HeldAddress[] = [];
  readonly rows = new Map<string, ObservedService>();
  readonly switches = new Map<string, string>([
    ["net.ipv4.conf.eth0.arp_ignore", "0"],
    ["net.ipv4.conf.eth0.arp_announce", "0"],
    ["net.ipv4.vs.backup_only", "0"],
    ["net.ipv4.vs.conn_reuse_mode", "1"],
    ["net.ipv4.vs.sync_threshold", "3\t50"],
    ["net.ipv4.vs.sync_refresh_period", "0"],
  ]);
  daemons: SyncDaemons = { master: null, backup: null };

  constructor(world: World, own: Ip) {
    this.world = world;
    this.addresses.push({
      address: own,
      prefixLength: 24,
      interface: "eth0",
      validSeconds: null,
      expiresMs: Infinity,
    });
  }

  /** Addresses whose lifetime has not run out. */
  present(): HeldAddress[] {
    this.addresses = this.addresses.filter((item) => item.expiresMs > this.world.nowMs);
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
  choices(service: ServiceName): Ip[] {
    const row = this.rows.get(serviceKey(service));
    return (row?.servers ?? []).filter((server) => server.weight > 0).map((server) =>
      server.address
    );
  }

  /** The Addresses port. */
  readonly addressPort: Addresses = {
    listAddresses: () =>
      this.present().map(({ expiresMs, ...item }) => ({
        ...item,
        validSeconds: expiresMs === Infinity
          ? null
          : Math.ceil((expiresMs - this.world.nowMs) / 1_000),
      })),
    listLinks: (): KernelLink[] => [
      { name: "lo", index: 1, up: true, carrier: true, mac: "" },
      { name: "eth0", index: 2, up: true, carrier: this.carrier, mac: "02:00:00:00:00:01" },
    ],
    put: (made) => {
      this.addressPort.remove(made);
      const expiresMs = made.validSeconds === null
        ? Infinity
        : this.world.nowMs + made.validSeconds * 1_000;
      this.addresses.push({ ...made, expiresMs });
    },
    remove: (gone) => {
      this.addresses = this.addresses.filter((item) =>
        item.address !== gone.address || item.interface !== gone.interface ||
        item.prefixLength !== gone.prefixLength
      );
    },
  };

  /** The Sysctl port. */
  readonly sysctl: Sysctl = {
    read: (name) => this.switches.get(name) ?? null,
    write: (name, value) => void this.switches.set(name, value),
  };

  /** The Table port. */
  readonly table: Table = {
    list: () => Promise.resolve([...this.rows.values()]),
    get: (service) => Promise.resolve(this.rows.get(serviceKey(service)) ?? null),
    apply: (operations) => Promise.resolve(operations.map((operation) => this.#apply(operation))),
    daemons: () => this.daemons,
    startDaemon: (role, interfaceName, syncId) => {
      this.daemons = { ...this.daemons, [role]: { interface: interfaceName, syncId } };
    },
    stopDaemon: (role) => {
      this.daemons = { ...this.daemons, [role]: null };
    },
  };

  #apply(operation: TableOperation): KernelError | null {
    const key = serviceKey(operation.service);
    const row = this.rows.get(key);
    switch (operation.kind) {
      case "addService":
      case "editService":
        this.rows.set(key, { ...operation.service, altered: false, servers: row?.servers ?? [] });
        return null;
      case "removeService":
        this.rows.delete(key);
        return null;
    }
    if (row === undefined) return noSuchRow(key);
    const others = row.servers.filter((server) =>
      formatEndpoint(server) !== formatEndpoint(operation.server)
    );
    const servers: ObservedServer[] = operation.kind === "removeServer"
      ? others
      : [...others, { ...operation.server, counters: NO_COUNTERS }];
    this.rows.set(key, { ...row, servers });
    return null;
  }
}

function noSuchRow(key: string): KernelError {
  return Object.assign(new Error(`change server of ${key}: no such service`), {
    operation: `change server of ${key}`,
    code: "ESRCH",
  });
}
