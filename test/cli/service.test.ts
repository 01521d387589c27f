/** `troop service`: words become a service, and wrong words are refused before anybody is contacted. */
import { beforeEach, describe, expect, test } from "bun:test";
import { checkSchema } from "../../src/core/check.ts";
import { schedulers, serviceSchema } from "../../src/core/service.ts";
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
      "ports that troop marks, checked by the first one",
      ["fwmark:7", "--vip", "192.0.2.100,192.0.2.101", "--ports", "tcp/80,tcp/443,udp/5000-5100"],
      {
        mark: 7,
        vips: ["192.0.2.100", "192.0.2.101"],
        ports: [
          { protocol: "tcp", first: 80, last: 80 },
          { protocol: "tcp", first: 443, last: 443 },
          { protocol: "udp", first: 5000, last: 5100 },
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

  const VIP = "192.0.2.100:80";
  test.each([
    [
      ["192.0.2.300:80"],
      'add service 192.0.2.300:80: "192.0.2.300:80" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp, [2001:db8::100]:80 or fwmark:1',
    ],
    [
      ["192.0.2.100"],
      'add service 192.0.2.100: "192.0.2.100" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp, [2001:db8::100]:80 or fwmark:1',
    ],
    [
      ["192.0.2.100:80/dccp"],
      'add service 192.0.2.100:80/dccp: "192.0.2.100:80/dccp" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp, [2001:db8::100]:80 or fwmark:1',
    ],
    [
      ["127.0.0.1:80"],
      'add service 127.0.0.1:80: "127.0.0.1" cannot be a VIP; choose a free address of the LAN, not a loopback, link-local, multicast or broadcast one',
    ],
    [
      ["[fe80::1]:80"],
      'add service [fe80::1]:80: "fe80::1" cannot be a VIP; choose a free address of the LAN, not a loopback, link-local, multicast or broadcast one',
    ],
    [
      [VIP, "--scheduler", "xyz"],
      `add service ${VIP}: scheduler "xyz" is not known; use one of ${schedulers.join(", ")}`,
    ],
    [
      [VIP, "--forward", "bypass"],
      `add service ${VIP}: forwarding method "bypass" is not known; use one of dr, nat, tunnel`,
    ],
    [
      [VIP, "--check", "ftp://x"],
      `add service ${VIP}: "ftp://x" is not a check: write http://[HOST][:PORT]/PATH, https://..., tcp://:PORT or none; see \`troop service add --help\``,
    ],
    [
      [VIP, "--check", "tcp://:80", "--expect", "x"],
      `add service ${VIP}: --expect needs a page to look at; give --check http://:PORT/PATH or https://HOST/PATH with it`,
    ],
    [
      [VIP, "--expect", "x"],
      `add service ${VIP}: --expect needs a page to look at; give --check http://:PORT/PATH or https://HOST/PATH with it`,
    ],
    [
      [VIP, "--interval", "1"],
      `add service ${VIP}: --interval "1" is not a time; write for example 500ms, 1s or 2m`,
    ],
    [
      [VIP, "--interval", "10ms"],
      `add service ${VIP}: --interval "10ms" is out of range; use 100 ms to 1 h`,
    ],
    [
      [VIP, "--timeout", "2h"],
      `add service ${VIP}: --timeout "2h" is out of range; use 100 ms to 1 h`,
    ],
    [
      ["192.0.2.100:0"],
      "add service 192.0.2.100:0: port 0 takes every port, which needs persistence; give --persistent with it",
    ],
    [
      ["192.0.2.100:0", "--persistent", "--check", "tcp://"],
      "add service 192.0.2.100:0: the check must name a port (tcp://:80), for the service has none of its own; see `troop service add --help`",
    ],
    [
      [VIP, "--persistent", "soon"],
      `add service ${VIP}: --persistent "soon" is not a time in whole seconds; write for example 300, 30s or 5m`,
    ],
    [
      [VIP, "--persistent", "0"],
      `add service ${VIP}: --persistent "0" is out of range; use 1 to 2678400 seconds`,
    ],
    [
      [VIP, "--netmask", "24"],
      `add service ${VIP}: --netmask needs persistence; give --persistent with it`,
    ],
    [
      [VIP, "--pe", "sip"],
      `add service ${VIP}: --pe needs persistence; give --persistent with it`,
    ],
    [
      [VIP, "--persistent", "--pe", "sip"],
      `add service ${VIP}: the persistence engine sip reads UDP only; see \`troop service add --help\``,
    ],
    [
      [VIP, "--persistent", "--netmask", "255.0.255.0"],
      `add service ${VIP}: --netmask "255.0.255.0" is no IPv4 netmask; write 1 to 32, or for example 255.255.255.0`,
    ],
    [
      [VIP, "--persistent", "--netmask", "64"],
      `add service ${VIP}: --netmask "64" is no IPv4 netmask; write 1 to 32, or for example 255.255.255.0`,
    ],
    [
      ["[2001:db8::100]:80", "--persistent", "--netmask", "255.255.255.0"],
      'add service [2001:db8::100]:80: --netmask "255.255.255.0" is no IPv6 netmask; write 1 to 128',
    ],
    [
      [VIP, "--flags", "sh-port"],
      `add service ${VIP}: scheduler wlc has no flag "sh-port"; only sh and mh have flags`,
    ],
    [
      [VIP, "--scheduler", "mh", "--flags", "sh-port"],
      `add service ${VIP}: scheduler mh has no flag "sh-port"; it has mh-fallback, mh-port`,
    ],
    [
      [VIP, "--ops"],
      `add service ${VIP}: one-packet scheduling is for UDP and mark services; see \`troop service add --help\``,
    ],
    [
      [VIP, "--forward", "nat", "--tunnel", "ipip"],
      `add service ${VIP}: --tunnel does not go with --forward nat; leave one of them out`,
    ],
    [
      [VIP, "--tunnel", "vxlan"],
      `add service ${VIP}: "vxlan" is not a tunnel: write ipip, gue:PORT or gre, with ,csum, ,nocsum or ,remcsum behind it; for example --tunnel gue:6080 or --tunnel gre,csum`,
    ],
    [
      [VIP, "--server-port", "8080"],
      `add service ${VIP}: only nat can change the port: with direct routing and tunnels the server must listen on the service's own; see \`troop service add --help\``,
    ],
    [
      [VIP, "--server-port", "0"],
      `add service ${VIP}: --server-port "0" is not a number from 1 to 65535; correct it`,
    ],
    [
      [VIP, "--weight", "65536"],
      `add service ${VIP}: --weight "65536" is not a number from 0 to 65535; correct it`,
    ],
    [
      [VIP, "--upper", "10", "--lower", "20"],
      `add service ${VIP}: the lower threshold must not be above the upper one; see \`troop service add --help\``,
    ],
    [
      [VIP, "--vip", "192.0.2.100"],
      `add service ${VIP}: --vip is for mark services: this one has both in its name; leave it out, or name the service fwmark:N`,
    ],
    [
      ["fwmark:0", "--vip", "192.0.2.100"],
      'add service fwmark:0: "fwmark:0" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp, [2001:db8::100]:80 or fwmark:1',
    ],
    [
      ["fwmark:1"],
      "add service fwmark:1: a mark says nothing about where its packets arrive; give the VIPs with --vip",
    ],
    [
      ["fwmark:1", "--vip", "2001:db8::100"],
      "add service fwmark:1: 2001:db8::100 is no IPv4 address; for IPv6 write fwmark6:N; the two families are two services",
    ],
    [
      ["fwmark6:1", "--vip", "192.0.2.100"],
      "add service fwmark6:1: 192.0.2.100 is no IPv6 address; for IPv4 write fwmark:N; the two families are two services",
    ],
    [
      ["fwmark:1", "--vip", "192.0.2.100,"],
      'add service fwmark:1: --vip "192.0.2.100," is not a list; write the items with commas between',
    ],
    [
      ["fwmark:1", "--vip", "192.0.2.100", "--ports", "80"],
      'add service fwmark:1: --ports "80" is not PROTOCOL/PORT; write for example tcp/80,tcp/443,udp/5000-5100, or none',
    ],
    [
      ["fwmark:1", "--vip", "192.0.2.100", "--ports", "tcp/90-80"],
      'add service fwmark:1: --ports "tcp/90-80" is not PROTOCOL/PORT; write for example tcp/80,tcp/443,udp/5000-5100, or none',
    ],
    [
      ["fwmark:1", "--vip", "192.0.2.100", "--check", "tcp://"],
      "add service fwmark:1: the check must name a port (tcp://:80), for the service has none of its own; see `troop service add --help`",
    ],
    [
      ["192.0.2.100:53/udp", "--interval", "1s"],
      "add service 192.0.2.100:53/udp: there is no check to repeat; give --check, or leave --interval out",
    ],
  ])("refuses %j", async (argv, line) => {
    expect(await world.call("service", "add", ...argv)).toEqual({
      code: 2,
      out: "",
      err: `troop: ${line}\n`,
    });
    expect(world.contacted).toEqual([]);
  });

  test("refuses an expression that cannot be used, and one that is too long", async () => {
    const page = [VIP, "--check", "http://:80/", "--expect"];
    const broken = await world.call("service", "add", ...page, "(");
    expect(broken.code).toBe(2);
    expect(broken.err).toStartWith(`troop: add service ${VIP}: "(" is not a regular expression: `);
    const long = await world.call("service", "add", ...page, "x".repeat(1_001));
    expect(long.err).toBe(
      `troop: add service ${VIP}: --expect has 1001 characters; use at most 1000\n`,
    );
  });

  test("hands on the agent's refusal", async () => {
    await world.call("service", "add", VIP);
    expect(await world.call("service", "add", VIP)).toEqual({
      code: 1,
      out: "",
      err: `troop: add service ${VIP}: it exists already; remove it first\n`,
    });
  });
});

