import { describe, expect, test } from "bun:test";
import type { Edit } from "../../src/core/document/document.ts";
import { SERVERS_MAX } from "../../src/core/limits.ts";
import type { ServerChange, ServerRef } from "../../src/core/document/order.ts";
import type { ServerEntry } from "../../src/core/service/server.ts";
import type { Service } from "../../src/core/service/service.ts";
import { idOf, machine, markService, serverEntry, service } from "../support/cluster_views.ts";
import { type Bench, bench, line } from "./operations_bench.ts";

const NAME = service();
const OUTSIDE: ServerRef = { address: "10.0.0.21", port: null };
const GRE = { kind: "gre", port: 0, checksum: "none" } as const;
const put = (server: ServerEntry): Edit[] => [{ kind: "putServer", server }];

/** What every node has of a service's servers. */
function entriesOf(at: Bench): ServerEntry[][] {
  const key = "tcp/10.0.0.100:80";
  return at.cluster.nodes.map(({ store }) => [...store.current().servers.get(key)?.values() ?? []]);
}

/** Servers in a node's kernel. */
function servers(at: Bench, name = "n1"): string[] {
  const row = at.cluster.node(name).kernel.rows.get("tcp/10.0.0.100:80");
  return (row?.servers ?? []).map(({ address, port, weight }) => `${address}:${port} ${weight}`)
    .sort();
}

/** A cluster with one machine beside it, whose server works. */
async function outside(fields: Partial<ServerEntry> = {}): Promise<Bench> {
  const at = await bench(undefined, [NAME], put(serverEntry(machine(21), fields)));
  at.cluster.machines.set("10.0.0.21", true);
  await at.world.run(2_000);
  return at;
}

