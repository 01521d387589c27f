/** `troop service add`: what is refused, and in which words, before anybody is contacted. */
import { beforeEach, describe, expect, test } from "bun:test";
import { checkKinds } from "../../src/core/check.ts";
import { schedulers } from "../../src/core/service/service.ts";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

describe("troop service add", () => {
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
      [VIP, "--check", "gopher://x"],
      `add service ${VIP}: "gopher://x" is not a check: write KIND://[HOST][:PORT][/PATH] or none; kinds are ${
        checkKinds.join(", ")
      }; see \`troop check kinds\``,
    ],
    [
      [VIP, "--check", "tcp://:80", "--expect", "x"],
      `add service ${VIP}: --expect needs a check that looks at an answer; give --check http://:PORT/PATH or https://HOST/PATH with it`,
    ],
    [
      [VIP, "--expect", "x"],
      `add service ${VIP}: --expect needs a check that looks at an answer; give --check http://:PORT/PATH or https://HOST/PATH with it`,
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
      'add service fwmark:1: --ports "80" is not PROTOCOL/PORT; write for example tcp/80,443,udp/5000-5100, or none',
    ],
    [
      ["fwmark:1", "--vip", "192.0.2.100", "--ports", "tcp/90-80"],
      'add service fwmark:1: --ports "tcp/90-80" is not PROTOCOL/PORT; write for example tcp/80,443,udp/5000-5100, or none',
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
