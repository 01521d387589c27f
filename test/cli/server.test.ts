/** `troop server`: servers entered by hand, what differs for members, and what a machine needs. */
import { beforeEach, describe, expect, test } from "bun:test";
import { FakeWorld } from "./fake_context.ts";

const SERVICE = "192.0.2.100:80";

let world: FakeWorld;

beforeEach(async () => {
  world = new FakeWorld();
  await world.call("service", "add", SERVICE);
  await world.call("service", "add", "fwmark:7", "--vip", "192.0.2.100");
  world.contacted.length = 0;
});

function server(...argv: string[]) {
  return world.call("server", ...argv);
}

function said(service = SERVICE) {
  const servers = world.operations.servers.get(service) ?? new Map();
  return Object.fromEntries([...servers].map(([name, { ref, change }]) => [name, { ref, change }]));
}

describe("troop server add and set", () => {
  test.each([
    [[SERVICE, "192.0.2.21"], { ref: { address: "192.0.2.21", port: null }, change: {} }],
    [[SERVICE, "192.0.2.21:80", "--weight", "0"], {
      ref: { address: "192.0.2.21", port: 80 },
      change: { weight: 0 },
    }],
    [[SERVICE, "10.0.0.21:8080", "--forward", "nat", "--upper", "10", "--lower", "5"], {
      ref: { address: "10.0.0.21", port: 8_080 },
      change: { forwarding: "nat", upper: 10, lower: 5 },
    }],
    [[SERVICE, "192.0.2.22", "--tunnel", "gre,csum"], {
      ref: { address: "192.0.2.22", port: null },
      change: { forwarding: "tunnel", tunnel: { kind: "gre", port: 0, checksum: "csum" } },
    }],
  ])("adds %j", async (argv, expected) => {
    const { code, err } = await server("add", ...argv);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(Object.values(said())).toEqual([expected as never]);
  });

  test("changes only what is named, and gives back what the service says", async () => {
    await server("add", SERVICE, "192.0.2.21", "--weight", "5", "--upper", "10");
    await server("set", SERVICE, "192.0.2.21", "--no-weight", "--lower", "5");
    expect(said()["192.0.2.21"]?.change).toEqual({ weight: null, upper: 10, lower: 5 });
    await server("set", SERVICE, "192.0.2.21", "--no-forward", "--no-tunnel", "--no-upper");
    expect(said()["192.0.2.21"]?.change).toEqual({
      weight: null,
      upper: null,
      lower: 5,
      forwarding: null,
      tunnel: null,
    });
  });

  test("changes a member that was never added", async () => {
    expect((await server("set", SERVICE, "n2", "--weight", "7")).out).toBe(
      `server n2 of ${SERVICE} changed\n`,
    );
    expect((await world.call("status")).out).toMatch(/192\.0\.2\.12:80 +n2 +up +7 /);
  });

  const dr =
    "direct routing cannot change the port: the server must listen on 80, the service's own";
  test.each([
    [
      ["add", "192.0.2.100", "192.0.2.21"],
      'add server 192.0.2.21 to 192.0.2.100: "192.0.2.100" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp, [2001:db8::100]:80 or fwmark:1',
    ],
    [
      ["add", SERVICE, "192.0.2.300"],
      `add server 192.0.2.300 to ${SERVICE}: "192.0.2.300" is neither an address nor a name of a node; write for example 192.0.2.21, 192.0.2.21:8080, [2001:db8::21]:8080 or n2`,
    ],
    [
      ["add", SERVICE, "192.0.2.21:80000"],
      `add server 192.0.2.21:80000 to ${SERVICE}: "192.0.2.21:80000" is neither an address nor a name of a node; write for example 192.0.2.21, 192.0.2.21:8080, [2001:db8::21]:8080 or n2`,
    ],
    [
      ["add", SERVICE, "192.0.2.21:8080", "--forward", "dr"],
      `add server 192.0.2.21:8080 to ${SERVICE}: ${dr}; see \`troop server add --help\``,
    ],
    [
      ["add", SERVICE, "2001:db8::21", "--forward", "nat"],
      `add server 2001:db8::21 to ${SERVICE}: 2001:db8::21 is no IPv4 address, as the service's VIP is; see \`troop server add --help\``,
    ],
    [
      ["add", "fwmark:7", "192.0.2.21:80"],
      "add server 192.0.2.21:80 to fwmark:7: a mark service keeps the client's port: leave the port out; see `troop server add --help`",
    ],
    [
      ["add", SERVICE, "192.0.2.21", "--weight", "x"],
      `add server 192.0.2.21 to ${SERVICE}: --weight "x" is not a number from 0 to 65535; correct it`,
    ],
    [
      ["add", SERVICE, "192.0.2.21", "--upper", "5", "--lower", "6"],
      `add server 192.0.2.21 to ${SERVICE}: the lower threshold must not be above the upper one; see \`troop server add --help\``,
    ],
    [
      ["set", SERVICE, "n2"],
      `change server n2 of ${SERVICE}: no change is named; see \`troop server set --help\``,
    ],
    [
      ["set", SERVICE, "n2", "--forward", "dr", "--tunnel", "ipip"],
      `change server n2 of ${SERVICE}: --tunnel does not go with --forward dr; leave one of them out`,
    ],
    [
      ["remove", SERVICE, "-x"],
      'server remove: unknown option "-x"; see `troop server remove --help`',
    ],
    [
      ["list", "x"],
      'list servers of x: "x" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp, [2001:db8::100]:80 or fwmark:1',
    ],
  ])("refuses %j before anybody is contacted", async (argv, line) => {
    expect(await server(...argv)).toEqual({ code: 2, out: "", err: `troop: ${line}\n` });
    expect(world.contacted).toEqual([]);
  });

  test("hands on that a member needs no entry", async () => {
    const { code, err } = await server("add", SERVICE, "n2", "--forward", "tunnel");
    expect(code).toBe(1);
    expect(err).toStartWith(`troop: add server n2 to ${SERVICE}: a member is a server of every `);
  });

  test("leaves to the agent what depends on the service", async () => {
    expect((await server("add", SERVICE, "192.0.2.21:8080")).code).toBe(0);
  });
});

