/**
 * Forwarding methods as operators ask for them, each with the topology it is for: a web service of a method, on
 * servers without an agent.
 */
import { inBrackets } from "./client_common.ts";
import { addServers, setUpServer } from "./directors.ts";
import type { Family, Host } from "./host.ts";
import type { HostPlan, Lab } from "./lab.ts";
import { gatewayOf, oneTier, twoTier, vipOf } from "./topologies.ts";
import type { TroopNode } from "./troop.ts";
import { startWebServer } from "./web_server.ts";
import { GUE_PORT, type Wrapping } from "./wire.ts";

/** The port the servers of a NAT service listen on: another than the service's, to prove that it is changed. */
const NAT_PORT = 8080;

/** A way to forward. */
export interface Method {
  readonly name: string;
  /** Options of the service. */
  readonly words: readonly string[];
  /** How a forwarded packet is wrapped; null where it is not known by its wrapping. */
  readonly forwarded: Wrapping | null;
}

/** All of them. */
export const methods: readonly Method[] = [
  { name: "dr", words: ["--forward", "dr"], forwarded: "none" },
  { name: "nat", words: ["--forward", "nat"], forwarded: null },
  { name: "ipip", words: ["--tunnel", "ipip"], forwarded: "ipip" },
  { name: "gue", words: ["--tunnel", `gue:${GUE_PORT}`], forwarded: "gue" },
  { name: "gre", words: ["--tunnel", "gre"], forwarded: "gre" },
];

/** The machines a method is tried on. */
export function hostsFor({ name }: Method): readonly HostPlan[] {
  return name === "nat" ? twoTier : oneTier;
}

/** Makes a machine a real server for the VIPs of these families. */
export async function startServer(
  lab: Lab,
  server: Host,
  { method, families }: { readonly method: Method; readonly families: readonly Family[] },
): Promise<void> {
  await startWebServer(lab, server, [method.name === "nat" ? NAT_PORT : 80]);
  if (method.name === "nat") return;
  for (const family of families) await setUpServer(server, vipOf(family), ...method.words);
}

/** Adds the service of a family. Its VIP moves together with those of other families, and with NAT with the gateways. */
export async function addService(
  node: TroopNode,
  family: Family,
  { method, servers }: { readonly method: Method; readonly servers: readonly Host[] },
): Promise<void> {
  const service = `${inBrackets(vipOf(family))}:80`;
  const addresses = [vipOf(family), ...(method.name === "nat" ? [gatewayOf(family)] : [])];
  for (const address of addresses) await node.troop("vip", "add", address, "--group", "web");
  const check = ["--check", "http:///index.html", "--expect", "Test Page"];
  await node.troop(
    ...["service", "add", service, "--scheduler", "rr", "--no-members", ...method.words, ...check],
  );
  const place = method.name === "nat"
    ? { network: "private", port: NAT_PORT } as const
    : { network: "public" } as const;
  await addServers(node, service, servers, place);
}