describe("addServer", () => {
  test("makes every director know it, on the service's own port", async () => {
    const at = await bench(undefined, [NAME]);
    at.cluster.machines.set("10.0.0.21", true);
    expect(await at.operations.addServer(NAME, OUTSIDE, { weight: 3 }))
      .toBe("server 10.0.0.100:80 10.0.0.21 added, stored on 2 of 2 nodes");
    await at.world.run(2_000);
    const entry = serverEntry(machine(21), { weight: 3 });
    expect(entriesOf(at)).toEqual([[entry], [entry]]);
    for (const name of ["n1", "n2"]) expect(servers(at, name)).toContain("10.0.0.21:80 3");
  });

  const ports: [what: string, Service, port: number | null, wanted: number][] = [
    ["the members'", service({ forwarding: "nat", serverPort: 8_080 }), null, 8_080],
    ["the one named", service({ forwarding: "nat", serverPort: 8_080 }), 81, 81],
    ["the client's", markService(), null, 0],
  ];
  test.each(ports)("takes for a port %s", async (_what, item, port, wanted) => {
    const at = await bench(undefined, [item]);
    await at.operations.addServer(item, { address: "10.0.0.21", port }, {});
    const all = [...at.node.store.current().servers.values()].flatMap((list) => [...list.values()]);
    expect(all.map(({ target }) => target)).toEqual([machine(21, wanted)]);
  });

  const alone = service({ members: false });
  const seen =
    "`troop server list` shows the servers, `troop service list` how each service forwards";
  const member = "10.0.0.2 is member n2, which is a server of this service already; " +
    "set what is special about it with `troop server set 10.0.0.100:80 n2`";
  const single = "which only nat can reach as a single machine; " +
    "let members be its servers (`troop service set 10.0.0.100:80 --members`), " +
    "or add it with --forward nat";
  const refusals: [what: string, Service, ServerRef, ServerChange, words: string][] = [
    [
      "one that is there",
      NAME,
      { address: "10.0.0.22", port: 80 },
      {},
      `10.0.0.22:80: it is there already; ${seen}`,
    ],
    [
      "the VIP",
      NAME,
      { address: "10.0.0.100", port: null },
      {},
      `10.0.0.100: 10.0.0.100 is the service's own VIP; ${seen}`,
    ],
    [
      "another port by direct routing",
      NAME,
      { address: "10.0.0.21", port: 81 },
      {},
      "10.0.0.21:81: direct routing cannot change the port: " +
      `the server must listen on 80, the service's own; ${seen}`,
    ],
    [
      "a tunnel by direct routing",
      NAME,
      OUTSIDE,
      { tunnel: GRE },
      `10.0.0.21: a tunnel needs the forwarding method tunnel; ${seen}`,
    ],
    [
      "thresholds the wrong way round",
      NAME,
      OUTSIDE,
      { lower: 5 },
      `10.0.0.21: the lower threshold must not be above the upper one; ${seen}`,
    ],
    [
      "a member by name",
      NAME,
      { node: "n2" },
      {},
      "n2: a member is a server of every service that takes members; " +
      "say what differs with `troop server set 10.0.0.100:80 n2`",
    ],
    ["a member by address", NAME, { address: "10.0.0.2", port: null }, {}, `10.0.0.2: ${member}`],
    [
      "a member by address and NAT",
      service({ forwarding: "nat" }),
      { address: "10.0.0.2", port: 81 },
      {},
      `10.0.0.2:81: ${member}`,
    ],
    [
      "a member of a service without members",
      alone,
      { address: "10.0.0.2", port: null },
      {},
      `10.0.0.2: 10.0.0.2 is member n2, ${single}`,
    ],
    [
      "a member that is no real server",
      NAME,
      { address: "10.0.0.3", port: null },
      {},
      `10.0.0.3: 10.0.0.3 is member n3, ${single}`,
    ],
  ];
  test.each(refusals)("refuses %s", async (_what, item, ref, settings, words) => {
    const nodes = [{ priority: 110 }, {}, { realServer: false }];
    const at = await bench(nodes, [item], put(serverEntry(machine(22))));
    expect(await line(at, () => at.operations.addServer(NAME, ref, settings)))
      .toBe(`add server 10.0.0.100:80 ${words}`);
  });

  test("takes a member by NAT where members are no servers", async () => {
    const at = await bench(undefined, [alone]);
    const ref = { address: "10.0.0.2", port: 81 };
    expect(await at.operations.addServer(NAME, ref, { forwarding: "nat" })).toStartWith("server ");
  });

  test("of a member says what differs, once", async () => {
    const at = await bench(undefined, [NAME]);
    await at.operations.addServer(NAME, { node: "n2" }, { weight: 3 });
    await at.world.run(500);
    expect(entriesOf(at)[1]).toEqual([serverEntry({ node: idOf(2) }, { weight: 3 })]);
    expect(servers(at)).toEqual(["10.0.0.1:80 1", "10.0.0.2:80 3"]);
    expect(await line(at, () => at.operations.addServer(NAME, { node: "n2" }, { weight: 4 })))
      .toBe(
        "add server 10.0.0.100:80 n2: something is said of it already; " +
          "say what differs with `troop server set 10.0.0.100:80 n2`",
      );
  });

  test("refuses a server of a service that is not there", async () => {
    const at = await bench();
    expect(await line(at, () => at.operations.addServer(NAME, OUTSIDE, {}))).toBe(
      "add server 10.0.0.100:80 10.0.0.21: there is no such service; " +
        "see them with `troop service list`",
    );
  });

  test("refuses one more than a cluster takes", async () => {
    const at = await bench([{}], [NAME]);
    const { agent } = at.node;
    if (agent === null) throw new Error("n1 does not run");
    const entry = serverEntry(machine(22));
    const many = new Map(Array.from({ length: SERVERS_MAX }, (_, index) => [`${index}`, entry]));
    agent.state.document = { ...agent.state.document, servers: new Map([["other", many]]) };
    expect(await line(at, () => at.operations.addServer(NAME, OUTSIDE, {}))).toBe(
      "add server 10.0.0.100:80 10.0.0.21: the cluster has 16384 servers already, " +
        "the most it takes; remove some first",
    );
  });
});