describe("troop server remove and list", () => {
  test("removes with and without waiting", async () => {
    await server("add", SERVICE, "192.0.2.21");
    await server("add", SERVICE, "192.0.2.22");
    await server("remove", SERVICE, "192.0.2.21");
    await server("remove", SERVICE, "192.0.2.22", "--now");
    expect((await server("list", SERVICE)).out).toBe(
      `SERVICE         SERVER         NODE  FORWARD  STATE     WEIGHT  ACTIVE  INACT  WHY
192.0.2.100:80  192.0.2.11:80  n1    dr       up             1      12    345  200 in 3 ms
192.0.2.100:80  192.0.2.12:80  n2    dr       up             1      12    345  200 in 3 ms
192.0.2.100:80  192.0.2.21:80  -     dr       draining       0      12    345  removed; stays until its 357 connections end
`,
    );
  });

  test("lists all, as text and for programs", async () => {
    await server("add", "fwmark:7", "192.0.2.21", "--upper", "100", "--tunnel", "gue:6080");
    const { out } = await server("list");
    expect(out).toContain(
      "fwmark:7        192.0.2.21:0   -     tunnel gue:6080  up          1    100      12    345  200",
    );
    const json = JSON.parse((await server("list", "--json")).out);
    expect(json).toHaveLength(5);
    expect(json.at(-1)).toMatchObject({ service: "fwmark:7", address: "192.0.2.21", upper: 100 });
  });

  test("says what to do when there are none, and when there is no such service", async () => {
    for (const name of [SERVICE, "fwmark:7"]) await world.call("service", "remove", name);
    expect((await server("list")).out).toStartWith("no servers; every member ");
    expect(await server("list", "192.0.2.9:80")).toEqual({
      code: 1,
      out: "",
      err:
        "troop: list servers of 192.0.2.9:80: there is no such service; see them with `troop service list`\n",
    });
  });
});

describe("troop server setup", () => {
  test("prints commands without asking an agent", async () => {
    const { code, out } = await server("setup", "192.0.2.100");
    expect(code).toBe(0);
    expect(out).toContain("\nip address add 192.0.2.100/32 dev lo\n");
    const tunnelled = await server("setup", "192.0.2.100", "--tunnel", "gue:6080,csum");
    expect(tunnelled.out).toContain("reached by tunnel gue:6080,csum. As root:\n");
    expect((await server("setup", "192.0.2.100", "--forward", "tunnel")).out).toContain("tunl0");
    expect((await server("setup", "10.0.0.100", "--forward", "nat")).out).toContain(
      "via 10.0.0.100",
    );
    expect(world.contacted).toEqual([]);
  });

  test.each([
    [
      ["127.0.0.1"],
      'set up a server of 127.0.0.1: "127.0.0.1" cannot be a VIP; choose a free address of the LAN, not a loopback, link-local, multicast or broadcast one',
    ],
    [
      ["192.0.2.100", "--server", "s1"],
      'set up a server of 192.0.2.100: --server "s1" is not an IPv4 or IPv6 address; write the machine\'s own address, without a port',
    ],
    [
      ["192.0.2.100", "--tunnel", "gre,csum"],
      "set up a server of 192.0.2.100: a GRE device that expects checksums is bound to the server's own address; give it with --server",
    ],
    [
      ["192.0.2.100", "--tunnel", "gre", "--server", "2001:db8::21"],
      "set up a server of 192.0.2.100: Linux does not take IPv4 packets out of GRE over IPv6; use ipip or gue",
    ],
  ])("refuses %j", async (argv, line) => {
    expect(await server("setup", ...argv)).toEqual({ code: 2, out: "", err: `troop: ${line}\n` });
  });
});
