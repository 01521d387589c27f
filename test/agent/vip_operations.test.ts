import { describe, expect, test } from "bun:test";
import type { Edit } from "../../src/core/document/document.ts";
import { VIPS_MAX } from "../../src/core/limits.ts";
import type { VipChange } from "../../src/core/document/order.ts";
import { FUNNEL_MS } from "../../src/core/timing.ts";
import { refused } from "../support/refused.ts";
import { idOf, markService, service, VIP, vipEntry } from "../support/cluster_views.ts";
import { type Bench, bench, line } from "./operations_bench.ts";

const OTHER = "10.0.0.101";
/** Two VIPs in a group. */
const GROUPED = [VIP, OTHER].map((address): Edit => ({
  kind: "putVip",
  vip: vipEntry({ address, group: "web" }),
}));

describe("moveVip", () => {
  test("answers when the VIP is there", async () => {
    const at = await bench(undefined, [service()]);
    expect(at.cluster.holders(VIP)).toEqual(["n1"]);
    expect(await at.operations.moveVip(VIP, "n2")).toBe("10.0.0.100 moved to n2");
    expect(at.cluster.holders(VIP)).toEqual(["n2"]);
  });

  test("to its holder has nothing to do", async () => {
    const at = await bench(undefined, [service()]);
    const before = at.picture();
    expect(await at.operations.moveVip(VIP, "n1")).toBe("n1 holds 10.0.0.100 already");
    expect(at.picture()).toEqual(before);
  });

  const refusals: [
    what: string,
    change: (at: Bench) => Promise<void>,
    vip: string,
    node: string,
    words: string,
  ][] = [
    [
      "an address that is no VIP",
      nothing,
      "10.0.0.101",
      "n2",
      "move VIP 10.0.0.101 to n2: 10.0.0.101 is not a VIP of this cluster; it has 10.0.0.100",
    ],
    [
      "a VIP when there is none",
      async (at) => {
        await at.operations.removeService(service());
        await at.world.run(100);
      },
      VIP,
      "n2",
      "move VIP 10.0.0.100 to n2: 10.0.0.100 is not a VIP of this cluster; " +
      "add a service with `troop service add` first",
    ],
    [
      "a node nobody knows",
      nothing,
      VIP,
      "n9",
      'move VIP 10.0.0.100 to n9: no node "n9" is alive; alive are n1, n2, n3',
    ],
    [
      "a dead node",
      async (at) => {
        at.cluster.crash("n2");
        await at.world.run(6_000);
      },
      VIP,
      "n2",
      'move VIP 10.0.0.100 to n2: no node "n2" is alive; alive are n1, n3',
    ],
    [
      "an unfit node",
      async (at) => {
        at.cluster.node("n2").kernel.carrier = false;
        await at.world.run(500);
      },
      VIP,
      "n2",
      "move VIP 10.0.0.100 to n2: interface eth0 has no carrier; " +
      "`troop status` shows which nodes can hold it",
    ],
    [
      "a node that is no director",
      nothing,
      VIP,
      "n3",
      "move VIP 10.0.0.100 to n3: n3 is not a director; `troop status` shows which nodes can hold it",
    ],
    [
      "a node that has just started",
      async (at) => {
        at.cluster.kill("n2");
        at.cluster.start(["n2"]);
        await at.world.run(100);
      },
      VIP,
      "n2",
      "move VIP 10.0.0.100 to n2: n2 is leaving or starting; " +
      "`troop status` shows which nodes can hold it",
    ],
  ];
  test.each(refusals)("refuses %s", async (_what, change, vip, node, words) => {
    // On two networks: a node without the LAN is still heard.
    const networks = 2;
    const at = await bench(
      [{ priority: 110, networks }, { networks }, { director: false, networks }],
      [service()],
    );
    await change(at);
    expect(await line(at, () => at.operations.moveVip(vip, node))).toBe(words);
  });

  test("says that it takes longer than it should, and the order stands", async () => {
    const at = await bench([{ priority: 110 }, {}], [service()]);
    const moving = refused(at.operations.moveVip(VIP, "n2"));
    at.cluster.node("n2").paused = true;
    expect((await moving).message).toBe(
      "move VIP 10.0.0.100 to n2: n2 has not taken it yet; " +
        "`troop status` shows why; the order stands until the VIP changes hands",
    );
    expect(at.cluster.holders(VIP)).toEqual(["n1"]);
    at.cluster.node("n2").paused = false;
    await at.world.run(FUNNEL_MS + 3_000);
    expect(at.cluster.holders(VIP)).toEqual(["n2"]);
  });
});

