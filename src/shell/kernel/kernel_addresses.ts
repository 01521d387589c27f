/**
 * The {@link Addresses} port over rtnetlink.
 */
import {
  formatMac,
  IFA_F_NODAD,
  type InterfaceAddress,
  KernelRequestError,
  type Link,
  type Route,
} from "../../../ffi/mod.ts";
import { ipFamily, ipFromBytes, ipToBytes } from "../../core/address.ts";
import type { Addresses, KernelAddress, KernelLink } from "../../ports.ts";

/** Addresses for documentation (RFC 5737, 3849): nobody has a route of its own to them, and nothing is sent there. */
const FAR_AWAY = { 4: "203.0.113.1", 6: "2001:db8:ffff::1" } as const;

/** Names an address like `ip addr` does. */
type AddressKey = Pick<KernelAddress, "address" | "prefixLength" | "interface">;

/** Addresses and links of the namespace `route` was opened in. */
export function createKernelAddresses(route: Route): Addresses {
  return {
    listAddresses() {
      const names = new Map(route.links().map((link) => [link.index, link.name]));
      return route.addresses().flatMap((row) => {
        const name = names.get(row.index);
        // An interface that came between the two dumps is seen by the next look.
        return name === undefined ? [] : [toKernelAddress(row, name)];
      });
    },
    listLinks: () => route.links().map(toKernelLink),
    gateway(interfaceName, family) {
      const link = route.link(interfaceName);
      if (link === undefined) return null;
      const found = route.gateway({ destination: ipToBytes(FAR_AWAY[family]), index: link.index });
      return found === undefined ? null : ipFromBytes(found);
    },
    put(address) {
      const operation = `add address ${format(address)} to ${address.interface}`;
      route.putAddress(
        toInterfaceAddress(address, findIndex(route, address, operation)),
        operation,
      );
    },
    remove(address) {
      const operation = `remove address ${format(address)} from ${address.interface}`;
      const link = route.link(address.interface);
      // With the interface the address has gone.
      if (link === undefined) return;
      removeFrom(route, { address, index: link.index, operation });
    },
  };
}

function findIndex(route: Route, address: AddressKey, operation: string): number {
  const link = route.link(address.interface);
  if (link !== undefined) return link.index;
  throw new KernelRequestError({ operation, code: "ENODEV" });
}

/** EADDRNOTAVAIL: it was not there. ENODEV: the interface went between two requests. Both are done. */
function removeFrom(
  route: Route,
  { address, index, operation }: { address: AddressKey; index: number; operation: string },
): void {
  const key = { address: ipToBytes(address.address), prefixLength: address.prefixLength, index };
  try {
    route.deleteAddress(key, operation);
  } catch (error) {
    if (!(error instanceof KernelRequestError)) throw error;
    if (error.code !== "EADDRNOTAVAIL" && error.code !== "ENODEV") throw error;
  }
}

/**
 * An IPv6 VIP is deprecated from the start (preferred for 0 s): it takes connections, but this machine
 * does not begin its own from it (RFC 6724, rule 3), which would break when the VIP moves. IPv4 has no
 * such rule: there the order of addresses decides, and the VIP comes last. Duplicate address detection
 * would keep an IPv6 VIP useless for a second or two, and the LAN has been asked already.
 */
function toInterfaceAddress(address: KernelAddress, index: number): InterfaceAddress {
  const version = ipFamily(address.address);
  return {
    address: ipToBytes(address.address),
    prefixLength: address.prefixLength,
    index,
    validSeconds: address.validSeconds,
    preferredSeconds: version === 6 ? 0 : address.validSeconds,
    flags: version === 6 ? IFA_F_NODAD : 0,
    ...(version === 4 && address.label ? { label: address.label } : {}),
  };
}

/** The kernel labels an IPv4 address with the interface's name where nobody chose a label: that is none. */
function toKernelAddress(row: InterfaceAddress, name: string): KernelAddress {
  const { label = name } = row;
  return {
    address: ipFromBytes(row.address),
    prefixLength: row.prefixLength,
    interface: name,
    validSeconds: row.validSeconds,
    ...(label === name ? {} : { label }),
  };
}

function toKernelLink(link: Link): KernelLink {
  const { name, index, up, carrier } = link;
  return { name, index, up, carrier, mac: formatMac(link.mac) };
}

function format(address: AddressKey): string {
  return `${address.address}/${address.prefixLength}`;
}
