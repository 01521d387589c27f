import { describe, expect, test } from "bun:test";
import { agentOperations } from "../../src/agent/operations.ts";
import { NO_CHECK } from "../../src/core/check.ts";
import { VIPS_MAX } from "../../src/core/limits.ts";
import { Refusal } from "../../src/core/refusal.ts";
import type { Service } from "../../src/core/service.ts";
import { FUNNEL_MS } from "../../src/core/timing.ts";
import type { Counters, Operations } from "../../src/ports.ts";
import { refused } from "../shell/refused.ts";
import { type NodeOptions, SimCluster, type SimNode } from "../sim/cluster.ts";
import { World } from "../sim/world.ts";
import { service, VIP } from "../support/cluster_views.ts";
import { observedRow, ROW } from "../support/table_rows.ts";

const KEY = "tcp/10.0.0.100:80";

interface Bench {
  readonly world: World;
  readonly cluster: SimCluster;
  readonly node: SimNode;
  readonly operations: Operations;
  /** Document and kernel of the node, to see that nothing changed. */
  readonly picture: () => unknown;
}

/** A simulated cluster that has run for two seconds, asked at n1. */
async function bench(
  options: readonly NodeOptions[] = [{ priority: 110 }, {}],
  services: readonly Service[] = [],
): Promise<Bench> {
  const world = new World();
  const cluster = new SimCluster(world, options);
  cluster.start();
  await world.run(1_000);
  const node = cluster.node("n1");
  await node.store.edit(services.map((item) => ({ kind: "putService", service: item })));
  await world.run(3_000);
  const { agent } = node;
  if (agent === null) throw new Error("n1 does not run");
  const operations = agentOperations({
    agent,
    store: node.store,
    table: node.kernel.table,
    counters: () => ({ takeovers: 7 }) as Counters,
    leave: () => Promise.resolve(),
    sleep: (ms) => world.run(ms),
  });
  const picture = () => ({
    digest: node.store.digest(),
    rows: [...node.kernel.rows],
    owned: [...node.owned],
  });
  return { world, cluster, node, operations, picture };
}

/** The one line of the refusal; fails when anything changed. */
async function line(at: Bench, ask: () => Promise<unknown>): Promise<string> {
  const before = at.picture();
  const { message } = await refused(ask());
  expect(at.picture()).toEqual(before);
  return message;
}

