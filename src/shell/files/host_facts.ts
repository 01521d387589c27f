/**
 * What this machine tells about itself before any agent runs: host name, interfaces, addresses, and
 * which interface has the default route. Needs no privilege.
 */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { type Ip, isUsableVip, parseIp } from "../../core/address.ts";
import type { Home } from "../../core/home.ts";
import type { HostFacts, HostLink } from "../../core/host.ts";
import { type InterfaceList, listInterfaces } from "../kernel/interface_list.ts";

/** RTF_UP (linux/route.h): the route is in use. */
const ROUTE_UP = 0x1;
/** RTF_REJECT (linux/ipv6_route.h, linux/route.h): the route refuses packets; `::/0` on lo has it. */
const ROUTE_REJECT = 0x200;

/** Where the facts come from; tests give their own. */
export interface HostSources {
  /** The text of a file, or null when it cannot be read. */
  readText(path: string): string | null;
  hostname(): string;
  readonly interfaces: InterfaceList;
}

/** The facts of this machine. */
export async function hostFactsOf(home: Home): Promise<HostFacts> {
  const interfaces = await listInterfaces(home);
  return readHostFacts({ readText: readTextOrNull, hostname, interfaces });
}

/** The text of a file, or null when it cannot be read. */
export function readTextOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Reads the facts. Loopback is left out: no VIP and no peer is ever there. */
export function readHostFacts(sources: HostSources): HostFacts {
  const addresses = sources.interfaces;
  // /proc/net/dev names every interface of this network namespace, also those that are down; /sys may
  // show another namespace's.
  const names = interfaceNames(sources.readText("/proc/net/dev") ?? "");
  const links: HostLink[] = [...new Set([...names, ...Object.keys(addresses)])]
    .filter((name) => name !== "lo")
    .map((name) => ({
      name,
      addresses: (addresses[name] ?? []).flatMap(({ address }) => usable(address)),
    }));
  const defaultInterface = defaultRoute4(sources.readText("/proc/net/route") ?? "") ??
    defaultRoute6(sources.readText("/proc/net/ipv6_route") ?? "");
  return { hostname: sources.hostname(), links, defaultInterface };
}

/** The address when other machines can use it: what cannot be a VIP cannot be a node's address either. */
function usable(text: string): Ip[] {
  const address = parseIp(text);
  return address !== undefined && isUsableVip(address) ? [address] : [];
}

/** Names in /proc/net/dev: two head lines, then `name: counters`. */
function interfaceNames(text: string): string[] {
  return text.split("\n").slice(2).flatMap((line) => {
    const colon = line.indexOf(":");
    return colon < 0 ? [] : [line.slice(0, colon).trim()];
  });
}

/** The interface of the IPv4 default route in /proc/net/route with the lowest metric, or null. */
function defaultRoute4(text: string): string | null {
  const rows = text.split("\n").slice(1).map((line) => line.trim().split(/\s+/));
  return lowestMetric(rows.flatMap(([name, destination, , flags, , , metric, mask]) => {
    const used = (parseInt(flags ?? "0", 16) & (ROUTE_UP | ROUTE_REJECT)) === ROUTE_UP;
    return name !== undefined && used && destination === "00000000" && mask === "00000000"
      ? [{ name, metric: Number(metric) }]
      : [];
  }));
}

/** The same for /proc/net/ipv6_route: `destination length source length gateway metric refs use flags name`, in hexadecimal. */
function defaultRoute6(text: string): string | null {
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  return lowestMetric(rows.flatMap((row) => {
    const [destination, length] = row;
    const [metric, flags, name] = [row[5], row[8], row[9]];
    const used = (parseInt(flags ?? "0", 16) & (ROUTE_UP | ROUTE_REJECT)) === ROUTE_UP;
    return name !== undefined && name !== "lo" && used && length === "00" &&
        destination === "0".repeat(32)
      ? [{ name, metric: parseInt(metric ?? "0", 16) }]
      : [];
  }));
}

function lowestMetric(
  routes: readonly { readonly name: string; readonly metric: number }[],
): string | null {
  return routes.toSorted((a, b) => a.metric - b.metric)[0]?.name ?? null;
}
