/**
 * A cluster in a box: operations that hold state, so that what was added is listed and what was moved has moved.
 */
import { formatCheck } from "../../src/core/check.ts";
import { Refusal } from "../../src/core/refusal.ts";
import { formatServiceName, type Service, serviceKey } from "../../src/core/service.ts";
import type { Status, StatusNode, StatusServer } from "../../src/core/status.ts";
import type { ServerCounters } from "../../src/core/table.ts";
import type { Counters, Operations } from "../../src/ports.ts";

/** Numbers a test can tell apart. */
const KERNEL: ServerCounters = {
  activeConnections: 12,
  inactiveConnections: 345,
  persistentConnections: 0,
  connections: 6_789,
  inPackets: 11,
  outPackets: 22,
  inBytes: 33,
  outBytes: 44,
};

/** A node of the fake cluster. */
export function fakeNode(
  name: string,
  address: string,
  change: Partial<StatusNode> = {},
): StatusNode {
  return {
    name,
    id: name.padEnd(16, "0"),
    address,
    state: "alive",
    reason: "heard 85 ms ago",
    director: true,
    realServer: true,
    priority: 100,
    version: "0.1.0",
    unfit: null,
    lastHeardMs: 85,
    leaving: false,
    ...change,
  };
}

/** See the head of this file. */
export class FakeOperations implements Operations {
  readonly nodes: StatusNode[] = [
    fakeNode("n1", "192.0.2.11", { lastHeardMs: null, reason: "this node" }),
    fakeNode("n2", "192.0.2.12"),
  ];
  readonly services = new Map<string, Service>();
  readonly holders = new Map<string, string>();
  /** Servers that are down, by `service node`, with the reason. */
  readonly down = new Map<string, string>();
  epoch = 0;
  left = false;
  /** Thrown by the next call, for faults of the program. */
  fault: Error | undefined;
  takeovers = 3;

  status(): Status {
    this.#maybeFail();
    const vips = [...new Set([...this.services.values()].map((service) => service.address))];
    return {
      cluster: "troop",
      node: "n1",
      time: "2026-01-02T12:00:01.123Z",
      version: "0.1.0",
      nodes: this.nodes,
      vips: vips.map((address) => ({
        address,
        interface: "eth0",
        holder: this.holders.get(address) ?? null,
        epoch: this.epoch,
        reason: this.holders.has(address) ? "the live incumbent stays" : "no node is fit",
      })),
      services: [...this.services.values()].map((service) => ({
        address: service.address,
        port: service.port,
        protocol: service.protocol,
        scheduler: service.scheduler,
        forwarding: service.forwarding,
        check: formatCheck(service.check),
        servers: this.nodes.filter((node) => node.realServer).map((node) =>
          this.#server(service, node)
        ),
      })),
    };
  }

  #server(service: Service, node: StatusNode): StatusServer {
    const reason = this.down.get(`${formatServiceName(service)} ${node.name}`);
    return {
      node: node.name,
      address: node.address,
      port: service.port,
      weight: reason === undefined ? 1 : 0,
      up: reason === undefined,
      reason: reason ?? "200 in 3 ms",
      own: reason ?? "200 in 3 ms",
      holder: "",
      activeConnections: KERNEL.activeConnections,
      inactiveConnections: KERNEL.inactiveConnections,
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
      kernelErrors: new Map([["add address", 2]]),
      checks: [{ service: "192.0.2.100:80", server: "192.0.2.11:80", up: true, tookMs: 3 }],
      table: [...this.services.values()].map((service) => ({
        address: service.address,
        port: service.port,
        protocol: service.protocol,
        scheduler: service.scheduler,
        altered: false,
        servers: this.nodes.map((node) => ({
          address: node.address,
          port: service.port,
          weight: 1,
          forwarding: "dr",
          counters: KERNEL,
        })),
      })),
    };
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
    if (!this.holders.has(service.address)) {
      this.holders.set(service.address, "n1");
      this.epoch++;
    }
    return `service ${formatServiceName(service)} added`;
  }

  async removeService(name: Parameters<Operations["removeService"]>[0]): Promise<string> {
    if (!this.services.delete(serviceKey(name))) {
      throw new Refusal({
        attempted: `remove service ${formatServiceName(name)}`,
        problem: "there is no such service",
        remedy: "see them with `troop service list`",
      });
    }
    return `service ${formatServiceName(name)} removed`;
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
