/**
 * What a plain Linux machine needs to be a real server of a VIP: the commands, why, and their undo.
 *
 * Each was tried on a kernel (6.1): what is here is what it took, no more. Machines that run an agent need none of it.
 */
import { hostPrefixLength, type Ip, ipFamily } from "../address.ts";
import { formatTunnel, type Forwarding, type Tunnel } from "../service/forwarding.ts";
import { tunnelDevice } from "./receiving.ts";

/** The server that is to be. */
export interface ServerPlan {
  /** With nat: the VIP that is the servers' gateway. */
  readonly vip: Ip;
  readonly forwarding: Forwarding;
  /** Not null exactly when the method is tunnel. */
  readonly tunnel: Tunnel | null;
  /** The server's own address, to which the tunnel leads; null: one of the VIP's family. */
  readonly server: Ip | null;
}

/** Commands that belong together. */
export interface SetupStep {
  readonly why: string;
  readonly commands: readonly string[];
  /** Commands that take it back; empty where nothing is left behind. */
  readonly undo: readonly string[];
}

/** The modules that bring the devices; the kernel makes the devices with them. */
const deviceModules = {
  tunl0: "ipip",
  sit0: "sit",
  ip6tnl0: "ip6_tunnel",
  gre0: "ip_gre",
  ip6gre0: "ip6_gre",
} as const;

/** The steps, in order; or in words why this cannot be. */
export function serverSetup(plan: ServerPlan): SetupStep[] | string {
  const { vip, forwarding, tunnel } = plan;
  if (forwarding === "nat") return [gatewayStep(vip)];
  if (tunnel === null) return [...arpSteps(vip), addressStep(vip, "lo")];
  const inner = ipFamily(vip);
  const outer = ipFamily(plan.server ?? vip);
  if (tunnel.kind === "gre" && inner === 4 && outer === 6) {
    return "Linux does not take IPv4 packets out of GRE over IPv6";
  }
  if (isCheckedGre(tunnel) && plan.server === null) {
    return "a GRE device that expects checksums is bound to the server's own address";
  }
  const device = deviceOf(plan, tunnel, { outer, inner });
  // An IPv4 packet whose device has no IPv4 address is dropped as soon as rp_filter is not 0, also by the loose filter
  // (fib_validate_source): the VIP on the device itself spares switching the filter off everywhere.
  const place = inner === 4 ? device.name : "lo";
  return [
    ...(tunnel.kind === "gue" ? [gueStep(tunnel, outer)] : []),
    device.step,
    ...(inner === 4 ? [filterStep(device.name)] : []),
    ...arpSteps(vip),
    addressStep(vip, place),
  ];
}

function gatewayStep(vip: Ip): SetupStep {
  const ip = ipFamily(vip) === 6 ? "ip -6" : "ip";
  return {
    why: "Replies go back through the node that holds the VIP, which puts the VIP's address in.",
    commands: [`${ip} route replace default via ${vip}`],
    undo: [],
  };
}

/** IPv6 needs nothing of the kind: a node does not answer neighbour solicitations for an address of another interface. */
function arpSteps(vip: Ip): SetupStep[] {
  if (ipFamily(vip) === 6) return [];
  const names = ["arp_ignore", "arp_announce"].map((name) => `net.ipv4.conf.all.${name}`);
  return [{
    why:
      "The LAN must find the VIP at its holder: no ARP answer, and no ARP question, in its name.",
    commands: [`sysctl -w ${names[0]}=1`, `sysctl -w ${names[1]}=2`],
    undo: names.map((name) => `sysctl -w ${name}=0`),
  }];
}

function addressStep(vip: Ip, device: string): SetupStep {
  const address = `${vip}/${hostPrefixLength(vip)} dev ${device}`;
  const isIpv6 = ipFamily(vip) === 6;
  return {
    why: "Packets come with the VIP as destination, so it must be an address of this machine.",
    commands: [`ip address add ${address}${isIpv6 ? " nodad" : ""}`],
    undo: [`ip address delete ${address}`],
  };
}

