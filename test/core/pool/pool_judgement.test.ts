/**
 * Nobody left: who serves then, and how the pool returns.
 */
import { describe, expect, test } from "bun:test";
import { desiredRow } from "../../../src/core/desired/desired_row.ts";
import { PENDING, startHistory } from "../../../src/core/pool/health.ts";
import { idleServers, planRow } from "../../../src/core/table/plan.ts";
import { judgePool, notePools } from "../../../src/core/pool/pool_judgement.ts";
import { serverKey } from "../../../src/core/service/server.ts";
import { type EndpointService, serviceKey } from "../../../src/core/service/service.ts";
import type { State } from "../../../src/core/state.ts";
import type { ObservedService } from "../../../src/core/table/table.ts";
import {
  holding,
  machine,
  modelNode,
  NOW,
  serverEntry,
  service,
  viewOf,
} from "../../support/cluster_views.ts";
import { rowAfter } from "../../support/row_after.ts";

const FALLBACK = { address: "10.0.0.30", port: null, forwarding: "dr", tunnel: null } as const;
const MACHINES = [21, 22, 23].map((index) => serverEntry(machine(index)));

/** A holder with three machines without an agent, all up. */
class Scene {
  readonly service: EndpointService;
  readonly state: State;

  constructor(fields: Partial<EndpointService> = {}) {
    this.service = service({ members: false, ...fields });
    this.state = viewOf([modelNode(1, { holds: holding(1) })], 1, {
      services: [this.service],
      servers: MACHINES,
    });
    this.set(0, true, true, true);
  }

  /** So many ms later these servers are up. */
  set(atMs: number, ...up: boolean[]): this {
    up.forEach((isUp, index) =>
      this.state.external.set(serverKey(MACHINES[index]!), {
        ...startHistory(0, { initial: "down" }),
        up: isUp,
        reason: isUp ? "200 in 1 ms" : "connection refused",
        checked: true,
      })
    );
    this.state.lastTickMs = NOW + atMs;
    const before = this.judge();
    notePools(this.state, NOW + atMs);
    expect(this.judge()).toEqual(before);
    return this;
  }

  judge() {
    return judgePool(this.state, this.service);
  }

  get mode() {
    return this.judge().mode;
  }

  /** Who gets new connections, by the last number of the address. */
  weights(): Record<string, number> {
    const { servers } = desiredRow(this.state, this.service).service;
    return Object.fromEntries(servers.map(({ address, weight }) => [address.slice(7), weight]));
  }
}

describe("a fallback server", () => {
  test("gets weight 1 only while nobody else is up", () => {
    const scene = new Scene({ fallback: FALLBACK });
    expect(scene.weights()).toEqual({ 21: 1, 22: 1, 23: 1 });
    scene.set(1, false, true, false);
    expect(scene.weights()).toEqual({ 21: 0, 22: 1, 23: 0 });
    scene.set(2, false, false, false);
    expect(scene.weights()).toEqual({ 21: 0, 22: 0, 23: 0, 30: 1 });
    expect(scene.judge().reason).toBe("no server is up; the fallback serves");
    scene.set(3, true, false, false);
    expect(scene.weights()).toEqual({ 21: 1, 22: 0, 23: 0 });
  });

  test("serves while every server is drained by hand", () => {
    const scene = new Scene({ fallback: FALLBACK, weight: 0 });
    expect(scene.weights()).toEqual({ 21: 0, 22: 0, 23: 0, 30: 1 });
  });

  test("waits until somebody has been checked", () => {
    const scene = new Scene({ fallback: FALLBACK });
    scene.state.external.clear();
    expect(scene.judge()).toMatchObject({ mode: "pool", reason: "no server is checked yet" });
  });

  test("waits for members too, but not for dead ones", () => {
    const item = service({ fallback: FALLBACK });
    const silent = (member: Parameters<typeof modelNode>[1]) => {
      const model = [
        modelNode(1, { holds: holding(1), realServer: false }),
        modelNode(2, member),
      ];
      const state = viewOf(model, 1, { services: [item] });
      const peer = [...state.peers.values()][0]!;
      const works = { up: true, reason: "200" };
      const unknown = { up: false, reason: PENDING.check };
      const said = peer.life.starting ? works : unknown;
      const verdict = { ...said, sinceMs: 0, tookMs: 0 };
      peer.record = { ...peer.record, verdicts: { [serviceKey(item)]: verdict } };
      return judgePool(state, item).mode;
    };
    const members = [{ life: "alive" }, { phase: "starting" }, { life: "dead" }] as const;
    expect(members.map(silent)).toEqual(["pool", "pool", "fallback"]);
  });

  test("is the cluster's where the service says nothing, and none where it says none", () => {
    const scene = new Scene().set(1, false, false, false);
    expect(scene.mode).toBe("nothing");
    const settings = new Map([["fallback" as const, "10.0.0.31:8080,nat"]]);
    scene.state.document = { ...scene.state.document, settings };
    expect(scene.weights()).toMatchObject({ 31: 1 });
    const silent = { ...scene.service, fallback: "none" as const };
    expect(judgePool(scene.state, silent)).toMatchObject({ mode: "nothing" });
  });

  test("is no director by direct routing: the packet would be balanced there again", () => {
    const scene = new Scene({ fallback: { ...FALLBACK, address: "10.0.0.1" } });
    scene.set(1, false, false, false);
    expect(scene.judge()).toMatchObject({
      mode: "nothing",
      reason: "no server is up; the fallback 10.0.0.1 is a director itself: use nat, or sorry",
    });
    const translated = new Scene({
      fallback: { ...FALLBACK, address: "10.0.0.1", port: 81, forwarding: "nat" },
    });
    expect(translated.set(1, false, false, false).mode).toBe("fallback");
  });

  test("troop's own page is at this node's address, unless it cannot be served", () => {
    const scene = new Scene({ fallback: "sorry" }).set(1, false, false, false);
    const [page] = desiredRow(scene.state, scene.service).service.servers.slice(-1);
    expect(page).toMatchObject({ address: "10.0.0.1", port: 6_942, forwarding: "nat", weight: 1 });
    scene.state.sorry = "port 6942 is taken";
    expect(scene.judge()).toMatchObject({
      mode: "nothing",
      reason: "no server is up; the sorry page: port 6942 is taken",
    });
  });
});