describe("troop service set", () => {
  const NAME = "192.0.2.100:80";
  const only = () => [...world.operations.services.values()][0]!;

  beforeEach(async () => {
    const page = ["--check", "http://:80/", "--expect", "ok", "--interval", "2s"];
    await world.call("service", "add", NAME, "--persistent", "60", "--netmask", "24", ...page);
    world.contacted.length = 0;
  });

  test.each<[string[], object]>([
    [["--scheduler", "sh", "--flags", "sh-port"], { scheduler: "sh", flags: ["flag-2"] }],
    [["--persistent"], { persistence: { timeoutS: 360, prefixLength: 24, engine: null } }],
    [["--netmask", "255.255.0.0"], {
      persistence: { timeoutS: 60, prefixLength: 16, engine: null },
    }],
    [["--no-persistent"], { persistence: null }],
    [["--forward", "nat", "--server-port", "8080"], { forwarding: "nat", serverPort: 8_080 }],
    [["--tunnel", "gre"], {
      forwarding: "tunnel",
      tunnel: { kind: "gre", port: 0, checksum: "none" },
    }],
    [["--weight", "9", "--upper", "8", "--lower", "7"], { weight: 9, upper: 8, lower: 7 }],
    [["--no-members"], { members: false }],
  ])("changes with %j nothing else", async (options, expected) => {
    const before = only();
    expect(await world.call("service", "set", NAME, ...options)).toEqual({
      code: 0,
      out: `service ${NAME} changed\n`,
      err: "",
    });
    expect(only()).toEqual({ ...before, ...expected });
  });

  test.each<[string[], object]>([
    [["--interval", "5s"], { intervalMs: 5_000 }],
    [["--timeout", "300ms"], { timeoutMs: 300 }],
    [["--expect", "fine"], { expect: "fine" }],
    [["--no-expect"], { expect: null }],
    [["--check", "https://www.example.org/x"], {
      kind: "https",
      host: "www.example.org",
      port: null,
      path: "/x",
      expect: null,
    }],
    [["--check", "http://:81/y", "--expect", "y"], { port: 81, path: "/y", expect: "y" }],
  ])("changes of the check with %j nothing else", async (options, expected) => {
    const { check } = only();
    expect((await world.call("service", "set", NAME, ...options)).code).toBe(0);
    expect(only().check).toEqual({ ...check, ...expected });
  });

  test("takes everything back", async () => {
    const there = ["--scheduler", "sh", "--flags", "sh-port", "--forward", "nat"];
    await world.call("service", "set", NAME, ...there, "--server-port", "81", "--no-members");
    const back = ["--no-flags", "--no-server-port", "--members", "--no-persistent", "--no-ops"];
    expect((await world.call("service", "set", NAME, ...back)).code).toBe(0);
    expect(only()).toMatchObject({
      flags: [],
      serverPort: null,
      members: true,
      persistence: null,
      onePacket: false,
    });
  });

  test("changes VIPs and ports of a mark service", async () => {
    await world.call("service", "add", "fwmark:7", "--vip", "192.0.2.100", "--ports", "tcp/80");
    const vips = ["--vip", "192.0.2.101,192.0.2.100", "--ports", "none"];
    expect((await world.call("service", "set", "fwmark:7", ...vips)).code).toBe(0);
    expect([...world.operations.services.values()][1]).toMatchObject({
      vips: ["192.0.2.101", "192.0.2.100"],
      ports: [],
    });
  });

  test("hands on what only the agent can know", async () => {
    expect((await world.call("service", "set", "192.0.2.9:80", "--weight", "1")).code).toBe(1);
    expect(await world.call("service", "set", NAME, "--check", "none", "--expect", "x"))
      .toMatchObject({ code: 2 });
    await world.call("service", "set", NAME, "--check", "tcp://");
    expect((await world.call("service", "set", NAME, "--expect", "x")).err).toBe(
      `troop: change service ${NAME}: only a page (http, https) can be expected to have a text; correct it\n`,
    );
    await world.call("service", "set", NAME, "--no-persistent");
    expect((await world.call("service", "set", NAME, "--netmask", "24")).err).toBe(
      `troop: change service ${NAME}: a netmask and a persistence engine need persistence; correct it\n`,
    );
  });

  test.each([
    [[], "no change is named; see `troop service set --help`"],
    [
      ["--flags", "sh-port"],
      "--flags are flags of a scheduler; name it too, for example --scheduler sh --flags sh-port",
    ],
    [
      ["--no-persistent", "--netmask", "24"],
      "--netmask needs persistence; give --persistent with it",
    ],
    [
      ["--ports", "tcp/80"],
      "--ports is for mark services: this one has both in its name; leave it out, or name the service fwmark:N",
    ],
    [["--pe", "dns"], 'persistence engine "dns" is not known; use one of sip'],
    [
      ["--check", "tcp://:80", "--expect", "x"],
      "--expect needs a page to look at; give --check http://:PORT/PATH or https://HOST/PATH with it",
    ],
  ])("refuses %j before anybody is contacted", async (options, line) => {
    expect(await world.call("service", "set", NAME, ...options)).toEqual({
      code: 2,
      out: "",
      err: `troop: change service ${NAME}: ${line}\n`,
    });
    expect(world.contacted).toEqual([]);
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
