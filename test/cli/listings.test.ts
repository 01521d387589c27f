/** `troop settings`, `troop table` and `troop connections`. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Connection } from "../../src/core/table/connection.ts";
import { settingNames } from "../../src/core/document/settings.ts";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

describe("troop settings", () => {
  test("sets, marks what is not the standard, and resets", async () => {
    expect((await world.call("settings", "set", "tcp-timeout", "0900")).out).toBe(
      "tcp-timeout set to 900\n",
    );
    const { out } = await world.call("settings");
    expect(out).toMatch(/^SETTING +VALUE +TAKES +ABOUT\n(?:.*\n)*?tcp-timeout +900 \* +1 to /);
    expect(out).toMatch(/^udp-timeout +kernel +1 to /m);
    expect(out.split("\n")).toHaveLength(settingNames.length + 2);
    expect((await world.call("settings", "list")).out).toBe(out);
    await world.call("settings", "reset", "tcp-timeout");
    expect((await world.call("settings")).out).not.toContain(" *");
  });

  test("gives them to programs", async () => {
    await world.call("settings", "set", "sync-group", "FF02::51");
    const settings = JSON.parse((await world.call("settings", "--json")).out);
    expect(settings.map(({ name }: { name: string }) => name)).toEqual(settingNames);
    expect(settings).toContainEqual({
      name: "sync-group",
      value: "ff02::51",
      standard: "224.0.0.81",
      takes: "a multicast address",
      about: "multicast group to which connections are told",
    });
  });

  test.each([
    [
      ["set", "tcp-timeout", "soon"],
      'set tcp-timeout to soon: "soon" is no value for tcp-timeout; use 1 to 2147483, kernel',
    ],
    [
      ["set", "sync-id", "256"],
      'set sync-id to 256: "256" is no value for sync-id; use 1 to 255, auto',
    ],
    [
      ["set", "sync-group", "10.0.0.1"],
      'set sync-group to 10.0.0.1: "10.0.0.1" is no value for sync-group; use a multicast address',
    ],
    [
      ["set", "tcp-time", "1"],
      `set tcp-time to 1: "tcp-time" is not a setting; use one of ${settingNames.join(", ")}`,
    ],
    [
      ["reset", "toString"],
      `reset toString: "toString" is not a setting; use one of ${settingNames.join(", ")}`,
    ],
  ])("refuses %j before anybody is contacted", async (argv, line) => {
    expect(await world.call("settings", ...argv)).toEqual({
      code: 2,
      out: "",
      err: `troop: ${line}\n`,
    });
    expect(world.contacted).toEqual([]);
  });
});

describe("troop table", () => {
  beforeEach(async () => {
    await world.call("service", "add", "192.0.2.100:80", "--persistent", "--tunnel", "gue:6080");
  });

  test("prints as ipvsadm does, in each of its ways", async () => {
    expect((await world.call("table")).out).toStartWith(
      "Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight",
    );
    expect((await world.call("table", "--save")).out).toBe(
      `-A -t 192.0.2.100:80 -s wlc -p 360
-a -t 192.0.2.100:80 -r 192.0.2.11:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 192.0.2.100:80 -r 192.0.2.12:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
`,
    );
    expect((await world.call("table", "--stats")).out).toContain("Conns");
    expect((await world.call("table", "--rate")).out).toContain("CPS");
    expect(JSON.parse((await world.call("table", "--json")).out)).toEqual(
      await world.operations.table(),
    );
  });

  test("refuses two ways at once", async () => {
    expect(await world.call("table", "--save", "--rate")).toEqual({
      code: 2,
      out: "",
      err:
        'troop: table: option "--save" cannot be used with option "--rate"; see `troop table --help`\n',
    });
  });
});

describe("troop connections", () => {
  function connection(change: Partial<Connection> = {}): Connection {
    return {
      protocol: "TCP",
      client: "192.0.2.2",
      clientPort: 40_000,
      virtual: "192.0.2.100",
      virtualPort: 80,
      server: "192.0.2.11",
      serverPort: 80,
      state: "ESTABLISHED",
      expiresS: 899,
      engine: "",
      engineData: "",
      ...change,
    };
  }

  beforeEach(() => {
    world.operations.kernelConnections.push(
      connection(),
      connection({
        client: "2001:db8::2",
        virtual: "2001:db8::100",
        server: "2001:db8::11",
        state: "FIN_WAIT",
        expiresS: 6_001,
      }),
      connection({ protocol: "UDP", virtualPort: 5_060, server: "192.0.2.12", serverPort: 5_060 }),
    );
  });

  test("prints a table and how many there are", async () => {
    expect((await world.call("connections")).out).toBe(
      `PROTO  EXPIRES  STATE        CLIENT               VIRTUAL             SERVER
TCP      14:59  ESTABLISHED  192.0.2.2:40000      192.0.2.100:80      192.0.2.11:80
TCP     100:01  FIN_WAIT     [2001:db8::2]:40000  [2001:db8::100]:80  [2001:db8::11]:80
UDP      14:59  ESTABLISHED  192.0.2.2:40000      192.0.2.100:5060    192.0.2.12:5060

3 of 3 connections
`,
    );
  });

  test("shows persistence engines where there are some", async () => {
    world.operations.kernelConnections.splice(
      0,
      3,
      connection({ protocol: "UDP", clientPort: 0, engine: "sip", engineData: "call-1" }),
    );
    const [head, row] = (await world.call("connections")).out.split("\n");
    expect(head).toEndWith("  ENGINE");
    expect(row).toEndWith("  sip call-1");
  });

  test.each([
    [["--limit", "1"], 1, "1 of 3 connections"],
    [["--service", "192.0.2.100:80"], 1, "1 of 1 connections that match, of 3 in all"],
    [["--server", "192.0.2.12"], 1, "1 of 1 connections that match, of 3 in all"],
    [["--server", "[2001:db8::11]:80"], 1, "1 of 1 connections that match, of 3 in all"],
    [["--server", "192.0.2.12:5060"], 1, "1 of 1 connections that match, of 3 in all"],
    [["--server", "192.0.2.12:80"], 0, "0 of 0 connections that match, of 3 in all"],
  ])("asks with %j", async (options, count, line) => {
    const { out } = await world.call("connections", ...options);
    expect(out.trimEnd().split("\n").at(-1)).toBe(line);
    const listing = JSON.parse((await world.call("connections", ...options, "--json")).out);
    expect(listing.connections).toHaveLength(count);
  });

  test.each([
    [
      ["--service", "x"],
      'list connections of x: "x" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp, [2001:db8::100]:80 or fwmark:1',
    ],
    [
      ["--server", "n1"],
      'list connections: --server "n1" is neither ADDRESS nor ADDRESS:PORT; write for example 192.0.2.21, 192.0.2.21:80 or [2001:db8::21]:80',
    ],
    [
      ["--limit", "100001"],
      'list connections: --limit "100001" is not a number from 0 to 100000; correct it',
    ],
  ])("refuses %j before anybody is contacted", async (options, line) => {
    expect(await world.call("connections", ...options)).toEqual({
      code: 2,
      out: "",
      err: `troop: ${line}\n`,
    });
    expect(world.contacted).toEqual([]);
  });

  test("prints more rows than a call takes arguments", async () => {
    const { kernelConnections } = world.operations;
    for (let count = 0; count < 99_000; count++) kernelConnections.push(connection());
    const { code, out } = await world.call("connections", "--limit", "100000");
    expect(code).toBe(0);
    expect(out).toEndWith("\n99003 of 99003 connections\n");
  });
});
