import { describe, expect, test } from "bun:test";
import { NO_CHECK } from "../../../src/core/check.ts";
import { IPIP } from "../../../src/core/service/forwarding.ts";
import { ownVerdict, poolOf, serverAddress } from "../../../src/core/pool/pool.ts";
import { type ServerEntry, serverKey } from "../../../src/core/service/server.ts";
import { type EndpointService, serviceKey } from "../../../src/core/service/service.ts";
import type { History } from "../../../src/core/pool/health.ts";
import type { Peer, State } from "../../../src/core/state.ts";
import {
  holding,
  idOf,
  machine,
  type ModelNode,
  modelNode,
  serverEntry,
  service,
  viewOf,
} from "../../support/cluster_views.ts";

const SERVICE = service();
const KEY = serviceKey(SERVICE);
const SHARED = { services: [SERVICE] };

function peer(state: State, index: number): Peer {
  return state.peers.get(idOf(index)) as Peer;
}

function verdict(up: boolean): History {
  return { up, reason: up ? "200" : "timed out", sinceMs: 0, tookMs: 1, checked: true, streak: 0 };
}

describe("poolOf", () => {
  function entry(change: (state: State) => void, fields: Partial<ModelNode> = {}) {
    const state = viewOf([modelNode(1, { holds: holding(1) }), modelNode(2, fields)], 1, SHARED);
    change(state);
    return poolOf(state, SERVICE).find(({ name }) => name === "n2");
  }
  const nothing = () => {};

  const cases: [
    what: string,
    fields: Partial<ModelNode>,
    change: (state: State) => void,
    up: boolean,
    reason: string,
  ][] = [
    ["works", {}, nothing, true, "itself: 200 in 1 ms; holder has not checked"],
    [
      "works, and the holder reaches it",
      {},
      (state) => peer(state, 2).reached.set(KEY, verdict(true)),
      true,
      "itself: 200 in 1 ms; holder: 200",
    ],
    [
      "says it works, and the holder does not reach it",
      {},
      (state) => peer(state, 2).reached.set(KEY, verdict(false)),
      false,
      "holder: timed out; itself: 200 in 1 ms",
    ],
    [
      "says it does not work",
      { serving: false },
      (state) => peer(state, 2).reached.set(KEY, verdict(true)),
      false,
      "itself: connection refused; holder: 200",
    ],
    ["is suspect, which proves nothing", { life: "suspect" }, nothing, true, "itself: 200"],
    ["is dead", { life: "dead" }, nothing, false, "its node is dead"],
    ["was not heard in this run", { heard: false }, nothing, false, "not heard yet"],
    ["is starting", { phase: "starting" }, nothing, false, "is starting"],
    ["is leaving", { phase: "leaving" }, nothing, false, "is leaving"],
    [
      "said by gossip that it leaves",
      {},
      (state) => {
        peer(state, 2).record = { ...peer(state, 2).record, phase: "leaving" };
      },
      false,
      "is leaving",
    ],
    [
      "knows nothing of the service yet",
      {},
      (state) => {
        peer(state, 2).record = { ...peer(state, 2).record, verdicts: {} };
      },
      false,
      "no verdict yet",
    ],
  ];
  test.each(cases)("a server that %s", (_what, fields, change, up, reason) => {
    expect(entry(change, fields)).toMatchObject({ up, reason: expect.stringContaining(reason) });
  });

  const missing: [what: string, fields: Partial<ModelNode>, change: (state: State) => void][] = [
    ["has left", { life: "left" }, nothing],
    ["is no real server", { realServer: false }, nothing],
    [
      "has no address of the VIP's family",
      {},
      (state) => {
        const path = { interface: "eth0", address: "2001:db8::2", prefixLength: 64 };
        peer(state, 2).record = { ...peer(state, 2).record, paths: [path] };
      },
    ],
  ];
  test.each(missing)("a node that %s is no candidate", (_what, fields, change) => {
    expect(entry(change, fields)).toBeUndefined();
  });

  test("a machine that was set up anew is one server, not also the node it was before", () => {
    const model = [
      modelNode(1, { holds: holding(1) }),
      modelNode(2, { life: "dead" }),
      modelNode(3),
    ];
    const state = viewOf(model, 1, SHARED);
    const old = peer(state, 2);
    const fresh = peer(state, 3);
    fresh.record = { ...fresh.record, name: old.record.name, paths: old.record.paths };
    expect(poolOf(state, SERVICE).map(({ node, up }) => [node, up])).toEqual([
      [idOf(1), true],
      [idOf(3), true],
    ]);
    // And the same when this is the machine.
    old.record = { ...old.record, paths: [...state.self.paths] };
    expect(poolOf(state, SERVICE).map(({ node }) => node)).toEqual([idOf(1), idOf(3)]);
  });
});

