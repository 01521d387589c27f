/**
 * The addresses this node wants on its interfaces. Computed from scratch from the state; what is already so
 * is the caller's to find out.
 */
import { hostPrefixLength, type Ip, ipFamily } from "../address.ts";
import { INTERFACE_LENGTH_MAX } from "../limits.ts";
import { receivingInterfaces } from "./receiving.ts";
import type { State } from "../state.ts";
import { LEASE_S } from "../timing.ts";

/** An address this node wants on an interface. `leaseS` null: for ever. */
export interface DesiredAddress {
  readonly address: Ip;
  readonly prefixLength: number;
  readonly interface: string;
  readonly leaseS: number | null;
  /** Label of the address (`eth0:1`); null for none. */
  readonly label: string | null;
}

/**
 * VIPs this node wants on its interfaces. A holder has the VIP on the interface of its LAN, with a
 * lifetime, so that the kernel takes it away when the agent dies. A real server that gets its packets as the
 * client sent them (direct routing, tunnels) has it on `lo` (and on the tunnel) for ever: letting go of the VIP must not cut
 * connections that this machine serves itself.
 */
export function desiredAddresses(state: State): DesiredAddress[] {
  const wanted: DesiredAddress[] = [];
  for (const vip of state.vips) {
    const placement = state.placements.get(vip);
    if (placement === undefined || placement.interface === null) continue;
    const prefixLength = hostPrefixLength(vip);
    const address = { address: vip, prefixLength };
    for (const name of receivingInterfaces(state, vip)) {
      wanted.push({ ...address, interface: name, leaseS: null, label: null });
    }
    if (state.holds.get(vip)?.phase === "holding") {
      const label = labelOf(state, vip, placement.interface);
      wanted.push({ ...address, interface: placement.interface, leaseS: LEASE_S, label });
    }
  }
  return wanted;
}

/** The label an operator asked for, where it fits: the kernel takes 15 bytes (IFNAMSIZ, linux/if.h) and IPv4 only. */
function labelOf(state: State, vip: Ip, interfaceName: string): string | null {
  const suffix = state.document.vips.get(vip)?.label ?? null;
  if (suffix === null || ipFamily(vip) === 6) return null;
  const label = `${interfaceName}:${suffix}`;
  return label.length <= INTERFACE_LENGTH_MAX ? label : null;
}

/** Whether IPVS works on this node: it holds a VIP, or still balances what arrives for one it just let go. */
export function isActive(state: State): boolean {
  return state.holds.size > 0;
}