function nothing(): Promise<void> {
  return Promise.resolve();
}

test("moveVip moves the whole group, whichever of its VIPs is named", async () => {
  const at = await bench(undefined, [service({ address: OTHER })], GROUPED);
  expect(at.cluster.holders(OTHER)).toEqual(["n1"]);
  expect(await at.operations.moveVip(OTHER, "n2")).toBe("10.0.0.100, 10.0.0.101 moved to n2");
  await at.world.run(100);
  expect([VIP, OTHER].map((vip) => at.cluster.holders(vip))).toEqual([["n2"], ["n2"]]);
  expect(await at.operations.moveVip(OTHER, "n2")).toBe("n2 holds 10.0.0.101 already");
});

/** What every node says of a VIP. */
function entriesOf(at: Bench, vip: string) {
  return at.cluster.nodes.map(({ store }) => store.current().vips.get(vip));
}

describe("addVip", () => {
  test("makes a node hold it, before there is any service", async () => {
    const at = await bench();
    expect(await at.operations.addVip(VIP, { prefer: ["n2"], failbackS: 30, label: "1" }))
      .toBe("VIP 10.0.0.100 added, stored on 2 of 2 nodes");
    await at.world.run(2_000);
    const entry = vipEntry({ prefer: [idOf(2)], failbackS: 30, label: "1" });
    expect(entriesOf(at, VIP)).toEqual([entry, entry]);
    expect(at.cluster.holders(VIP)).toEqual(["n2"]);
  });

  const refusals: [vip: string, settings: VipChange, words: string][] = [
    [
      "10.0.0.2",
      {},
      "10.0.0.2 is the own address of node n2; choose an address that no machine has",
    ],
    [
      "192.0.2.9",
      {},
      "no interface of n1 has a network that contains 192.0.2.9; " +
      "choose an address inside one of 10.0.0.1/24 (eth0), " +
      "or name an interface with `troop vip add 192.0.2.9 --interface NAME`",
    ],
    [VIP, { prefer: ["n9"] }, 'the cluster has no node "n9"; it has n1, n2'],
    [VIP, { prefer: ["n2", "n2"] }, "--prefer names a node twice; name each once, best first"],
    [
      VIP,
      { interface: "eth7" },
      'n1 has no interface "eth7"; it has eth0; the name must be the same on every director',
    ],
    [
      "2001:db8::9",
      { interface: "eth0", label: "1" },
      "an IPv6 address has no label; leave --label out",
    ],
  ];
  test.each(refusals)("refuses %s with %j", async (vip, settings, words) => {
    const at = await bench();
    expect(await line(at, () => at.operations.addVip(vip, settings)))
      .toBe(`add VIP ${vip}: ${words}`);
  });

  test("refuses one that exists", async () => {
    const at = await bench(undefined, [], [{ kind: "putVip", vip: vipEntry() }]);
    expect(await line(at, () => at.operations.addVip(VIP, {}))).toBe(
      "add VIP 10.0.0.100: it exists already; change it with `troop vip set 10.0.0.100`",
    );
  });

  test("refuses one more than a cluster takes", async () => {
    const edits = Array.from({ length: VIPS_MAX }, (_, index): Edit => ({
      kind: "putVip",
      vip: vipEntry({ address: `10.0.0.${100 + index}` }),
    }));
    const at = await bench([{}], [], edits);
    expect(await line(at, () => at.operations.addVip("10.0.0.99", {}))).toBe(
      "add VIP 10.0.0.99: the cluster would have 57 VIPs, and takes 56; " +
        "use an address that is a VIP already",
    );
  });
});

