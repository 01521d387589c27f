/**
 * A kernel that keeps what it is told, writes a journal of what it was asked, and fails where a test wants
 * it to. Its clock is the test's.
 */
import { formatEndpoint, type Ip } from "../../src/core/address.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import type { MarkRule } from "../../src/core/service/mark_rules.ts";
import {
  type ObservedService,
  type SyncDaemons,
  type TableOperation,
  type TableTimeouts,
} from "../../src/core/table/table.ts";
import type {
  Addresses,
  Clock,
  KernelAddress,
  KernelError,
  KernelLink,
  MarkRules,
  Modules,
  Neighbours,
  Sysctl,
  Table,
  TunnelDevices,
} from "../../src/ports.ts";
import { addressOf, LAN, NOW } from "./cluster_views.ts";
import { rowAfter } from "./row_after.ts";

/** See the head of this file. */
export class FakeKernel {
  nowMs = NOW;
  /** Requests that change something, in their order: `put 10.0.0.100/32 on lo`. */
  journal: string[] = [];
  /** Beginnings of requests that fail, with the errno by name. */
  readonly failing = new Map<string, string>();
  addresses: (KernelAddress & { readonly expiresMs?: number })[] = [
    { address: addressOf(1), prefixLength: 24, interface: LAN, validSeconds: null },
  ];
  links: KernelLink[] = [
    { name: "lo", index: 1, up: true, carrier: true, mac: "" },
    { name: LAN, index: 2, up: true, carrier: true, mac: "02:00:00:00:00:01" },
  ];
  /** The default gateway. */
  gateway: Ip | null = null;
  readonly switches = new Map<string, string>([
    [`net.ipv4.conf.${LAN}.arp_ignore`, "0"],
    [`net.ipv4.conf.${LAN}.arp_announce`, "0"],
    ["net.ipv4.vs.backup_only", "0"],
    ["net.ipv4.vs.conn_reuse_mode", "1"],
    ["net.ipv4.vs.sync_threshold", "3\t50"],
    ["net.ipv4.vs.sync_refresh_period", "0"],
    ["net.ipv4.vs.expire_nodest_conn", "0"],
    ["net.ipv4.vs.expire_quiescent_template", "0"],
    ["net.ipv4.vs.sloppy_tcp", "0"],
  ]);
  readonly rows = new Map<string, ObservedService>();
  running: SyncDaemons = { master: null, backup: null };
  timeouts: TableTimeouts = { tcpS: 900, tcpFinS: 120, udpS: 300 };
  /** Marking rules; null while nothing ever made any. */
  markRules: readonly MarkRule[] | null = null;
  /** Whether marking rules are still what was made. */
  marksIntact = true;
  readonly modulesLoaded: string[] = [];
  readonly tunnelsUp = new Set<string>();

  readonly clock: Clock = { now: () => this.nowMs, wallMs: () => this.nowMs };

  /** What was asked since the last call, those requests that begin so. */
  asked(beginning = ""): string[] {
    const requests = this.journal.filter((request) => request.startsWith(beginning));
    this.journal = [];
    return requests;
  }

  /** Lets time pass; lifetimes run out. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.addresses = this.addresses.filter(({ expiresMs }) =>
      expiresMs === undefined || expiresMs > this.nowMs
    );
  }

  /** Interfaces an address is on. */
  where(ip: Ip): string[] {
    return this.addresses.filter(({ address }) => address === ip).map((item) => item.interface);
  }

