/** `troop service`: words become a service, and wrong words are refused before anybody is contacted. */
import { beforeEach, describe, expect, test } from "bun:test";
import { checkSchema } from "../../src/core/check.ts";
import { serviceSchema } from "../../src/core/service/service.ts";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

const http80 = { kind: "http", port: 80, path: "/index.html" };

describe("troop service add", () => {
  test.each([
    ["a TCP service with a TCP check", ["192.0.2.100:80"], {}, { kind: "tcp", port: null }],
    ["a UDP service without a check", ["192.0.2.100:53/udp"], { port: 53, protocol: "udp" }, {
      kind: "none",
      port: null,
    }],
    ["IPv6", ["[2001:DB8:0::100]:80"], { address: "2001:db8::100" }, { kind: "tcp", port: null }],
    ["a scheduler", ["192.0.2.100:80", "--scheduler", "mh"], { scheduler: "mh" }, {
      kind: "tcp",
      port: null,
    }],
    ["direct routing by name", ["192.0.2.100:80", "--forward", "dr"], {}, {
      kind: "tcp",
      port: null,
    }],
    ["a page", ["192.0.2.100:80", "--check", "http://:80/index.html"], {}, http80],
    [
      "a page with text",
      ["192.0.2.100:80", "--check", "http://:80/index.html", "--expect", "Test Page"],
      {},
      { ...http80, expect: "Test Page" },
    ],
    [
      "an interval, which is the timeout too",
      ["192.0.2.100:80", "--check", "http://:80/index.html", "--interval", "500ms"],
      {},
      { ...http80, intervalMs: 500, timeoutMs: 500 },
    ],
    ["interval and timeout", ["192.0.2.100:80", "--interval", "1m", "--timeout", "2s"], {}, {
      kind: "tcp",
      port: null,
      intervalMs: 60_000,
      timeoutMs: 2_000,
    }],
    ["a check of another port", ["192.0.2.100:53/udp", "--check", "tcp://:53"], {
      port: 53,
      protocol: "udp",
    }, { kind: "tcp", port: 53 }],
    ["no check", ["192.0.2.100:80", "--check", "none"], {}, { kind: "none", port: null }],
    [
      "a page of a host",
      ["192.0.2.100:443", "--check", "https://www.example.org/"],
      { port: 443 },
      { kind: "https", port: null, host: "www.example.org" },
    ],
    ["SCTP without a check", ["192.0.2.100:36412/sctp"], { port: 36412, protocol: "sctp" }, {
      kind: "none",
      port: null,
    }],
    [
      "every port, persistent and without a check",
      ["192.0.2.100:0", "--persistent"],
      { port: 0, persistence: { timeoutS: 360, prefixLength: null, engine: null } },
      { kind: "none", port: null },
    ],
    [
      "persistence with its time, netmask and engine",
      ["192.0.2.100:5060/udp", "--persistent", "5m", "--netmask", "255.255.255.0", "--pe", "sip"],
      {
        port: 5060,
        protocol: "udp",
        persistence: { timeoutS: 300, prefixLength: 24, engine: "sip" },
      },
      { kind: "none", port: null },
    ],
    [
      "bare seconds and an IPv6 prefix length",
      ["[2001:db8::100]:80", "--persistent", "90", "--netmask", "64"],
      {
        address: "2001:db8::100",
        persistence: { timeoutS: 90, prefixLength: 64, engine: null },
      },
      { kind: "tcp", port: null },
    ],
    [
      "flags by their names, in the kernel's order, each once",
      ["192.0.2.100:80", "--scheduler", "sh", "--flags", "sh-port,sh-fallback,sh-port"],
      { scheduler: "sh", flags: ["flag-1", "flag-2"] },
      { kind: "tcp", port: null },
    ],
    ["one-packet scheduling", ["192.0.2.100:53/udp", "--ops"], {
      port: 53,
      protocol: "udp",
      onePacket: true,
    }, { kind: "none", port: null }],
    [
      "NAT with another port on the servers",
      ["192.0.2.100:80", "--forward", "nat", "--server-port", "8080"],
      { forwarding: "nat", serverPort: 8080 },
      { kind: "tcp", port: null },
    ],
    ["a tunnel by the method", ["192.0.2.100:80", "--forward", "tunnel"], {
      forwarding: "tunnel",
      tunnel: { kind: "ipip", port: 0, checksum: "none" },
    }, { kind: "tcp", port: null }],
    ["a tunnel by its kind alone", ["192.0.2.100:80", "--tunnel", "gue:6080,remcsum"], {
      forwarding: "tunnel",
      tunnel: { kind: "gue", port: 6080, checksum: "remcsum" },
    }, { kind: "tcp", port: null }],
    [
      "weight and thresholds, for servers entered by hand only",
      ["192.0.2.100:80", "--weight", "3", "--upper", "100", "--lower", "80", "--no-members"],
      { weight: 3, upper: 100, lower: 80, members: false },
      { kind: "tcp", port: null },
    ],
  ])("adds %s", async (_, argv, fields, check) => {
    const { code, err } = await world.call("service", "add", ...argv);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect([...world.operations.services.values()]).toEqual([
      serviceSchema.parse({
        address: "192.0.2.100",
        port: 80,
        protocol: "tcp",
        scheduler: "wlc",
        forwarding: "dr",
        ...fields,
        check: checkSchema.parse(check),
      }),
    ]);
  });

  test.each([
    [
      "somebody else's mark, without a check",
      ["fwmark:7", "--vip", "192.0.2.100"],
      { mark: 7, ports: [] },
      { kind: "none", port: null },
    ],
    [
      "ports that troop marks, checked by the first one; a bare port has the protocol before it",
      ["fwmark:7", "--vip", "192.0.2.100,192.0.2.101", "--ports", "tcp/80,443,udp/5000-5100,5200"],
      {
        mark: 7,
        vips: ["192.0.2.100", "192.0.2.101"],
        ports: [
          { protocol: "tcp", first: 80, last: 80 },
          { protocol: "tcp", first: 443, last: 443 },
          { protocol: "udp", first: 5000, last: 5100 },
          { protocol: "udp", first: 5200, last: 5200 },
        ],
      },
      { kind: "tcp", port: 80 },
    ],
    [
      "UDP first, without a check",
      ["fwmark:7", "--vip", "192.0.2.100", "--ports", "udp/53,tcp/53"],
      {
        mark: 7,
        ports: [
          { protocol: "udp", first: 53, last: 53 },
          { protocol: "tcp", first: 53, last: 53 },
        ],
      },
      { kind: "none", port: null },
    ],
    [
      "an IPv6 mark with a check of a page",
      ["fwmark6:4294967295", "--vip", "2001:DB8::100", "--check", "http://:80/"],
      { family: 6, mark: 4_294_967_295, vips: ["2001:db8::100"] },
      { kind: "http", port: 80 },
    ],
  ])("adds a mark service: %s", async (_, argv, fields, check) => {
    const { code, err } = await world.call("service", "add", ...argv);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect([...world.operations.services.values()]).toEqual([
      serviceSchema.parse({
        protocol: "fwm",
        family: 4,
        vips: ["192.0.2.100"],
        scheduler: "wlc",
        forwarding: "dr",
        ...fields,
        check: checkSchema.parse(check),
      }),
    ]);
  });
});