describe("addService", () => {
  test("makes every node have it, and says to how many it went", async () => {
    const at = await bench();
    expect(await at.operations.addService(service()))
      .toBe("service 10.0.0.100:80 added, sent to 1 peer");
    await at.world.run(1_000);
    for (const { kernel } of at.cluster.nodes) expect([...kernel.rows.keys()]).toEqual([KEY]);
    expect([...at.node.owned]).toEqual([KEY]);
  });

  test("on a node alone says so too", async () => {
    const at = await bench([{}]);
    expect(await at.operations.addService(service({ port: 53, protocol: "udp", check: NO_CHECK })))
      .toBe("service 10.0.0.100:53/udp added, sent to 0 peers");
  });

  test("refuses one that exists", async () => {
    const at = await bench(undefined, [service()]);
    expect(await line(at, () => at.operations.addService(service({ scheduler: "rr" })))).toBe(
      "add service 10.0.0.100:80: it exists already; see it with `troop service list`, " +
        "or remove it first with `troop service remove 10.0.0.100:80`",
    );
  });

  test.each([
    ["10.0.0.1", "n1"],
    ["10.0.0.2", "n2"],
  ])("refuses the VIP %s, which is the own address of %s", async (address, name) => {
    const at = await bench();
    expect(await line(at, () => at.operations.addService(service({ address })))).toBe(
      `add service ${address}:80: ${address} is the own address of node ${name}; ` +
        "choose an address that no machine has",
    );
  });

  test("refuses a VIP out of every interface's reach", async () => {
    const at = await bench();
    expect(await line(at, () => at.operations.addService(service({ address: "192.0.2.9" })))).toBe(
      "add service 192.0.2.9:80: no interface of n1 has a network that contains 192.0.2.9; " +
        "choose an address inside one of 10.0.0.1/24 (eth0), or give an interface one with `ip address add`",
    );
    expect(await line(at, () => at.operations.addService(service({ address: "2001:db8::9" }))))
      .toStartWith("add service [2001:db8::9]:80: no interface of n1 has a network");
  });

  test("refuses what the kernel has no scheduler for, in the kernel's words", async () => {
    const at = await bench();
    const message = 'add virtual service 10.0.0.100:80: ENOENT (kernel has no scheduler "mh")';
    at.node.kernel.table.apply = (operations) =>
      Promise.resolve(
        operations.map((operation) =>
          Object.assign(new Error(message), { operation: operation.kind, code: "ENOENT" })
        ),
      );
    expect(await line(at, () => at.operations.addService(service({ scheduler: "mh" }))))
      .toBe(
        `add service 10.0.0.100:80: ${message}; \`troop doctor\` shows what this machine lacks`,
      );
  });

  test("refuses when the kernel cannot be asked", async () => {
    const at = await bench();
    at.node.kernel.table.get = () => Promise.reject(new Error("get virtual service: EPERM"));
    expect(await line(at, () => at.operations.addService(service()))).toBe(
      "add service 10.0.0.100:80: get virtual service: EPERM; `troop doctor` shows what this machine lacks",
    );
  });

  const foreign: [command: string, service: Service][] = [
    ["ipvsadm -D -t 10.0.0.100:80", service()],
    ["ipvsadm -D -u 10.0.0.100:53", service({ port: 53, protocol: "udp" })],
  ];
  test.each(foreign)(
    "refuses what somebody else gave the kernel, and names %s",
    async (command, item) => {
      const at = await bench();
      const name = command.split(" ")[3];
      const { port, protocol } = item;
      at.node.kernel.rows.set(`${protocol}/${name}`, observedRow({ ...ROW, port, protocol }));
      expect(await line(at, () => at.operations.addService(item))).toBe(
        `add service ${name}${
          protocol === "udp" ? "/udp" : ""
        }: the kernel of n1 has it already, and not from troop; take it out first with \`${command}\``,
      );
    },
  );

  test("takes over a row of an earlier run", async () => {
    const at = await bench();
    at.node.kernel.rows.set(KEY, observedRow(ROW));
    at.node.owned.add(KEY);
    expect(await at.operations.addService(service())).toStartWith("service 10.0.0.100:80 added");
  });

  test("can be asked for again right after the service was removed", async () => {
    const at = await bench();
    for (let turn = 0; turn < 3; turn++) {
      await at.operations.addService(service());
      at.node.agent?.tick();
      await at.operations.removeService(service());
      at.node.agent?.tick();
    }
    await at.world.run(3_000);
    expect(at.node.kernel.rows.size).toBe(0);
    expect(at.node.owned.size).toBe(0);
  });

  test("of a node that is no director does not touch the kernel", async () => {
    const at = await bench([{ director: false }, {}]);
    at.node.kernel.table.get = () => Promise.reject(new Error("asked"));
    at.node.kernel.table.apply = () => Promise.reject(new Error("changed"));
    expect(await at.operations.addService(service())).toStartWith("service 10.0.0.100:80 added");
    await at.world.run(1_000);
    expect(at.node.kernel.rows.size).toBe(0);
  });

  test("leaves nothing behind when the disk refuses", async () => {
    const at = await bench();
    const refusal = new Refusal({ attempted: "write", problem: "disk full", remedy: "make room" });
    at.node.store.edit = () => Promise.reject(refusal);
    expect(await line(at, () => at.operations.addService(service())))
      .toBe("write: disk full; make room");
  });

  test("refuses one VIP more than a cluster takes, and takes one more service on a VIP", async () => {
    const services = Array.from(
      { length: VIPS_MAX },
      (_, index) => service({ address: `10.0.0.${100 + index}` }),
    );
    const at = await bench([{}], services);
    expect(await line(at, () => at.operations.addService(service({ address: "10.0.0.99" })))).toBe(
      "add service 10.0.0.99:80: the cluster has 56 VIPs already, the most it takes; " +
        "use an address that is a VIP already",
    );
    expect(await at.operations.addService(service({ port: 443 }))).toStartWith("service ");
  });
});

describe("removeService", () => {
  test("makes every node forget it", async () => {
    const at = await bench(undefined, [service()]);
    expect(await at.operations.removeService(service())).toBe("service 10.0.0.100:80 removed");
    await at.world.run(1_500);
    for (const { kernel } of at.cluster.nodes) {
      expect(kernel.rows.size).toBe(0);
      expect(kernel.accepts(VIP)).toBe(false);
    }
  });

  test("refuses one that is unknown", async () => {
    const at = await bench(undefined, [service()]);
    const name = { address: VIP, port: 80, protocol: "udp" } as const;
    expect(await line(at, () => at.operations.removeService(name))).toBe(
      "remove service 10.0.0.100:80/udp: there is no such service; see them with `troop service list`",
    );
  });
});

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
    const at = await bench([{ priority: 110 }, {}, { director: false }], [service()]);
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

test("status, counters and leave are passed on", async () => {
  const at = await bench(undefined, [service()]);
  expect(at.operations.status()).toMatchObject({ node: "n1", vips: [{ holder: "n1" }] });
  expect(at.operations.counters().takeovers).toBe(7);
  expect(await at.operations.leave()).toBe("n1 left cluster sim");
});
