/**
 * On which interface of this machine a VIP belongs, and whether that interface can carry it now.
 */
import { inSubnet, type Ip, ipFamily } from "../address.ts";
import type { Path } from "./record.ts";
import type { Placement } from "../state.ts";

/** What the kernel says of an interface, as far as placement needs it. */
export interface LinkFacts {
  readonly name: string;
  readonly up: boolean;
  readonly carrier: boolean;
}

/** What the kernel says of an address, as far as placement needs it. */
export interface AddressFacts {
  readonly address: Ip;
  readonly prefixLength: number;
  readonly interface: string;
}

/** The network of this machine. `paths` are the node's own, the primary first. */
export interface Network {
  readonly links: readonly LinkFacts[];
  readonly addresses: readonly AddressFacts[];
  readonly paths: readonly Path[];
}

/**
 * The interface with an address whose network contains the VIP; the node's primary interface first.
 * Host prefixes (/32, /128) are not networks. Null when no interface reaches the VIP.
 */
export function interfaceFor(vip: Ip, network: Network): string | null {
  const reaching = network.addresses.filter((item) =>
    item.interface !== "lo" && item.address !== vip &&
    item.prefixLength < (ipFamily(vip) === 4 ? 32 : 128) &&
    inSubnet(vip, item.address, item.prefixLength)
  ).map((item) => item.interface);
  const primary = network.paths.find((path) => reaching.includes(path.interface));
  return primary?.interface ?? reaching[0] ?? null;
}

/** Where a VIP belongs (`wanted`: the interface an operator named), and why it cannot be held there now. */
export function placeVip(vip: Ip, network: Network, wanted: string | null = null): Placement {
  const name = wanted ?? interfaceFor(vip, network);
  if (name === null) {
    return { interface: null, unfit: "no interface of this node has a network that contains it" };
  }
  const link = network.links.find((item) => item.name === name);
  if (link === undefined) return { interface: null, unfit: `interface ${name} does not exist` };
  if (!link.up) return { interface: name, unfit: `interface ${name} is down` };
  if (!link.carrier) return { interface: name, unfit: `interface ${name} has no carrier` };
  return { interface: name, unfit: null };
}
