/**
 * A cluster in a box: operations that hold state, so that what was added is listed and what was moved has moved.
 */
import type { Ip } from "../../src/core/address.ts";
import type {
  Connection,
  ConnectionListing,
  ConnectionQuery,
} from "../../src/core/table/connection.ts";
import type { TroopEvent } from "../../src/core/event.ts";
import {
  type DrainOrder,
  formatServerRef,
  type ServerChange,
  type ServerRef,
  type VipChange,
} from "../../src/core/document/order.ts";
import { Refusal } from "../../src/core/refusal.ts";
import {
  formatServiceName,
  type Service,
  type ServiceChange,
  serviceKey,
  type ServiceName,
  vipsOfService,
} from "../../src/core/service/service.ts";
import { changeService } from "../../src/core/service/service_change.ts";
import type { SettingName } from "../../src/core/document/settings.ts";
import type { Status, StatusDrain, StatusNode } from "../../src/core/status/status.ts";
import type { StatusServer } from "../../src/core/status/status.ts";
import type { ObservedService } from "../../src/core/table/table.ts";
import type { Snapshot } from "../../src/core/document/document_wire.ts";
import type * as orders from "../../src/core/document/document_orders.ts";
import type { Counters, Operations } from "../../src/ports.ts";
import { FakeDocument } from "./fake_document.ts";
import {
  clusterStatus,
  type FakeCluster,
  fakeNode,
  type FakeServer,
  kernelRows,
  statusServer,
} from "./fake_status.ts";

export { fakeNode } from "./fake_status.ts";

/** See the head of this file. */
export class FakeOperations implements FakeCluster, Operations {
  readonly nodes: StatusNode[] = [
    fakeNode("n1", "192.0.2.11", { lastHeardMs: null, reason: "this node" }),
    fakeNode("n2", "192.0.2.12"),
  ];
  /** Who asked, order by order. */
  readonly users: string[] = [];
  /** What `document` and `apply` are about; the other orders do not touch it. */
  readonly file = new FakeDocument();
  readonly services = new Map<string, Service>();
  /** What was said of servers, by service and name. */
  readonly servers = new Map<string, Map<string, FakeServer>>();
  readonly vips = new Map<Ip, VipChange>();
  readonly settings = new Map<SettingName, string>();
  readonly holders = new Map<string, string>();
  /** Servers that are down, by `service node`, with the reason. */
  readonly down = new Map<string, string>();
  /** Servers only the kernel has, by service. */
  readonly draining = new Map<string, StatusServer[]>();
  /** Maintenance, as status tells it. */
  readonly drains: StatusDrain[] = [];
  readonly kernelConnections: Connection[] = [];
  readonly eventLog: TroopEvent[] = [];
  epoch = 0;
  left = false;
  /** Thrown by the next call, for faults of the program. */
  fault: Error | undefined;
  takeovers = 3;

  events: Operations["events"] = ({ limit, sinceMs }) => {
    const all = this.eventLog.filter(({ time }) => Date.parse(time) >= (sinceMs ?? 0));
    return listed(limit === null ? all : all.slice(Math.max(0, all.length - limit)));
  };

  async status(): Promise<Status> {
    this.#maybeFail();
    return clusterStatus(this);
  }

  /** The kernel's table, whatever is to fail. */
  rows(): ObservedService[] {
    return kernelRows(this);
  }

  async table(): Promise<ObservedService[]> {
    this.#maybeFail();
    return this.rows();
  }

  async connections(filter: ConnectionQuery): Promise<ConnectionListing> {
    const { service, server, serverPort, limit } = filter;
    const matching = this.kernelConnections.filter((item) =>
      (service === undefined || service.protocol === "fwm" ||
        (item.virtual === service.address && item.virtualPort === service.port)) &&
      (server === undefined || item.server === server) &&
      (serverPort === undefined || item.serverPort === serverPort)
    );
    return {
      connections: matching.slice(0, limit),
      matched: matching.length,
      total: this.kernelConnections.length,
    };
  }

  counters(): Counters {
    this.#maybeFail();
    return {
      takeovers: this.takeovers,
      releases: 2,
      pulseGapMaxMs: new Map([["n2", 130]]),
      loopDelayMaxMs: 12,
      loopDelayMs: 1.5,
      pulsesSent: 1_000,
      pulsesReceived: 999,
      pulsesDropped: new Map([["seal", 4], ["replay", 1]]),
      gossipDropped: new Map([["handshake", 3], ["over budget: records", 5]]),
      documentDropped: new Map([["malformed", 2]]),
      tableChanges: 7,
      kernelErrors: new Map([["add address", 2]]),
      checks: [{ service: "192.0.2.100:80", server: "192.0.2.11:80", up: true, tookMs: 3 }],
      table: kernelRows(this),
    };
  }