describe("setServer", () => {
  test("changes a machine: what is not named stays, null is as the service says", async () => {
    const at = await outside({ weight: 3, upper: 9 });
    expect(await at.operations.setServer(NAME, OUTSIDE, { weight: 0 }))
      .toBe("server 10.0.0.100:80 10.0.0.21 changed, stored on 2 of 2 nodes");
    await at.world.run(100);
    expect(entriesOf(at)[0]).toEqual([serverEntry(machine(21), { weight: 0, upper: 9 })]);
    await at.operations.setServer(NAME, OUTSIDE, { upper: null });
    expect(entriesOf(at)[0]).toEqual([serverEntry(machine(21), { weight: 0 })]);
  });

  test("drains a member, and says by its name what is special about it", async () => {
    const at = await bench(undefined, [NAME]);
    expect(await at.operations.setServer(NAME, { node: "n2" }, { weight: 0 }))
      .toBe("server 10.0.0.100:80 n2 changed, stored on 2 of 2 nodes");
    await at.world.run(500);
    expect(entriesOf(at)[1]).toEqual([serverEntry({ node: idOf(2) }, { weight: 0 })]);
    expect(servers(at)).toEqual(["10.0.0.1:80 1", "10.0.0.2:80 0"]);
  });

  test("a tunnel goes with its method", async () => {
    const at = await outside();
    const set = async (change: ServerChange) => {
      await at.operations.setServer(NAME, OUTSIDE, change);
      await at.world.run(100);
      return entriesOf(at)[0];
    };
    await set({ forwarding: "tunnel", tunnel: GRE });
    expect(await set({ weight: 2 }))
      .toMatchObject([{ forwarding: "tunnel", tunnel: GRE, weight: 2 }]);
    expect(await set({ forwarding: "dr" }))
      .toMatchObject([{ forwarding: "dr", tunnel: null, weight: 2 }]);
  });

  const refusals: [what: string, ServerRef, ServerChange, words: string][] = [
    [
      "a machine that is not there",
      { address: "10.0.0.22", port: null },
      { weight: 1 },
      "10.0.0.22: the service has no such server; see them with `troop server list`",
    ],
    [
      "another port of a machine",
      { address: "10.0.0.21", port: 81 },
      { weight: 1 },
      "10.0.0.21:81: the service has no such server; see them with `troop server list`",
    ],
    [
      "a node that is not there",
      { node: "n9" },
      { weight: 1 },
      'n9: the cluster has no node "n9"; it has n1, n2',
    ],
    [
      "a tunnel by direct routing",
      OUTSIDE,
      { tunnel: GRE },
      "10.0.0.21: a tunnel needs the forwarding method tunnel; " +
      "see `troop server set --help` for what goes together",
    ],
  ];
  test.each(refusals)("refuses %s", async (_what, ref, change, words) => {
    const at = await outside();
    expect(await line(at, () => at.operations.setServer(NAME, ref, change)))
      .toBe(`change server 10.0.0.100:80 ${words}`);
  });
});

describe("removeServer", () => {
  test("lets connections of a machine end first", async () => {
    const at = await outside();
    const clients = Array.from({ length: 3 }, () => at.node.kernel.connect(NAME));
    expect(await at.operations.removeServer(NAME, OUTSIDE, false)).toBe(
      "server 10.0.0.100:80 10.0.0.21 removed; its connections end first, stored on 2 of 2 nodes",
    );
    await at.world.run(5_000);
    expect(servers(at)).toContain("10.0.0.21:80 0");
    for (const client of clients) if (client !== null) at.node.kernel.connections.delete(client);
    await at.world.run(3_000);
    expect(servers(at)).toEqual(["10.0.0.1:80 1", "10.0.0.2:80 1"]);
    expect(at.node.kernel.cut).toEqual([]);
  });

  test("takes it out at once when that is wanted, and forgets it then", async () => {
    const at = await outside();
    for (let turn = 0; turn < 3; turn++) at.node.kernel.connect(NAME);
    expect(await at.operations.removeServer(NAME, OUTSIDE, true))
      .toBe("server 10.0.0.100:80 10.0.0.21 removed at once, stored on 2 of 2 nodes");
    expect(servers(at)).toEqual(["10.0.0.1:80 1", "10.0.0.2:80 1"]);
    expect(at.node.kernel.cut).toHaveLength(1);
    await at.world.run(100);
    expect(entriesOf(at)).toEqual([[], []]);
  });

  test("makes a member as the service says again", async () => {
    const drained = serverEntry({ node: idOf(2) }, { weight: 0 });
    const at = await bench(undefined, [NAME], put(drained));
    expect(servers(at)).toContain("10.0.0.2:80 0");
    expect(await at.operations.removeServer(NAME, { node: "n2" }, true))
      .toBe("server 10.0.0.100:80 n2 is as the service says, stored on 2 of 2 nodes");
    await at.world.run(500);
    expect(servers(at)).toContain("10.0.0.2:80 1");
  });

  test("refuses a machine that is not there, and a member of which nothing is said", async () => {
    const at = await bench(undefined, [NAME]);
    expect(await line(at, () => at.operations.removeServer(NAME, OUTSIDE, true))).toBe(
      "remove server 10.0.0.100:80 10.0.0.21: the service has no such server; " +
        "see them with `troop server list`",
    );
    expect(await line(at, () => at.operations.removeServer(NAME, { node: "n2" }, false))).toBe(
      "remove server 10.0.0.100:80 n2: it is a member, and nothing special is said of it; " +
        "take it out of the pool with `troop server set 10.0.0.100:80 n2 --weight 0`",
    );
  });
});
