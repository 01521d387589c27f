/**
 * What this node wants of its kernel beside the table: addresses, switches and sync daemons. Computed
 * from scratch from the state; what is already so is the caller's to find out.
 */
import { hostPrefixLength, type Ip, ipFamily } from "./address.ts";
import { spreadHash } from "./ownership.ts";
import type { State } from "./state.ts";
import type { SyncDaemons } from "./table.ts";
import { LEASE_S } from "./timing.ts";

/** An address this node wants on an interface. `leaseS` null: for ever. */
export interface DesiredAddress {
  readonly address: Ip;
  readonly prefixLength: number;
  readonly interface: string;
  readonly leaseS: number | null;
}

/** Name of the loopback interface. */
export const LOOPBACK = "lo";

/**
 * VIPs this node wants on its interfaces. A holder has the VIP on the interface of its LAN, with a
 * lifetime, so that the kernel takes it away when the agent dies. A real server has it on `lo` for ever:
 * direct routing delivers packets for the VIP here, and letting go of the VIP must not cut connections
 * that this machine serves itself.
 */
export function desiredAddresses(state: State): DesiredAddress[] {
  const wanted: DesiredAddress[] = [];
  for (const vip of state.vips) {
    const placement = state.placements.get(vip);
    if (placement === undefined || placement.interface === null) continue;
    const prefixLength = hostPrefixLength(vip);
    if (state.self.realServer) {
      wanted.push({ address: vip, prefixLength, interface: LOOPBACK, leaseS: null });
    }
    if (state.holds.get(vip)?.phase === "holding") {
      wanted.push({ address: vip, prefixLength, interface: placement.interface, leaseS: LEASE_S });
    }
  }
  return wanted;
}

/** A kernel switch this node wants. `atLeast`: a higher number that somebody else set is fine too. */
export interface DesiredSwitch {
  readonly name: string;
  readonly value: string;
  readonly atLeast: boolean;
}

/**
 * Switches this node wants, in the order in which they must be set: a VIP may be on `lo` only after ARP
 * for it is silenced. arp_ignore 1: answer only for addresses of the interface asked on. arp_announce 2:
 * never use a VIP of another interface as sender (Documentation/networking/ip-sysctl.rst).
 */
export function desiredSwitches(state: State): DesiredSwitch[] {
  const wanted: DesiredSwitch[] = [];
  for (const name of lanInterfaces(state)) {
    // In a dotted switch name a dot inside an interface name is written as a slash (sysctl(8)).
    const folder = `net.ipv4.conf.${name.replaceAll(".", "/")}`;
    wanted.push({ name: `${folder}.arp_ignore`, value: "1", atLeast: true });
    wanted.push({ name: `${folder}.arp_announce`, value: "2", atLeast: true });
  }
  if (state.self.director && state.vips.length > 0) {
    wanted.push({
      name: "net.ipv4.vs.backup_only",
      value: isActive(state) ? "0" : "1",
      atLeast: false,
    });
    // With direct routing a finished connection stays in FIN_WAIT here for two minutes. With 1, the default, a
    // client that uses the same port again would be sent to the server it had before, alive or not; bit 2
    // schedules it anew (Documentation/networking/ipvs-sysctl.rst, is_new_conn_expected in ip_vs_core.c).
    wanted.push({ name: "net.ipv4.vs.conn_reuse_mode", value: "3", atLeast: false });
    // With a refresh period and a sync period of 0 a connection is sent when it is established and again
    // every ten seconds while it lives, so a node that comes back learns of it (ip_vs_sync_conn_needed).
    wanted.push({ name: "net.ipv4.vs.sync_threshold", value: "1\t0", atLeast: false });
    wanted.push({ name: "net.ipv4.vs.sync_refresh_period", value: "10", atLeast: false });
  }
  return wanted;
}

function lanInterfaces(state: State): string[] {
  const names = new Set<string>();
  for (const vip of state.vips) {
    const placement = state.placements.get(vip);
    if (ipFamily(vip) === 4 && placement !== undefined && placement.interface !== null) {
      names.add(placement.interface);
    }
  }
  return [...names].sort();
}

/** Whether IPVS works on this node: it holds a VIP, or still balances what arrives for one it just let go. */
export function isActive(state: State): boolean {
  return state.holds.size > 0;
}

/** The sync daemons this node wants: master while it holds a VIP, backup while another node may hold one. */
export function desiredDaemons(state: State, interfaceName: string): SyncDaemons {
  if (!state.self.director || state.vips.length === 0) return { master: null, backup: null };
  const daemon = daemonOf(state, interfaceName);
  const held = state.vips.filter((vip) => state.holds.get(vip)?.phase === "holding").length;
  return {
    master: held > 0 ? daemon : null,
    backup: held < state.vips.length ? daemon : null,
  };
}

/** A sync daemon of this cluster on the interface. */
export function daemonOf(state: State, interfaceName: string): NonNullable<SyncDaemons["master"]> {
  return { interface: interfaceName, syncId: syncIdOf(state.self.cluster) };
}

/** The sync id of a cluster, 1 to 255: it keeps two clusters on one LAN apart. 0 would accept everything. */
export function syncIdOf(cluster: string): number {
  return 1 + spreadHash(cluster) % 255;
}
