import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { serviceKey } from "../../src/core/service.ts";
import { statusSchema } from "../../src/core/status.ts";
import { statusOf } from "../../src/core/status_view.ts";
import { arbitraryCluster, VIPS } from "../support/arbitrary_cluster.ts";
import {
  holding,
  type ModelNode,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
} from "../support/cluster_views.ts";
import { NO_COUNTERS, observedRow, ROW } from "../support/table_rows.ts";

const SHARED = { services: [service()] };
const CONTEXT = { now: NOW, wallMs: Date.UTC(2026, 0, 2, 3, 4, 5), table: new Map() };

function statusIn(model: readonly ModelNode[]) {
  return statusOf(viewOf(model, 1, SHARED), CONTEXT);
}

describe("statusOf", () => {
  test("fits the published schema, whatever the cluster is like", () => {
    const services = VIPS.map((address) => service({ address }));
    fc.assert(fc.property(arbitraryCluster(VIPS), (model) => {
      const status = statusOf(viewOf(model, 1, { services }), CONTEXT);
      expect(statusSchema.parse(status)).toEqual(status);
    }));
  });

  test("is the same document from every node but for what is its own", () => {
    const model = [modelNode(1, { holds: holding(3) }), modelNode(2), modelNode(3)];
    const [one, two] = [1, 2].map((index) => statusOf(viewOf(model, index, SHARED), CONTEXT));
    const shared = (status: typeof one) =>
      status?.nodes.map(({ reason: _reason, lastHeardMs: _heard, ...node }) => node);
    expect(shared(one)).toEqual(shared(two));
    expect(one?.vips.map(({ holder, epoch }) => ({ holder, epoch })))
      .toEqual(two?.vips.map(({ holder, epoch }) => ({ holder, epoch })));
    expect([one?.node, two?.node]).toEqual(["n1", "n2"]);
    expect(one?.time).toBe("2026-01-02T03:04:05.000Z");
  });

  test("tells how every node is, by name", () => {
    const { nodes } = statusIn([
      modelNode(1, { phase: "leaving" }),
      modelNode(2, { life: "dead" }),
      modelNode(3, { life: "left" }),
      modelNode(4, { phase: "leaving", unfit: "eth0 is down" }),
      modelNode(5, { heard: false, life: "suspect" }),
    ]);
    expect(
      nodes.map(({ name, state, reason, leaving, unfit }) => [name, state, reason, leaving, unfit]),
    )
      .toEqual([
        ["n1", "alive", "this node is leaving", true, null],
        ["n2", "dead", "no pulse for 10000 ms", false, null],
        ["n3", "left", "left the cluster", false, null],
        ["n4", "alive", "pulses arrive", true, "eth0 is down"],
        ["n5", "dead", "no pulse heard", false, null],
      ]);
    expect(nodes.map(({ lastHeardMs }) => lastHeardMs)).toEqual([null, 10_000, 0, 0, null]);
  });

  test("names the holder of a VIP, or none", () => {
    expect(statusIn([modelNode(1), modelNode(2, { holds: holding(3) })]).vips)
      .toEqual([{ address: VIP, interface: "eth0", holder: "n2", epoch: 3, reason: "" }]);
    expect(statusIn([modelNode(1), modelNode(2, { holds: holding(3), life: "dead" })]).vips)
      .toMatchObject([{ holder: null, epoch: 3 }]);
  });

  test("shows servers with what the kernel counts", () => {
    const row = observedRow({
      ...ROW,
      servers: [{ address: "10.0.0.2", port: 80, weight: 1, forwarding: "dr" }],
    });
    const counted = row.servers.map((server) => ({
      ...server,
      counters: { ...NO_COUNTERS, activeConnections: 4, inactiveConnections: 2 },
    }));
    const table = new Map([[serviceKey(ROW), { ...row, servers: counted }]]);
    const state = viewOf([modelNode(1, { holds: holding(3) }), modelNode(2)], 1, SHARED);
    const [shown] = statusOf(state, { ...CONTEXT, table }).services;
    expect(shown).toMatchObject({ address: VIP, port: 80, protocol: "tcp", scheduler: "wlc" });
    expect(shown?.servers).toMatchObject([
      { node: "n1", weight: 1, up: true, activeConnections: 0, inactiveConnections: 0 },
      { node: "n2", weight: 1, up: true, activeConnections: 4, inactiveConnections: 2 },
    ]);
  });
});