  async forget(nodeName: string): Promise<string> {
    this.#maybeFail();
    const index = this.nodes.findIndex(({ name }) => name === nodeName);
    if (index >= 0) this.nodes.splice(index, 1);
    return `${nodeName} is forgotten`;
  }

  rotation: { readonly graceS: number; readonly anyway: boolean } | null = null;

  async rotateToken(order: { readonly graceS: number; readonly anyway: boolean }): Promise<string> {
    this.#maybeFail();
    this.rotation = order;
    return "a new token spreads";
  }

  async abortRotation(): Promise<string> {
    this.#maybeFail();
    this.rotation = null;
    return "the cluster goes back to its old token";
  }

  async finishRotation(): Promise<string> {
    this.#maybeFail();
    if (this.rotation !== null) this.rotation = { ...this.rotation, graceS: 0 };
    return "members that are dead are not waited for any more";
  }

  async addService(service: Service): Promise<string> {
    this.#maybeFail();
    const key = serviceKey(service);
    if (this.services.has(key)) {
      throw new Refusal({
        attempted: `add service ${formatServiceName(service)}`,
        problem: "it exists already",
        remedy: "remove it first",
      });
    }
    this.services.set(key, service);
    for (const vip of vipsOfService(service)) this.#hold(vip);
    return `service ${formatServiceName(service)} added`;
  }