describe("a quorum", () => {
  test("by count: below it the fallback serves, above it and the hysteresis the pool returns", () => {
    const scene = new Scene({ fallback: FALLBACK, quorum: 2, hysteresis: 1 });
    expect(scene.set(1, true, true, false).mode).toBe("pool");
    expect(scene.set(2, true, false, false).judge()).toMatchObject({
      mode: "fallback",
      reason: "1 server up, 2 needed; the fallback serves",
    });
    expect(scene.set(3, true, true, false).mode).toBe("fallback");
    expect(scene.set(4, true, true, true).mode).toBe("pool");
    expect(scene.set(5, true, true, false).mode).toBe("pool");
  });

  test("by weight", () => {
    const scene = new Scene({ fallback: FALLBACK, weight: 5, quorum: 6, quorumBy: "weight" });
    expect(scene.set(1, true, true, false).mode).toBe("pool");
    expect(scene.set(2, true, false, false).judge().reason)
      .toBe("5 weight up, 6 needed; the fallback serves");
  });

  test("without a fallback the rest goes on", () => {
    const scene = new Scene({ quorum: 2 }).set(1, true, false, false);
    expect(scene.judge()).toMatchObject({
      mode: "pool",
      reason: "1 server up, 2 needed; it goes on, for there is no fallback",
    });
    expect(scene.weights()).toEqual({ 21: 1, 22: 0, 23: 0 });
  });
});

describe("when all fail", () => {
  test("keep: those that failed at once go on, those that failed long before do not", () => {
    const scene = new Scene({ fallback: FALLBACK, whenAllFail: "keep" });
    scene.set(1_000, true, true, false).set(500_000, true, false, false);
    scene.set(500_500, false, false, false);
    expect(scene.mode).toBe("kept");
    expect(scene.weights()).toEqual({ 21: 1, 22: 1, 23: 0 });
    // What is up again counts at once, and alone.
    expect(scene.set(501_000, false, false, true).weights()).toEqual({ 21: 0, 22: 0, 23: 1 });
  });

  test("keep: without a last pool the fallback serves", () => {
    const scene = new Scene({ fallback: FALLBACK, whenAllFail: "keep" });
    scene.state.pools.clear();
    scene.set(1, false, false, false);
    expect(scene.mode).toBe("fallback");
  });

  test("nothing: connections are refused although there is a fallback", () => {
    const scene = new Scene({ fallback: FALLBACK, whenAllFail: "nothing" });
    expect(scene.set(1, false, false, false).judge()).toMatchObject({
      mode: "nothing",
      reason: "no server is up; the fallback is not to be used",
    });
  });
});

describe("the kernel's row", () => {
  /** What the row is after each single edit, until it is as desired. */
  function steps(scene: Scene, row: ObservedService | null): ObservedService[] {
    const rows: ObservedService[] = [];
    let now = row;
    for (
      const operation of planRow(desiredRow(scene.state, scene.service), row, idleServers(row, row))
    ) {
      now = rowAfter(now, operation);
      if (now !== null) rows.push(now);
    }
    return rows;
  }

  test.each(["wlc", "sh", "dh", "mh"] as const)(
    "%s: there is a server at every moment of the change and of the return",
    (scheduler) => {
      const scene = new Scene({ fallback: FALLBACK, scheduler });
      const began = steps(scene, null).at(-1)!;
      const away = steps(scene.set(1, false, false, false), began);
      const back = steps(scene.set(2, true, true, true), away.at(-1)!);
      for (const row of [...away, ...back]) {
        expect(row.servers.some(({ weight }) => weight > 0)).toBe(true);
      }
      expect(away.length).toBeGreaterThan(1);
      const total = (row: ObservedService) => row.servers.filter(({ weight }) => weight > 0).length;
      expect([total(began), total(away.at(-1)!), total(back.at(-1)!)]).toEqual([3, 1, 3]);
    },
  );

  test.each(["sh", "dh"] as const)(
    "%s keeps no server of weight 0: it would refuse its clients",
    (scheduler) => {
      const scene = new Scene({ fallback: FALLBACK, scheduler });
      const away = steps(
        scene.set(1, false, false, false),
        steps(new Scene({ scheduler }), null).at(-1)!,
      );
      expect(away.at(-1)!.servers.map(({ address }) => address)).toEqual(["10.0.0.30"]);
      const back = steps(scene.set(2, true, true, true), away.at(-1)!);
      expect(back.at(-1)!.servers.map(({ weight }) => weight)).toEqual([1, 1, 1]);
    },
  );
});