  #note(request: string): void {
    this.journal.push(request);
    const error = this.#problem(request);
    if (error !== null) throw error;
  }

  #problem(request: string): KernelError | null {
    for (const [beginning, code] of this.failing) {
      if (!request.startsWith(beginning)) continue;
      return Object.assign(new Error(`${request}: ${code}`), { operation: request, code });
    }
    return null;
  }

  readonly addressPort: Addresses = {
    listAddresses: () => {
      const problem = this.#problem("list addresses");
      if (problem !== null) throw problem;
      return this.addresses.map(({ expiresMs: _expires, ...item }) => item);
    },
    listLinks: () => this.links,
    gateway: () => this.gateway,
    put: (made) => {
      this.#note(`put ${made.address}/${made.prefixLength} on ${made.interface}`);
      this.#drop(made);
      const expires = made.validSeconds === null
        ? {}
        : { expiresMs: this.nowMs + made.validSeconds * 1_000 };
      this.addresses.push({ ...made, ...expires });
    },
    remove: (gone) => {
      this.#note(`remove ${gone.address}/${gone.prefixLength} from ${gone.interface}`);
      this.#drop(gone);
    },
  };

  #drop(gone: Pick<KernelAddress, "address" | "prefixLength" | "interface">): void {
    this.addresses = this.addresses.filter((item) =>
      item.address !== gone.address || item.prefixLength !== gone.prefixLength ||
      item.interface !== gone.interface
    );
  }

  readonly sysctl: Sysctl = {
    read: (name) => this.switches.get(name) ?? null,
    write: (name, value) => {
      this.#note(`switch ${name} = ${value}`);
      this.switches.set(name, value);
    },
  };

  readonly neighbours: Neighbours = {
    announce: (vip, interfaceName) => this.#note(`announce ${vip} on ${interfaceName}`),
    ask: (vip, interfaceName) => this.#note(`ask ${vip} on ${interfaceName}`),
    poll: () => {},
    close: () => {},
  };

  readonly table: Table = {
    list: () => {
      try {
        this.#note("list table");
      } catch (error) {
        return Promise.reject(error);
      }
      return Promise.resolve([...this.rows.values()]);
    },
    get: (name) => Promise.resolve(this.rows.get(serviceKey(name)) ?? null),
    apply: (operations) => Promise.resolve(operations.map((operation) => this.#apply(operation))),
    daemons: () => {
      const problem = this.#problem("daemons");
      if (problem !== null) throw problem;
      return this.running;
    },
    startDaemon: (role, daemon) => {
      this.#note(`start ${role} on ${daemon.interface}`);
      this.running = { ...this.running, [role]: daemon };
    },
    stopDaemon: (role) => {
      this.#note(`stop ${role}`);
      this.running = { ...this.running, [role]: null };
    },
    timeouts: () => this.timeouts,
    setTimeouts: (timeouts) => {
      this.#note(`timeouts ${timeouts.tcpS} ${timeouts.tcpFinS} ${timeouts.udpS}`);
      this.timeouts = timeouts;
    },
  };

  readonly tunnels: TunnelDevices = {
    ensure: (name) => {
      if (this.tunnelsUp.has(name)) return false;
      this.#note(`tunnel ${name}`);
      this.tunnelsUp.add(name);
      return true;
    },
    listen: (port, family) => {
      const name = `gue ${port} ${family}`;
      if (this.tunnelsUp.has(name)) return;
      this.#note(name);
      this.tunnelsUp.add(name);
    },
    restore: () => {
      this.#note("tunnels down");
      this.tunnelsUp.clear();
    },
  };

  readonly marks: MarkRules = {
    apply: async (rules) => {
      await null;
      this.#note(`mark ${rules.length} rules`);
      this.markRules = rules;
      this.marksIntact = true;
    },
    intact: async () => {
      await null;
      this.#note("look at marks");
      return this.marksIntact;
    },
    backend: () => Promise.resolve({ tool: "nft" }),
  };

  readonly modules: Modules = {
    load: async (name) => {
      await null;
      this.#note(`load ${name}`);
      this.modulesLoaded.push(name);
    },
  };

  #apply(operation: TableOperation): KernelError | null {
    const key = serviceKey(operation.service);
    const server = "server" in operation ? operation.server : null;
    const weight = server !== null && "weight" in server ? ` ${server.weight}` : "";
    const request = server === null
      ? `${operation.kind} ${key}`
      : `${operation.kind} ${formatEndpoint(server)}${weight} of ${key}`;
    this.journal.push(request);
    const problem = this.#problem(request);
    if (problem === null) this.#change(key, operation);
    return problem;
  }

  #change(key: string, operation: TableOperation): void {
    const row = rowAfter(this.rows.get(key) ?? null, operation);
    if (row === null) this.rows.delete(key);
    else this.rows.set(key, row);
  }
}
