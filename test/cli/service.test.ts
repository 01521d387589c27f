/** `troop service`: words become a service, and wrong words are refused before anybody is contacted. */
import { beforeEach, describe, expect, test } from "bun:test";
import { checkSchema } from "../../src/core/check.ts";
import { schedulers } from "../../src/core/service.ts";
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
  ])("adds %s", async (_, argv, fields, check) => {
    const { code, err } = await world.call("service", "add", ...argv);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect([...world.operations.services.values()]).toEqual([{
      address: "192.0.2.100",
      port: 80,
      protocol: "tcp",
      scheduler: "wlc",
      forwarding: "dr",
      ...fields,
      check: checkSchema.parse(check),
    } as never]);
  });

  const VIP = "192.0.2.100:80";
  test.each([
    [
      ["192.0.2.300:80"],
      'add service 192.0.2.300:80: "192.0.2.300:80" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp or [2001:db8::100]:80',
    ],
    [
      ["192.0.2.100"],
      'add service 192.0.2.100: "192.0.2.100" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp or [2001:db8::100]:80',
    ],
    [
      ["192.0.2.100:80/sctp"],
      'add service 192.0.2.100:80/sctp: "192.0.2.100:80/sctp" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp or [2001:db8::100]:80',
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
      [VIP, "--forward", "nat"],
      `add service ${VIP}: forwarding method "nat" is not known; use one of dr`,
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
      'remove service x: "x" is not VIP:PORT; write for example 192.0.2.100:80, 192.0.2.100:53/udp or [2001:db8::100]:80',
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
