import { describe, expect, test } from "bun:test";
import type { SettingName } from "../../src/core/document/settings.ts";
import { service, VIP } from "../support/cluster_views.ts";
import { bench, line } from "./operations_bench.ts";

test("status, counters, table and leave are passed on", async () => {
  const at = await bench(undefined, [service()]);
  expect(await at.operations.status()).toMatchObject({ node: "n1", vips: [{ holder: "n1" }] });
  expect(at.operations.counters().takeovers).toBe(7);
  expect(await at.operations.table()).toMatchObject([{ address: VIP, port: 80 }]);
  expect(await at.operations.leave()).toBe("n1 left cluster sim");
  at.departure.isNoted = false;
  expect(await at.operations.leave()).toBe(
    "n1 left cluster sim, but no other node has noted it: run `troop forget n1` on one of them",
  );
});

test("a status of many services leaves turns to others, however many ask for one", async () => {
  const services = Array.from({ length: 200 }, (_, port) => service({ port: port + 1 }));
  const at = await bench(undefined, services);
  const turnsFor = async (asking: number) => {
    let turns = 0;
    let done = false;
    const all = Promise.all(Array.from({ length: asking }, () => at.operations.status()));
    void all.then(() => done = true);
    for (; !done && turns < 1_000; turns++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    for (const status of await all) expect(status.services).toHaveLength(services.length);
    return turns;
  };
  const alone = await turnsFor(1);
  expect(alone).toBeGreaterThan(3);
  expect(await turnsFor(5)).toBeGreaterThan(3 * alone);
});

describe("connections", () => {
  test("are asked of the kernel, of all services or one", async () => {
    const at = await bench(undefined, [service()]);
    expect(await at.operations.connections({ limit: 3 })).toMatchObject({ matched: 3, total: 9 });
    expect(await at.operations.connections({ limit: 2, service: service() }))
      .toMatchObject({ matched: 2 });
  });

  test("of a service that is not there are refused", async () => {
    const at = await bench();
    expect(await line(at, () => at.operations.connections({ limit: 3, service: service() }))).toBe(
      "list connections of 10.0.0.100:80: there is no such service; " +
        "see them with `troop service list`",
    );
  });
});

describe("setSetting", () => {
  test("changes a setting on every node, in its one spelling, and back", async () => {
    const at = await bench(undefined, [service()]);
    expect(await at.operations.setSetting("tcp-timeout", "0600"))
      .toBe("tcp-timeout is 600, stored on 2 of 2 nodes");
    await at.world.run(2_000);
    for (const { kernel } of at.cluster.nodes) expect(kernel.timeouts.tcpS).toBe(600);
    expect(await at.operations.setSetting("tcp-timeout", null))
      .toBe("tcp-timeout is kernel again, stored on 2 of 2 nodes");
    await at.world.run(2_000);
    for (const { kernel } of at.cluster.nodes) expect(kernel.timeouts.tcpS).toBe(900);
  });

  test("refuses a value, and says what is accepted", async () => {
    const at = await bench();
    expect(await line(at, () => at.operations.setSetting("sync-id", "256"))).toBe(
      'set sync-id 256: "256" is not accepted; sync-id takes 1 to 255, auto',
    );
    expect(await line(at, () => at.operations.setSetting("sloppy-tcp", "1"))).toBe(
      'set sloppy-tcp 1: "1" is not accepted; sloppy-tcp takes auto, on, off',
    );
  });

  test("refuses a majority of two nodes, which one dead node would end, and takes it back at any time", async () => {
    const at = await bench();
    expect(await line(at, () => at.operations.setSetting("quorum", "majority"))).toStartWith(
      "set quorum majority: in a cluster of two nodes a majority is both: one dead node would stop every service; ",
    );
    expect(await at.operations.setSetting("quorum", null)).toStartWith("quorum is off again");
  });

  test("refuses a name that is none", async () => {
    const at = await bench();
    const name = "tcp_timeout" as SettingName;
    for (const value of ["1", null]) {
      expect(await line(at, () => at.operations.setSetting(name, value)))
        .toBe("set tcp_timeout: there is no such setting; see them with `troop settings`");
    }
  });
});

describe("a receipt", () => {
  test("names those who are dead, and those who have not confirmed", async () => {
    const at = await bench([{ priority: 110 }, {}, {}], [service()]);
    const set = (value: string) => at.operations.setSetting("sync-ttl", value);
    expect(await set("2")).toEndWith("stored on 3 of 3 nodes");
    // Cut off just now: nobody has noticed.
    at.cluster.isolate("n1");
    expect(await set("3")).toEndWith("stored on 1 of 3 nodes; n2, n3 have not confirmed it yet");
    at.cluster.heal("n1");
    at.cluster.crash("n3");
    await at.world.run(3_000);
    expect(await set("4")).toEndWith(
      "stored on 2 of 3 nodes; n3 is dead and gets it when it returns",
    );
    at.cluster.crash("n2");
    await at.world.run(3_000);
    expect(await set("5")).toEndWith(
      "stored on 1 of 3 nodes; n2, n3 are dead and get it when they return",
    );
  });
});