function gueStep({ port }: Tunnel, outer: 4 | 6): SetupStep {
  const flag = outer === 6 ? " -6" : "";
  return {
    why: `Take the UDP header of GUE off what arrives on port ${port}.`,
    commands: [`modprobe ${outer === 6 ? "fou6" : "fou"}`, `ip fou add port ${port} gue${flag}`],
    undo: [`ip fou del port ${port}${flag}`],
  };
}

function isCheckedGre(tunnel: Tunnel): boolean {
  return tunnel.kind === "gre" && tunnel.checksum === "csum";
}

interface Device {
  readonly name: string;
  readonly step: SetupStep;
}

function deviceOf(
  { server }: ServerPlan,
  tunnel: Tunnel,
  families: { readonly outer: 4 | 6; readonly inner: 4 | 6 },
): Device {
  if (isCheckedGre(tunnel) && server !== null) return checkedGre(server);
  const name = tunnelDevice(tunnel, families);
  // By itself ip6tnl0 takes IPv6 only.
  const widen = name === "ip6tnl0" && families.inner === 4;
  const mode = (value: string) => widen ? [`ip -6 tunnel change ${name} mode ${value}`] : [];
  return {
    name,
    step: {
      why: `Unwrap what arrives: the kernel's own device ${name} takes it from every sender.`,
      commands: [`modprobe ${deviceModules[name]}`, ...mode("any"), `ip link set ${name} up`],
      undo: [`ip link set ${name} down`, ...mode("ip6ip6")],
    },
  };
}

/** The kernel's own GRE devices drop packets with a checksum: what a device expects must be what arrives. */
function checkedGre(server: Ip): Device {
  const isIpv6 = ipFamily(server) === 6;
  const name = isIpv6 ? "gre6csum" : "grecsum";
  const add = isIpv6
    ? `ip link add ${name} type ip6gre local ${server} icsum`
    : `ip tunnel add ${name} mode gre local ${server} icsum`;
  return {
    name,
    step: {
      why: "Unwrap what arrives, by a device that expects checksums; others do not take it.",
      commands: [`modprobe ${isIpv6 ? "ip6_gre" : "ip_gre"}`, add, `ip link set ${name} up`],
      undo: [`ip link delete ${name}`],
    },
  };
}

function filterStep(device: string): SetupStep {
  return {
    why: "Clients are reached by another device than their packets come from: filter loosely.",
    commands: [`sysctl -w net.ipv4.conf.${device}.rp_filter=2`],
    undo: [],
  };
}

/** The whole as text for a shell. The undo is commented out, so that all of it may be pasted. */
export function setupText(plan: ServerPlan, steps: readonly SetupStep[]): string {
  const { vip, forwarding, tunnel } = plan;
  const method = tunnel === null ? forwarding : `tunnel ${formatTunnel(tunnel)}`;
  if (forwarding === "nat") return gatewayText(vip, steps);
  const undo = steps.toReversed().flatMap((step) => step.undo);
  return [
    `# Makes this machine a real server of VIP ${vip}, reached by ${method}. As root:`,
    ...steps.flatMap(({ why, commands }) => ["", `# ${why}`, ...commands]),
    "",
    `# The server's daemon must listen on all addresses, or on ${vip}.`,
    "# A reboot forgets all this. To undo it (where another service does not need it):",
    ...undo.map((command) => `#   ${command}`),
    "",
  ].join("\n");
}

function gatewayText(vip: Ip, steps: readonly SetupStep[]): string {
  return [
    "# With nat a real server needs nothing but its default route: no VIP, no switches.",
    `# ${vip} must be a VIP on the server's own network, in one group with the service's VIP,`,
    "# so that both move together. As root:",
    ...steps.flatMap(({ why, commands }) => ["", `# ${why}`, ...commands]),
    "",
    "# To undo it, replace the route by the one it had (`ip route show default` before).",
    "",
  ].join("\n");
}
