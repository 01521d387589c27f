import { describe, expect, test } from "bun:test";
import { changesBetween, type Outline, outline } from "../../src/agent/changes.ts";
import { drainKey } from "../../src/core/document/drain.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import type { State } from "../../src/core/state.ts";
import {
  drain,
  hold,
  holding,
  idOf,
  type ModelNode,
  modelNode,
  service,
  viewOf,
  VIP,
} from "../support/cluster_views.ts";

const SHARED = { services: [service()] };

/** What is told of the change of a state: `level: text`. */
function told(
  model: readonly ModelNode[],
  change: (state: State) => void,
  services = SHARED.services,
): string[] {
  const state = viewOf(model, 1, { services });
  const before = outline(state);
  change(state);
  return changesBetween(before, outline(state, before)).map(({ level, text }) =>
    `${level}: ${text}`
  );
}

const PAIR = [modelNode(1, { holds: holding(3) }), modelNode(2)];

describe("changesBetween", () => {
  const cases: [what: string, change: (state: State) => void, lines: string[]][] = [
    ["nothing", () => {}, []],
    ["a look that finds the same", (state) => state.tableVersion++, []],
    ["the phase", (state) => {
      state.phase = "leaving";
    }, ["info: this node is leaving"]],
    [
      "a VIP that is let go",
      (state) => {
        state.holds.set(VIP, hold({ epoch: 3, phase: "settling" }));
        state.reasons.set(VIP, "n2 holds it with epoch 4");
      },
      [`info: ${VIP}: let go, finishing what still arrives (epoch 3): n2 holds it with epoch 4`],
    ],
    ["a VIP that is gone from here", (state) => {
      state.holds.clear();
      state.reasons.set(VIP, "n2 holds it with epoch 4");
    }, [`info: ${VIP}: not held here (epoch 3): n2 holds it with epoch 4`]],
    ["a VIP that is held anew", (state) => {
      state.holds.set(VIP, hold({ epoch: 5 }));
      state.reasons.set(VIP, "n2 hands it over");
    }, [`info: ${VIP}: this node holds it (epoch 5): n2 hands it over`]],
    // Its holder may give a new reason every tick.
    ["only the reason", (state) => state.reasons.set(VIP, "another reason"), []],
    ["a node that is suspect", (state) => setLife(state, "suspect"), ["info: node n2 is suspect"]],
    ["a node that is dead", (state) => setLife(state, "dead"), [
      "warn: node n2 is dead",
      "warn: server n2 for 10.0.0.100:80 is down: its node is dead",
    ]],
    ["an own server that goes down", (state) => {
      state.deaf.set(serviceKey(service()), "nothing listens on tcp port 80");
      state.tableVersion++;
    }, ["warn: server n1 for 10.0.0.100:80 is down: nothing listens on tcp port 80"]],
    ["a server in maintenance", (state) => {
      const item = drain({ node: idOf(2) }, { comment: "new disk" });
      state.document = { ...state.document, drains: new Map([[drainKey(item), item]]) };
      state.tableVersion++;
    }, ["info: server n2 for 10.0.0.100:80 is drained: new disk"]],
    // The table has the same version: nothing can have changed for it.
    ["a server before the table may have changed", (state) => {
      state.deaf.set(serviceKey(service()), "nothing listens on tcp port 80");
    }, []],
  ];
  test.each(cases)("tells %s", (_what, change, lines) => {
    expect(told(PAIR, change)).toEqual(lines);
  });

  function setLife(state: State, life: "suspect" | "dead"): void {
    const peer = state.peers.get(idOf(2));
    if (peer !== undefined) peer.life.state = life;
    state.tableVersion++;
  }

  test("tells of a server that comes back", () => {
    const model = [PAIR[0] as ModelNode, modelNode(2, { life: "dead" })];
    const back = told(model, (state) => {
      const peer = state.peers.get(idOf(2));
      if (peer !== undefined) peer.life.state = "alive";
      state.tableVersion++;
    });
    expect(back).toEqual([
      "info: node n2 is alive",
      "info: server n2 for 10.0.0.100:80 is up: itself: 200 in 1 ms; holder has not checked",
    ]);
  });

  test("tells of a service that has nobody left, who serves then, and that it is back", () => {
    const services = [service({ fallback: "sorry" })];
    const state = viewOf([PAIR[0] as ModelNode], 1, { services });
    const full = outline(state);
    state.deaf.set(serviceKey(service()), "nothing listens on tcp port 80");
    state.tableVersion++;
    const empty = outline(state, full);
    const of = (from: Outline, to: Outline) =>
      changesBetween(from, to).filter(({ kind }) => kind === "service");
    expect(of(full, empty)).toEqual([{
      kind: "service",
      level: "warn",
      text: "service 10.0.0.100:80: no server is up; the fallback serves",
      fields: { service: "10.0.0.100:80", mode: "fallback" },
    }]);
    expect(of(empty, full).map(({ level, text }) => `${level}: ${text}`))
      .toEqual(["info: service 10.0.0.100:80: its servers serve again"]);
  });

  test("gives the fields a machine reads", () => {
    const state = viewOf(PAIR, 1, SHARED);
    const before = outline(state);
    state.holds.set(VIP, hold({ epoch: 5 }));
    expect(changesBetween(before, outline(state, before))).toMatchObject([
      { kind: "vip", fields: { vip: VIP, phase: "holding", epoch: 5 } },
    ]);
  });

  test("follows the servers of a bounded number of services", () => {
    const services = Array.from({ length: 150 }, (_, index) => service({ port: index + 1 }));
    const lines = told([modelNode(1)], (state) => {
      for (const item of services) state.deaf.set(serviceKey(item), "nothing listens");
      state.tableVersion++;
    }, services);
    // Each with its service, which has nobody left.
    expect(lines).toHaveLength(200);
  });
});
