/**
 * What a machine tells about itself before any agent runs, and which interface and address a node
 * takes when nobody said so. A choice that is not obvious is not made: the answer names the candidates.
 */
import { type Ip, ipFamily, parseIp } from "./address.ts";
import { NAME_LENGTH_MAX } from "./limits.ts";

/** A network interface with the addresses other machines can use: no loopback, no link-local ones. */
export interface HostLink {
  readonly name: string;
  readonly addresses: readonly Ip[];
}

/** See the head of this file. */
export interface HostFacts {
  readonly hostname: string;
  readonly links: readonly HostLink[];
  /** Interface of the default route with the lowest metric, or null. */
  readonly defaultInterface: string | null;
}

/** What cannot be chosen: in words, and what to do. */
export interface Unchosen {
  readonly problem: string;
  readonly remedy: string;
}

/** Interface and address of a node. */
export interface Place {
  readonly interface: string;
  readonly address: Ip;
}

/** Chooses interface and address; either may be asked for by name. */
export function choosePlace(
  facts: HostFacts,
  wanted: { readonly interface?: string | undefined; readonly address?: string | undefined },
): Place | Unchosen {
  const address = wanted.address === undefined ? undefined : parseIp(wanted.address);
  if (wanted.address !== undefined && address === undefined) {
    return {
      problem: `"${wanted.address}" is not an IPv4 or IPv6 address`,
      remedy: `use an address of this machine: ${describeLinks(facts.links)}`,
    };
  }
  const link = chooseLink(facts, { interface: wanted.interface, address });
  if ("problem" in link) return link;
  if (address !== undefined && !link.addresses.includes(address)) {
    return {
      problem: `address "${address}" is not on ${link.name}`,
      remedy: `use an address of this machine: ${describeLinks(facts.links)}`,
    };
  }
  const chosen = address ?? firstAddress(link.addresses);
  if (chosen === undefined) {
    return {
      problem: `interface "${link.name}" has no address that other machines can use`,
      remedy:
        `give it one (ip address add IP/LENGTH dev ${link.name}), or choose with --interface: ${
          describeLinks(facts.links)
        }`,
    };
  }
  return { interface: link.name, address: chosen };
}

/** IPv4 first: the field's VIPs mostly are, and the order of the kernel's list is no promise. */
function firstAddress(addresses: readonly Ip[]): Ip | undefined {
  return addresses.find((address) => ipFamily(address) === 4) ?? addresses[0];
}

function chooseLink(
  facts: HostFacts,
  wanted: { readonly interface: string | undefined; readonly address: Ip | undefined },
): HostLink | Unchosen {
  if (wanted.interface !== undefined) {
    return facts.links.find((link) => link.name === wanted.interface) ?? {
      problem: `interface "${wanted.interface}" does not exist`,
      remedy: `use one of this machine: ${describeLinks(facts.links)}`,
    };
  }
  const usable = facts.links.filter((link) => link.addresses.length > 0);
  const { address } = wanted;
  if (address !== undefined) {
    const owner = usable.find((link) => link.addresses.includes(address));
    return owner ?? {
      problem: `no interface has the address "${address}"`,
      remedy: `use an address of this machine: ${describeLinks(facts.links)}`,
    };
  }
  const preferred = usable.find((link) => link.name === facts.defaultInterface);
  if (preferred !== undefined) return preferred;
  const [only, ...others] = usable;
  if (only !== undefined && others.length === 0) return only;
  return {
    problem: only === undefined
      ? "no interface has an address that other machines can use"
      : "more than one interface could be meant, and none has the default route",
    remedy: only === undefined
      ? "give this machine an address first (ip address add IP/LENGTH dev INTERFACE)"
      : `choose with --interface: ${describeLinks(usable)}`,
  };
}

/** Links for a person: `eth0 (192.0.2.2), eth1 (no address)`. */
export function describeLinks(links: readonly HostLink[]): string {
  if (links.length === 0) return "it has none";
  return links.map(({ name, addresses }) => `${name} (${addresses.join(" ") || "no address"})`)
    .join(", ");
}

/** A node name made from a host name: its first label, without what a name cannot have; undefined when nothing is left. */
export function nodeNameFrom(hostname: string): string | undefined {
  const label = hostname.split(".")[0] ?? "";
  const name = label.replace(/[^A-Za-z0-9_-]/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return name.slice(0, NAME_LENGTH_MAX) || undefined;
}