  #hold(vip: Ip): void {
    if (this.holders.has(vip)) return;
    this.holders.set(vip, "n1");
    this.epoch++;
  }

  #find(attempted: string, name: ServiceName): Service {
    const service = this.services.get(serviceKey(name));
    if (service !== undefined) return service;
    throw new Refusal({
      attempted,
      problem: "there is no such service",
      remedy: "see them with `troop service list`",
    });
  }

  async setService(name: ServiceName, change: ServiceChange): Promise<string> {
    const attempted = `change service ${formatServiceName(name)}`;
    const changed = changeService(this.#find(attempted, name), change);
    if (typeof changed === "string") {
      throw new Refusal({ attempted, problem: changed, remedy: "correct it" });
    }
    this.services.set(serviceKey(name), changed);
    return `service ${formatServiceName(name)} changed`;
  }

  async removeService(name: ServiceName): Promise<string> {
    this.#find(`remove service ${formatServiceName(name)}`, name);
    this.services.delete(serviceKey(name));
    this.servers.delete(formatServiceName(name));
    return `service ${formatServiceName(name)} removed`;
  }

  #serversOf(name: ServiceName): Map<string, FakeServer> {
    const key = formatServiceName(name);
    const servers = this.servers.get(key) ?? new Map<string, FakeServer>();
    this.servers.set(key, servers);
    return servers;
  }

  async addServer(name: ServiceName, ref: ServerRef, change: ServerChange): Promise<string> {
    const server = formatServerRef(ref);
    const attempted = `add server ${server} to ${formatServiceName(name)}`;
    this.#find(attempted, name);
    const servers = this.#serversOf(name);
    if ("node" in ref) {
      throw new Refusal({
        attempted,
        problem: "a member is a server of every service that takes members",
        remedy: "use `troop server set`",
      });
    }
    if (servers.has(server)) {
      throw new Refusal({
        attempted,
        problem: "it is there already",
        remedy: "change it with `troop server set`",
      });
    }
    servers.set(server, { ref, change });
    return `server ${server} added to ${formatServiceName(name)}`;
  }

  async setServer(name: ServiceName, ref: ServerRef, change: ServerChange): Promise<string> {
    const server = formatServerRef(ref);
    // A member is there without having been entered.
    if ("node" in ref && !this.#serversOf(name).has(server)) {
      this.#serversOf(name).set(server, { ref, change: {} });
    }
    const known = this.#known(`change server ${server} of`, name, server);
    known.change = { ...known.change, ...change };
    return `server ${server} of ${formatServiceName(name)} changed`;
  }

  async removeServer(name: ServiceName, ref: ServerRef, now: boolean): Promise<string> {
    const server = formatServerRef(ref);
    const known = this.#known(`remove server ${server} from`, name, server);
    const service = this.#find("remove server", name);
    this.#serversOf(name).delete(server);
    if (!now && "address" in ref) {
      const port = ref.port ?? (service.protocol === "fwm" ? 0 : service.port);
      const gone = statusServer(this, service, { node: "", address: ref.address, port }, known);
      const key = formatServiceName(name);
      this.draining.set(key, [
        ...this.draining.get(key) ?? [],
        {
          ...gone,
          weight: 0,
          up: false,
          draining: true,
          reason: "removed; stays until its 357 connections end",
        },
      ]);
    }
    return `server ${server} removed from ${formatServiceName(name)}`;
  }

  #known(begin: string, name: ServiceName, server: string): FakeServer {
    const attempted = `${begin} ${formatServiceName(name)}`;
    this.#find(attempted, name);
    const known = this.#serversOf(name).get(server);
    if (known !== undefined) return known;
    throw new Refusal({
      attempted,
      problem: "nothing was said of it",
      remedy: "see servers with `troop server list`",
    });
  }

  async addVip(vip: Ip, settings: VipChange): Promise<string> {
    if (this.vips.has(vip)) {
      throw new Refusal({
        attempted: `add VIP ${vip}`,
        problem: "it is there already",
        remedy: "change it with `troop vip set`",
      });
    }
    this.vips.set(vip, settings);
    this.#hold(vip);
    return `VIP ${vip} added`;
  }

  async setVip(vip: Ip, change: VipChange): Promise<string> {
    this.vips.set(vip, { ...this.vips.get(vip), ...change });
    return `VIP ${vip} changed`;
  }

  async removeVip(vip: Ip): Promise<string> {
    if (this.vips.delete(vip)) return `VIP ${vip} removed`;
    throw new Refusal({
      attempted: `remove VIP ${vip}`,
      problem: "nothing is said of it",
      remedy: "see VIPs with `troop vip list`",
    });
  }

  async drain(server: ServerRef, order: DrainOrder): Promise<string> {
    this.#maybeFail();
    const target = formatServerRef(server);
    if (order.service !== null) this.#find(`drain ${target}`, order.service);
    const until = order.untilMs === null ? null : new Date(order.untilMs).toISOString();
    this.drains.push({
      target,
      service: order.service === null ? null : formatServiceName(order.service),
      comment: order.comment,
      since: "2026-01-02T12:00:01.000Z",
      until: order.forMs === null ? until : `in ${order.forMs} ms`,
      activeConnections: null,
      inactiveConnections: null,
      vips: [],
    });
    return `${target} is drained`;
  }

  async undrain(server: ServerRef, service: ServiceName | null): Promise<string> {
    const target = formatServerRef(server);
    const index = this.drains.findIndex((item) =>
      item.target === target &&
      (service === null || item.service === formatServiceName(service))
    );
    if (index < 0) {
      throw new Refusal({
        attempted: `undrain ${target}`,
        problem: "it is not drained",
        remedy: "see `troop status`",
      });
    }
    this.drains.splice(index, 1);
    return `${target} is back`;
  }

  async setSetting(name: SettingName, value: string | null): Promise<string> {
    if (value === null) this.settings.delete(name);
    else this.settings.set(name, value);
    return value === null ? `${name} reset` : `${name} set to ${value}`;
  }

  async moveVip(vip: string, nodeName: string): Promise<string> {
    if (!this.nodes.some((node) => node.name === nodeName)) {
      throw new Refusal({
        attempted: `move VIP ${vip} to ${nodeName}`,
        problem: `no node "${nodeName}" is alive`,
        remedy: `alive are ${this.nodes.map((node) => node.name).join(", ")}`,
      });
    }
    this.holders.set(vip, nodeName);
    this.epoch++;
    return `${vip} moved to ${nodeName}`;
  }

  document(): Snapshot {
    return this.file.snapshot();
  }

  async apply(order: orders.ApplyOrder): Promise<orders.ApplyAnswer> {
    return this.file.apply(order);
  }

  history(): readonly orders.HistoryView[] {
    return this.file.edits;
  }

  async undo(order: orders.UndoOrder): Promise<orders.UndoAnswer> {
    return this.file.undo(order);
  }

  by(user: string): this {
    this.users.push(user);
    return this;
  }

  async leave(): Promise<string> {
    this.left = true;
    return "n1 left cluster troop";
  }

  #maybeFail(): void {
    const { fault } = this;
    this.fault = undefined;
    if (fault !== undefined) throw fault;
  }
}

async function* listed<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}
