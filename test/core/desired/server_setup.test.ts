import { describe, expect, test } from "bun:test";
import { IPIP, type Tunnel } from "../../../src/core/service/forwarding.ts";
import {
  type ServerPlan,
  serverSetup,
  type SetupStep,
  setupText,
} from "../../../src/core/desired/server_setup.ts";

const V4 = "192.0.2.100";
const V6 = "2001:db8::100";
const gue = { kind: "gue", port: 6080, checksum: "csum" } as const;
const gre = { kind: "gre", port: 0, checksum: "none" } as const;
const greCsum = { kind: "gre", port: 0, checksum: "csum" } as const;

function plan(vip: string, tunnel: Tunnel | null, server: string | null = null): ServerPlan {
  return { vip, forwarding: tunnel === null ? "dr" : "tunnel", tunnel, server };
}

function stepsOf(wanted: ServerPlan): SetupStep[] {
  const steps = serverSetup(wanted);
  if (typeof steps === "string") throw new Error(steps);
  return steps;
}

const arp = [
  "sysctl -w net.ipv4.conf.all.arp_ignore=1",
  "sysctl -w net.ipv4.conf.all.arp_announce=2",
];
const onDevice = (device: string) => [
  `sysctl -w net.ipv4.conf.${device}.rp_filter=2`,
  ...arp,
  `ip address add ${V4}/32 dev ${device}`,
];

describe("serverSetup", () => {
  test.each<[string, ServerPlan, string[]]>([
    ["direct routing", plan(V4, null), [...arp, `ip address add ${V4}/32 dev lo`]],
    ["direct routing of IPv6", plan(V6, null), [`ip address add ${V6}/128 dev lo nodad`]],
    ["IPv4 in IPv4", plan(V4, IPIP), [
      "modprobe ipip",
      "ip link set tunl0 up",
      ...onDevice("tunl0"),
    ]],
    ["IPv6 in IPv6", plan(V6, IPIP), [
      "modprobe ip6_tunnel",
      "ip link set ip6tnl0 up",
      `ip address add ${V6}/128 dev lo nodad`,
    ]],
    ["IPv6 in IPv4", plan(V6, IPIP, "192.0.2.21"), [
      "modprobe sit",
      "ip link set sit0 up",
      `ip address add ${V6}/128 dev lo nodad`,
    ]],
    ["IPv4 in IPv6, which ip6tnl0 must be told", plan(V4, IPIP, "2001:db8::21"), [
      "modprobe ip6_tunnel",
      "ip -6 tunnel change ip6tnl0 mode any",
      "ip link set ip6tnl0 up",
      ...onDevice("ip6tnl0"),
    ]],
    ["GUE over IPv4", plan(V4, gue), [
      "modprobe fou",
      "ip fou add port 6080 gue",
      "modprobe ipip",
      "ip link set tunl0 up",
      ...onDevice("tunl0"),
    ]],
    ["GUE over IPv6", plan(V6, gue), [
      "modprobe fou6",
      "ip fou add port 6080 gue -6",
      "modprobe ip6_tunnel",
      "ip link set ip6tnl0 up",
      `ip address add ${V6}/128 dev lo nodad`,
    ]],
    ["GRE", plan(V4, gre), ["modprobe ip_gre", "ip link set gre0 up", ...onDevice("gre0")]],
    ["IPv6 in GRE over IPv4", plan(V6, gre, "192.0.2.21"), [
      "modprobe ip_gre",
      "ip link set gre0 up",
      `ip address add ${V6}/128 dev lo nodad`,
    ]],
    ["GRE with checksums", plan(V4, greCsum, "192.0.2.21"), [
      "modprobe ip_gre",
      "ip tunnel add grecsum mode gre local 192.0.2.21 icsum",
      "ip link set grecsum up",
      ...onDevice("grecsum"),
    ]],
    ["GRE with checksums over IPv6", plan(V6, greCsum, "2001:db8::21"), [
      "modprobe ip6_gre",
      "ip link add gre6csum type ip6gre local 2001:db8::21 icsum",
      "ip link set gre6csum up",
      `ip address add ${V6}/128 dev lo nodad`,
    ]],
    ["NAT", { ...plan(V4, null), forwarding: "nat" }, [`ip route replace default via ${V4}`]],
    ["NAT of IPv6", { ...plan(V6, null), forwarding: "nat" }, [
      `ip -6 route replace default via ${V6}`,
    ]],
  ])("%s", (_, wanted, commands) => {
    expect(stepsOf(wanted).flatMap((step) => step.commands)).toEqual(commands);
  });

  test("the VIP gets an address only after ARP for it is silenced", () => {
    for (const wanted of [plan(V4, null), plan(V4, IPIP), plan(V4, gre)]) {
      const commands = stepsOf(wanted).flatMap((step) => step.commands);
      const address = commands.findIndex((command) => command.startsWith("ip address add"));
      expect(commands.findIndex((command) => command.includes("arp_announce"))).toBeLessThan(
        address,
      );
    }
  });

  test.each([
    [plan(V4, greCsum), "a GRE device that expects checksums is bound to the server's own address"],
    [plan(V4, gre, "2001:db8::21"), "Linux does not take IPv4 packets out of GRE over IPv6"],
  ])("refuses what cannot be: %j", (wanted, problem) => {
    expect(serverSetup(wanted)).toBe(problem);
  });
});

describe("setupText", () => {
  const commandsIn = (text: string) =>
    text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

  test("may be pasted whole: only the setup is not commented out", () => {
    for (const wanted of [plan(V4, null), plan(V6, gue), plan(V4, greCsum, "192.0.2.21")]) {
      const steps = stepsOf(wanted);
      expect(commandsIn(setupText(wanted, steps))).toEqual(steps.flatMap((step) => step.commands));
    }
  });

  test("has the undo below, in the opposite order", () => {
    const wanted = plan(V4, gue);
    expect(setupText(wanted, stepsOf(wanted)).split("\n").filter((line) => line.startsWith("#   ")))
      .toEqual([
        `#   ip address delete ${V4}/32 dev tunl0`,
        "#   sysctl -w net.ipv4.conf.all.arp_ignore=0",
        "#   sysctl -w net.ipv4.conf.all.arp_announce=0",
        "#   ip link set tunl0 down",
        "#   ip fou del port 6080",
      ]);
  });

  test("says of NAT that nothing else is needed", () => {
    const wanted: ServerPlan = { ...plan("10.0.0.100", null), forwarding: "nat" };
    expect(setupText(wanted, stepsOf(wanted))).toBe(
      `# With nat a real server needs nothing but its default route: no VIP, no switches.
# 10.0.0.100 must be a VIP on the server's own network, in one group with the service's VIP,
# so that both move together. As root:

# Replies go back through the node that holds the VIP, which puts the VIP's address in.
ip route replace default via 10.0.0.100

# To undo it, replace the route by the one it had (\`ip route show default\` before).
`,
    );
  });
});