describe("troop service remove and list", () => {
  test("removes by the name it was added with", async () => {
    await world.call("service", "add", "192.0.2.100:53/udp");
    await world.call("service", "add", "192.0.2.100:53");
    expect(await world.call("service", "remove", "192.0.2.100:53/udp")).toEqual({
      code: 0,
      out: "service 192.0.2.100:53/udp removed\n",
      err: "",
    });
    const { out } = await world.call("service", "list", "--json");
    expect(JSON.parse(out)).toMatchObject([{ port: 53, protocol: "tcp" }]);
  });

  test.each([
    [
      ["remove", "x"],
      2,
      'remove service x: "x" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp, [2001:db8::100]:80 or fwmark:1',
    ],
    [
      ["remove", "192.0.2.9:80"],
      1,
      "remove service 192.0.2.9:80: there is no such service; see them with `troop service list`",
    ],
  ])("refuses %j", async (argv, code, line) => {
    expect(await world.call("service", ...argv)).toEqual({
      code,
      out: "",
      err: `troop: ${line}\n`,
    });
  });

  test("lists a table, and says how to begin when there is nothing", async () => {
    expect((await world.call("service", "list")).out).toBe(
      "no services yet; add one with `troop service add VIP:PORT`\n",
    );
    await world.call("service", "add", "192.0.2.100:80", "--check", "http://:80/");
    world.operations.down.set("192.0.2.100:80 n2", "connection refused");
    expect((await world.call("service", "list")).out).toBe(
      `SERVICE / SERVER  NODE  STATE  WEIGHT  ACTIVE  INACT  WHY
192.0.2.100:80  1 of 2 up  wlc dr  check http://:80/
  192.0.2.11:80   n1    up          1      12    345  200 in 3 ms
  192.0.2.12:80   n2    DOWN        0      12    345  connection refused
`,
    );
  });
});