describe("setVip", () => {
  test("changes what is named, and makes an entry for the VIP of a service", async () => {
    const at = await bench(undefined, [service()]);
    expect(await at.operations.setVip(VIP, { failbackS: 30 }))
      .toBe("VIP 10.0.0.100 changed, stored on 2 of 2 nodes");
    await at.world.run(100);
    await at.operations.setVip(VIP, { label: "1" });
    await at.world.run(100);
    expect(entriesOf(at, VIP)[1]).toEqual(vipEntry({ failbackS: 30, label: "1" }));
    await at.operations.setVip(VIP, { failbackS: null });
    await at.world.run(100);
    expect(entriesOf(at, VIP)[1]).toEqual(vipEntry({ label: "1" }));
  });

  test("says of a whole group who should hold it", async () => {
    const at = await bench(undefined, [], GROUPED);
    await at.operations.setVip(OTHER, { prefer: ["n2"], failbackS: 5, label: "7" });
    await at.world.run(100);
    const shared = { group: "web", prefer: [idOf(2)], failbackS: 5 };
    expect(entriesOf(at, VIP)[1]).toEqual(vipEntry(shared));
    expect(entriesOf(at, OTHER)[1]).toEqual(vipEntry({ ...shared, address: OTHER, label: "7" }));
  });

  test("refuses an address that is no VIP", async () => {
    const at = await bench(undefined, [service()]);
    expect(await line(at, () => at.operations.setVip(OTHER, { failbackS: 1 }))).toBe(
      "change VIP 10.0.0.101: 10.0.0.101 is not a VIP of this cluster; it has 10.0.0.100",
    );
  });

  test("refuses to part VIPs that a mark service has together", async () => {
    const at = await bench(undefined, [markService({ vips: [VIP, OTHER] })], GROUPED);
    for (const group of [null, "other"]) {
      expect(await line(at, () => at.operations.setVip(OTHER, { group }))).toBe(
        "change VIP 10.0.0.101: 10.0.0.100 and 10.0.0.101 are not in one group, " +
          "so two nodes could hold them; service fwmark:7 needs all its VIPs in one group",
      );
    }
  });
});

describe("removeVip", () => {
  test("makes every node forget it", async () => {
    const at = await bench(undefined, [], [{ kind: "putVip", vip: vipEntry() }]);
    expect(at.cluster.holders(VIP)).toHaveLength(1);
    expect(await at.operations.removeVip(VIP)).toBe(
      "VIP 10.0.0.100 removed, stored on 2 of 2 nodes",
    );
    await at.world.run(1_000);
    expect(at.cluster.holders(VIP)).toEqual([]);
    for (const { kernel } of at.cluster.nodes) expect(kernel.accepts(VIP)).toBe(false);
  });

  test.each(
    [
      [service(), "10.0.0.100:80"],
      [markService({ vips: [OTHER, VIP] }), "fwmark:7"],
    ] as const,
  )("refuses one that a service has", async (item, name) => {
    const at = await bench(undefined, [item], GROUPED);
    expect(await line(at, () => at.operations.removeVip(VIP))).toBe(
      `remove VIP 10.0.0.100: service ${name} has it; ` +
        `remove that first with \`troop service remove ${name}\``,
    );
  });

  test("refuses an address that is no VIP", async () => {
    const at = await bench();
    expect(await line(at, () => at.operations.removeVip(VIP))).toBe(
      "remove VIP 10.0.0.100: 10.0.0.100 is not a VIP of this cluster; " +
        "add a service with `troop service add` first",
    );
  });
});
