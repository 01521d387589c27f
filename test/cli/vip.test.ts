/** `troop vip`: what is said of VIPs, and how they are listed. */
import { beforeEach, describe, expect, test } from "bun:test";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

function vip(...argv: string[]) {
  return world.call("vip", ...argv);
}

describe("troop vip add and set", () => {
  test.each([
    [[], {}],
    [["--interface", "eth1", "--label", "eth1:1"], { interface: "eth1", label: "1" }],
    [["--label", "1"], { label: "1" }],
    [["--label", "eth0:web"], { label: "web" }],
    [["--group", "web"], { group: "web" }],
    [["--prefer", "n1,n2", "--failback"], { prefer: ["n1", "n2"], failbackS: 30 }],
    [["--prefer", "n2", "--failback", "5m"], { prefer: ["n2"], failbackS: 300 }],
    [["--prefer", "n2", "--failback", "0"], { prefer: ["n2"], failbackS: 0 }],
  ])("adds with %j", async (options, expected) => {
    expect(await vip("add", "192.0.2.100", ...options)).toEqual({
      code: 0,
      out: "VIP 192.0.2.100 added\n",
      err: "",
    });
    expect(world.operations.vips.get("192.0.2.100")).toEqual(expected);
  });

  test("changes only what is named, and takes things back", async () => {
    await vip("add", "2001:DB8::100", "--group", "web", "--prefer", "n1", "--failback");
    await vip("set", "2001:db8::100", "--no-failback", "--interface", "eth1");
    expect(world.operations.vips.get("2001:db8::100")).toEqual({
      group: "web",
      prefer: ["n1"],
      failbackS: null,
      interface: "eth1",
    });
    await vip("set", "2001:db8::100", "--no-group", "--no-prefer", "--no-interface", "--no-label");
    expect(world.operations.vips.get("2001:db8::100")).toEqual({
      group: null,
      prefer: [],
      failbackS: null,
      interface: null,
      label: null,
    });
  });

  const ADD = "add VIP 192.0.2.100";
  test.each([
    [
      ["add", "192.0.2.100:80"],
      'add VIP 192.0.2.100:80: "192.0.2.100:80" is not an IPv4 or IPv6 address; write the VIP without a port, as `troop status` shows it',
    ],
    [
      ["add", "224.0.0.1"],
      'add VIP 224.0.0.1: "224.0.0.1" cannot be a VIP; choose a free address of the LAN, not a loopback, link-local, multicast or broadcast one',
    ],
    [
      ["add", "192.0.2.100", "--failback"],
      `${ADD}: --failback needs nodes to go back to; name them with --prefer, best first`,
    ],
    [
      ["add", "192.0.2.100", "--prefer", "n1", "--failback", "2d"],
      `${ADD}: --failback "2d" is not a time in whole seconds; write for example 300, 30s or 5m`,
    ],
    [
      ["add", "192.0.2.100", "--prefer", "n1", "--failback", "25h"],
      `${ADD}: --failback "25h" is out of range; use 0 to 86400 seconds`,
    ],
    [
      ["add", "192.0.2.100", "--prefer", "n1,n1"],
      `${ADD}: --prefer names "n1" twice; name each node once`,
    ],
    [
      ["add", "192.0.2.100", "--prefer", "n1,-"],
      `${ADD}: --prefer "-" is not a name of a node; see \`troop status\``,
    ],
    [
      ["add", "192.0.2.100", "--interface", "eth1", "--label", "eth0:1"],
      `${ADD}: --label "eth0:1" is a label of eth0, not of eth1; name the same interface twice, or only what stands behind the colon`,
    ],
    [
      ["add", "2001:db8::100", "--label", "1"],
      "add VIP 2001:db8::100: only IPv4 addresses have labels; leave --label out",
    ],
    [
      ["set", "192.0.2.100"],
      "change VIP 192.0.2.100: no change is named; see `troop vip set --help`",
    ],
    [
      ["remove", "n1"],
      'remove VIP n1: "n1" is not an IPv4 or IPv6 address; write the VIP without a port, as `troop status` shows it',
    ],
  ])("refuses %j before anybody is contacted", async (argv, line) => {
    expect(await vip(...argv)).toEqual({ code: 2, out: "", err: `troop: ${line}\n` });
    expect(world.contacted).toEqual([]);
  });

  test.each([
    ["--interface", "interface-with-a-long-name"],
    ["--group", "a group"],
    ["--label", "a b"],
  ])("refuses %s %j", async (option, value) => {
    const { code, err } = await vip("add", "192.0.2.100", option, value);
    expect(code).toBe(2);
    expect(err).toStartWith(`troop: ${ADD}: ${option}: `);
    expect(world.contacted).toEqual([]);
  });
});

describe("troop vip remove and list", () => {
  test("removes, and hands on the agent's refusal", async () => {
    await vip("add", "10.0.0.100");
    expect((await vip("remove", "10.0.0.100")).out).toBe("VIP 10.0.0.100 removed\n");
    expect((await vip("remove", "10.0.0.100")).code).toBe(1);
  });

  test("shows groups, preferences and labels only where there are some", async () => {
    expect((await vip("list")).out).toBe(
      "no VIPs yet; a service brings its own: `troop service add VIP:PORT`\n",
    );
    await vip("add", "192.0.2.100");
    expect((await vip("list")).out).toBe(
      `VIP          HOLDER  INTERFACE  EPOCH  WHY
192.0.2.100  n1      eth0           1  the live incumbent stays
`,
    );
    await vip("add", "10.0.0.100", "--group", "web", "--label", "1", "--prefer", "n1,n2");
    await vip("add", "10.0.0.101", "--prefer", "n2", "--failback");
    expect((await vip("list")).out).toBe(
      `VIP          HOLDER  INTERFACE  GROUP  PREFER              EPOCH  WHY
192.0.2.100  n1      eth0       -      -                       3  the live incumbent stays
10.0.0.100   n1      eth0:1     web    n1,n2                   3  the live incumbent stays
10.0.0.101   n1      eth0       -      n2 back after 30 s      3  the live incumbent stays
`,
    );
    expect(JSON.parse((await vip("list", "--json")).out)).toEqual(
      (await world.operations.status()).vips,
    );
  });
});
