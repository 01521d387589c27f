import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { serviceKey } from "../../../src/core/service/service.ts";
import { settingNames } from "../../../src/core/document/settings.ts";
import { statusSchema } from "../../../src/core/status/status.ts";
import { step } from "../../../src/core/step.ts";
import { statusOf, statusSteps } from "../../../src/core/status/status_view.ts";
import { arbitraryCluster, VIPS } from "../../support/arbitrary_cluster.ts";
import {
  drain,
  holding,
  idOf,
  machine,
  markService,
  type ModelNode,
  modelNode,
  NOW,
  serverEntry,
  service,
  viewOf,
  VIP,
  vipEntry,
} from "../../support/cluster_views.ts";
import { connected, NO_COUNTERS, observedRow, ROW, rowServer } from "../../support/table_rows.ts";

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
      status?.nodes.map((
        { reason: _reason, witnessReason: _words, lastHeardMs: _heard, ...node },
      ) => node);
    expect(shared(one)).toEqual(shared(two));
    expect(one?.vips.map(({ holder, epoch }) => ({ holder, epoch })))
      .toEqual(two?.vips.map(({ holder, epoch }) => ({ holder, epoch })));
    expect([one?.node, two?.node]).toEqual(["n1", "n2"]);
    expect(one?.time).toBe("2026-01-02T03:04:05.000Z");
  });

  test("is made in steps, of which each describes some servers, drains or VIPs", () => {
    const model = Array.from({ length: 20 }, (_, index) => modelNode(index + 1));
    const described = new Set<unknown>();
    const services = Array.from(
      { length: 50 },
      (_, port) =>
        new Proxy(service({ port: port + 1 }), {
          get(target, key, receiver) {
            // Only who describes a service asks for this.
            if (key === "whenAllFail") described.add(target);
            return Reflect.get(target, key, receiver);
          },
        }),
    );
    const drains = [1, 2, 3].map((index) => drain({ node: idOf(index) }));
    const state = viewOf(model, 1, { services, drains });
    const sizes: number[] = [];
    const steps = statusSteps(state, CONTEXT);
    for (let next = steps.next();; next = steps.next()) {
      sizes.push(described.size);
      described.clear();
      if (next.done !== true) continue;
      expect(next.value).toEqual(statusOf(state, CONTEXT));
      break;
    }
    // Four services of twenty servers each are more than a step has.
    expect(Math.max(...sizes)).toBe(4);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(services.length);
    expect(sizes.filter((size) => size === 0).length).toBeGreaterThanOrEqual(drains.length);
  });

  test("tells both verdicts on a server, since when, and its last error", () => {
    const state = viewOf([modelNode(1, { holds: holding(1) }), modelNode(2)], 1, SHARED);
    const key = serviceKey(service());
    const probe = (node: string | null, ok: boolean, wallMs: number) =>
      step(state, {
        kind: "probe",
        node,
        key,
        check: { ...service().check, fall: 1 },
        result: { ok, reason: ok ? "200" : "connection refused", tookMs: 2.34 },
        wallMs,
      }, NOW);
    state.own.clear();
    state.peers.get(idOf(2))?.reached.clear();
    for (const node of [null, idOf(2)]) {
      probe(node, true, 1_000);
      probe(node, false, 2_000);
      probe(node, node === null, 3_000);
    }
    const lastError = { reason: "connection refused", at: "1970-01-01T00:00:02.000Z" };
    const [first, second] = statusOf(state, CONTEXT).services[0]!.servers;
    expect(first).toMatchObject({ up: true, verdicts: { holder: null } });
    expect(first?.verdicts.own).toEqual({
      up: true,
      reason: "200",
      since: "1970-01-01T00:00:03.000Z",
      tookMs: 2.3,
      lastError,
    });
    expect(second?.verdicts).toMatchObject({
      own: { up: true, lastError: null },
      holder: {
        up: false,
        since: "1970-01-01T00:00:02.000Z",
        lastError: { ...lastError, at: "1970-01-01T00:00:03.000Z" },
      },
    });
  });

  test("tells since when nothing listens, and that a daemon that is back has not been checked", () => {
    const state = viewOf([modelNode(1)], 1, SHARED);
    const key = serviceKey(service());
    const listeners = (deaf: [string, string][], wallMs: number) =>
      step(state, { kind: "listeners", deaf: new Map(deaf), wallMs }, NOW);
    const own = () => statusOf(state, CONTEXT).services[0]!.servers[0]!.verdicts.own;
    listeners([[key, "nothing listens on tcp port 80"]], 5_000);
    listeners([[key, "only listens elsewhere"]], 6_000);
    const since = "1970-01-01T00:00:05.000Z";
    expect(own()).toMatchObject({ up: false, reason: "only listens elsewhere", since });
    listeners([], 7_000);
    expect(own()).toMatchObject({ up: false, reason: "not checked yet", since });
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
      .toEqual([{
        address: VIP,
        interface: "eth0",
        holder: "n2",
        epoch: 3,
        reason: "",
        label: null,
        group: null,
        prefer: [],
        failbackS: null,
        services: 1,
      }]);
    expect(statusIn([modelNode(1), modelNode(2, { holds: holding(3), life: "dead" })]).vips)
      .toMatchObject([{ holder: null, epoch: 3 }]);
  });

  test("says what operators said of a VIP, nodes by name, and by id who is not known", () => {
    const vips = [
      vipEntry({ label: "1", group: "web", prefer: [2, 3, 9].map(idOf), failbackS: 30 }),
    ];
    const model = [modelNode(1), modelNode(2), modelNode(3, { life: "dead" })];
    expect(statusOf(viewOf(model, 1, { ...SHARED, vips }), CONTEXT).vips).toMatchObject([
      { label: "1", group: "web", prefer: ["n2", "n3", idOf(9)], failbackS: 30 },
    ]);
  });

  test("says every setting, set or standard", () => {
    const state = viewOf([modelNode(1)], 1, { ...SHARED, settings: { "tcp-timeout": "60" } });
    const { settings } = statusOf(state, CONTEXT);
    expect(Object.keys(settings)).toEqual([...settingNames]);
    expect(settings).toMatchObject({ "tcp-timeout": "60", "udp-timeout": "kernel" });
  });

  test("shows all of a mark service", () => {
    const services = [markService({
      mark: 9,
      vips: [VIP, VIPS[1] as string],
      ports: [{ protocol: "udp", first: 5_000, last: 5_100 }],
      scheduler: "sh",
      flags: ["flag-2"],
      forwarding: "tunnel",
      tunnel: { kind: "gue", port: 6_080, checksum: "csum" },
    })];
    expect(statusOf(viewOf([modelNode(1)], 1, { services }), CONTEXT).services).toMatchObject([{
      name: "fwmark:9",
      address: VIP,
      vips: [VIP, VIPS[1]],
      port: 0,
      protocol: "fwm",
      mark: 9,
      ports: ["udp/5000-5100"],
      scheduler: "sh",
      flags: ["flag-2"],
      forwarding: "tunnel",
      tunnel: "gue:6080,csum",
    }]);
  });

  test("shows machines without an agent, and what is left of removed servers", () => {
    const servers = [serverEntry(machine(21), { weight: 3, upper: 9 })];
    const state = viewOf([modelNode(1, { holds: holding(1) })], 1, { ...SHARED, servers });
    const row = observedRow({ ...ROW, servers: [rowServer(1), rowServer(21), rowServer(30)] });
    const counted = row.servers.map((server) => ({ ...server, counters: connected(4, 1) }));
    const table = new Map([[serviceKey(ROW), { ...row, servers: counted }]]);
    expect(statusOf(state, { ...CONTEXT, table }).services[0]?.servers).toMatchObject([
      {
        node: "",
        address: "10.0.0.21",
        weight: 0,
        upper: 9,
        up: false,
        reason: "not checked yet",
        draining: false,
      },
      { node: "n1", weight: 1, draining: false },
      {
        node: "",
        address: "10.0.0.30",
        weight: 0,
        draining: true,
        reason: "removed; stays until its 5 connections end",
        activeConnections: 4,
        inactiveConnections: 1,
      },
    ]);
  });

  test("shows servers with what the kernel counts", () => {
    const row = observedRow({
      ...ROW,
      servers: [rowServer(2)],
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