describe("ownVerdict", () => {
  const state = () => viewOf([modelNode(1)], 1, SHARED);

  test("is what the check says", () => {
    expect(ownVerdict(state(), SERVICE)).toMatchObject({ up: true, reason: "200 in 1 ms" });
  });

  test("is down without a socket, whatever the last check said", () => {
    const deaf = state();
    deaf.deaf.set(KEY, "nothing listens on tcp port 80");
    expect(ownVerdict(deaf, SERVICE)).toMatchObject({
      up: false,
      reason: "nothing listens on tcp port 80",
    });
  });

  test("is down before the first check", () => {
    const fresh = state();
    fresh.own.clear();
    expect(ownVerdict(fresh, SERVICE)).toMatchObject({ up: false, reason: "not checked yet" });
  });
});

describe("serverAddress", () => {
  const paths = ["2001:db8::1", "192.0.2.1", "10.0.0.1"].map((address) => ({
    interface: "eth0",
    address,
    prefixLength: 24,
  }));
  const v4 = service({ address: "192.0.2.240" });
  const v6 = service({ address: "2001:db8::240" });

  test("is the first path of the VIP's family", () => {
    expect(serverAddress(paths, v4)).toBe("192.0.2.1");
    expect(serverAddress(paths, v6)).toBe("2001:db8::1");
    expect(serverAddress(paths.slice(1), v6)).toBeUndefined();
    expect(serverAddress(paths.slice(0, 1), v4)).toBeUndefined();
    expect(serverAddress([], v4)).toBeUndefined();
  });
});

describe("a machine without an agent", () => {
  const entry = serverEntry(machine(21), { weight: 3, upper: 9, lower: 2 });
  const of = (state: State, item = SERVICE) =>
    poolOf(state, item).find(({ address }) => address === "10.0.0.21");
  const shared = { ...SHARED, servers: [entry] };

  test("is down until it was checked, then what the check says", () => {
    const state = viewOf([modelNode(1)], 1, shared);
    expect(of(state)).toMatchObject({
      node: null,
      name: "10.0.0.21:80",
      up: false,
      reason: "not checked yet",
      own: "",
      weight: 3,
      upper: 9,
      lower: 2,
    });
    for (const up of [true, false]) {
      state.external.set(serverKey(entry), verdict(up));
      const { reason } = verdict(up);
      expect(of(state)).toMatchObject({ up, reason, reached: reason });
    }
  });

  test("is up where a check asks nothing, whatever one said before", () => {
    const item = service({ check: NO_CHECK });
    const state = viewOf([modelNode(1)], 1, { services: [item], servers: [entry] });
    state.external.set(serverKey(entry), verdict(false));
    expect(of(state, item)).toMatchObject({ up: true, reason: "not checked" });
  });

  test("has its own method and tunnel, or the service's", () => {
    const tunnel = { kind: "gue", port: 6_080, checksum: "none" } as const;
    const tunnelled = service({ forwarding: "tunnel", tunnel });
    const method = (item: EndpointService, fields: Partial<ServerEntry>) => {
      const servers = [serverEntry(machine(21), fields)];
      const found = of(viewOf([modelNode(1)], 1, { services: [item], servers }), item);
      return [found?.forwarding, found?.tunnel];
    };
    expect(method(SERVICE, {})).toEqual(["dr", null]);
    expect(method(SERVICE, { forwarding: "nat" })).toEqual(["nat", null]);
    expect(method(SERVICE, { forwarding: "tunnel" })).toEqual(["tunnel", IPIP]);
    expect(method(tunnelled, {})).toEqual(["tunnel", tunnel]);
    expect(method(tunnelled, { tunnel: IPIP })).toEqual(["tunnel", IPIP]);
    expect(method(tunnelled, { forwarding: "dr" })).toEqual(["dr", null]);
  });

  test("with the address of a member is that member", () => {
    const servers = [serverEntry(machine(2))];
    const state = viewOf([modelNode(1), modelNode(2)], 1, { ...SHARED, servers });
    expect(poolOf(state, SERVICE).map(({ node }) => node)).toEqual([idOf(1), idOf(2)]);
  });

  test("is all there is where members are no servers", () => {
    const item = service({ members: false });
    const state = viewOf([modelNode(1), modelNode(2)], 1, { services: [item], servers: [entry] });
    expect(poolOf(state, item).map(({ name }) => name)).toEqual(["10.0.0.21:80"]);
  });

  test("that is on its way out is none any more", () => {
    const servers = [{ ...entry, off: true }];
    expect(of(viewOf([modelNode(1)], 1, { ...SHARED, servers }))).toBeUndefined();
  });
});

test("a member has what is said of it, and all else of the service", () => {
  const item = service({ weight: 4, upper: 9, lower: 2 });
  const servers = [serverEntry({ node: idOf(2) }, { weight: 0, lower: 1 })];
  const state = viewOf([modelNode(1), modelNode(2)], 1, { services: [item], servers });
  expect(poolOf(state, item).map(({ weight, upper, lower }) => [weight, upper, lower]))
    .toEqual([[4, 9, 2], [0, 9, 1]]);
});
