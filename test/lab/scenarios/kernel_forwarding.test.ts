/**
 * What the program relies on in the kernel, without the program: `ipvsadm` and `ip` alone make each
 * forwarding method work for both families, with exactly the receiving setup written here, and packets
 * go the way each method promises. When a scenario of the program fails and this one passes, the program
 * is to blame.
 */
import { expect } from "bun:test";
import { Capture } from "../capture.ts";
import { inBrackets } from "../client_common.ts";
import { fetchNames } from "../fetch.ts";
import type { Family, Host } from "../host.ts";
import type { Lab } from "../lab.ts";
import { scenario } from "../scenario.ts";
import { wrongPaths } from "../path.ts";
import { gatewayOf, oneTier, twoTier, vipOf } from "../topologies.ts";
import { startWebServer } from "../web_server.ts";
import { GUE_PORT, readWire, type WirePacket, type Wrapping } from "../wire.ts";

const families: readonly Family[] = ["ipv4", "ipv6"];
const REQUESTS = 4;

/** A way to forward without changing the destination: the server's row, and how its packets look. */
interface Method {
  readonly name: string;
  readonly options: readonly string[];
  readonly wrapping: Wrapping;
}

const gue = ["-i", "--tun-type", "gue", "--tun-port", String(GUE_PORT)];
const methods: readonly Method[] = [
  { name: "dr", options: ["-g"], wrapping: "none" },
  { name: "ipip", options: ["-i", "--tun-type", "ipip"], wrapping: "ipip" },
  { name: "gue", options: [...gue, "--tun-nocsum"], wrapping: "gue" },
  { name: "gue with checksum", options: [...gue, "--tun-csum"], wrapping: "gue" },
  { name: "gue, remote checksum", options: [...gue, "--tun-remcsum"], wrapping: "gue" },
  { name: "gre", options: ["-i", "--tun-type", "gre", "--tun-nocsum"], wrapping: "gre" },
];

scenario(
  "the kernel forwards by direct routing and every tunnel, and replies bypass the director",
  { slug: "kernel-direct", hosts: oneTier },
  async (lab) => {
    const servers = [lab.host("s1"), lab.host("s2")];
    const director = lab.host("d1");
    await loadModules(director);
    await Promise.all(servers.map((server) => startWebServer(lab, server)));
    await Promise.all(servers.map(receive));
    for (const family of families) {
      await takeVip(director, family);
      for (const method of methods) {
        await balance(director, family, servers, { port: 80, options: method.options });
        const seen = await captureRequests(lab, family);
        const what = `${method.name}, ${family}`;
        const wrong = wrongPaths(seen.packets, {
          vip: vipOf(family),
          director,
          servers,
          forwarded: method.wrapping,
          replies: "servers",
        });
        expect([what, seen.names, wrong]).toEqual([what, ["s1", "s1", "s2", "s2"], []]);
      }
    }
  },
);

scenario(
  "the kernel forwards by NAT between two networks, and replies pass the director",
  { slug: "kernel-nat", hosts: twoTier },
  async (lab) => {
    const servers = [lab.host("s1"), lab.host("s2")];
    const director = lab.host("d1");
    await Promise.all(servers.map((server) => startWebServer(lab, server, [8080])));
    for (const family of families) {
      await takeVip(director, family);
      await takeGateway(director, family);
      await balance(director, family, servers, { port: 8080, options: ["-m"] });
      const seen = await captureRequests(lab, family);
      const wrong = wrongPaths(seen.packets, {
        vip: vipOf(family),
        director,
        servers,
        forwarded: null,
        replies: "director",
      });
      expect([seen.names, wrong]).toEqual([["s1", "s1", "s2", "s2"], []]);
    }
  },
);

/** Tunnel devices come with their modules, into namespaces that there are already too. */
function loadModules(host: Host): Promise<string> {
  return host.script("modprobe -a ipip ip6_tunnel ip_gre ip6_gre fou fou6");
}

/** An IPv6 VIP is deprecated, or its longer prefix would make it the source of all the director sends. */
async function takeVip(director: Host, family: Family): Promise<void> {
  await director.script(
    family === "ipv4"
      ? `ip addr add ${vipOf(family)}/32 dev eth0`
      : `ip addr add ${vipOf(family)}/128 dev eth0 nodad valid_lft 3600 preferred_lft 0`,
  );
}

async function takeGateway(director: Host, family: Family): Promise<void> {
  const suffix = family === "ipv4" ? "/32" : "/128 nodad";
  await director.script(`ip addr add dev eth1 ${gatewayOf(family)}${suffix}`);
}

/**
 * The receiving side of all methods at once. The IPv4 VIP is on the tunnel devices too: without an
 * address the kernel checks what comes out of them as if rp_filter were strict, and drops it.
 */
async function receive(server: Host): Promise<void> {
  await server.script(`
    for name in all lo eth0; do
      echo 1 >/proc/sys/net/ipv4/conf/$name/arp_ignore
      echo 2 >/proc/sys/net/ipv4/conf/$name/arp_announce
    done
    for name in lo tunl0 gre0; do
      ip link set $name up
      ip addr add ${vipOf("ipv4")}/32 dev $name
    done
    ip addr add ${vipOf("ipv6")}/128 dev lo nodad
    ip link set ip6tnl0 up
    ip link set ip6gre0 up
    ip fou add port ${GUE_PORT} gue
    ip fou add port ${GUE_PORT} gue -6`);
}

async function balance(
  director: Host,
  family: Family,
  servers: readonly Host[],
  row: { readonly port: number; readonly options: readonly string[] },
): Promise<void> {
  const service = `${inBrackets(vipOf(family))}:80`;
  const lines = servers.map((server) => {
    const network = server.networks[0]!;
    const target = `${inBrackets(server.addressOn(network, family))}:${row.port}`;
    return `ipvsadm -a -t ${service} -r ${target} ${row.options.join(" ")}`;
  });
  await director.script(["ipvsadm -C", `ipvsadm -A -t ${service} -s rr`, ...lines].join("\n"));
}

/** Makes requests one after another; returns who answered, and what was on the public network. */
async function captureRequests(
  lab: Lab,
  family: Family,
): Promise<{ names: string[]; packets: WirePacket[] }> {
  const capture = await Capture.start(lab.switch, family === "ipv4" ? "ip" : "ip6", "public");
  const names = await fetchNames(lab.host("client"), vipOf(family), { count: REQUESTS });
  const packets = readWire(await capture.end());
  return { names: names.toSorted(), packets };
}
