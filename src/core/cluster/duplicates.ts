/**
 * Addresses of this node that another machine on the LAN has, too: its own, and the VIPs it holds. The LAN is asked now
 * and then, and people are told (RFC 5227, section 2.4). Nothing is let go: a VIP is claimed only when the LAN is silent,
 * so two have it after a LAN that was in parts became whole, or because somebody configured it by hand, and which of the
 * two is meant only people know. Nodes of one cluster settle it between them, by their claims.
 */
import type { Ip } from "../address.ts";
import type { State } from "../state.ts";
import { noteWarning } from "./notes.ts";

/** How long a VIP is held before an answer for it counts, ms: by then the lease of any earlier holder has run out. */
export const SETTLED_HOLD_MS = 10_000;

/** An address, and the interface whose LAN has to be asked for it. */
export interface PlacedAddress {
  readonly address: Ip;
  readonly interface: string;
}

/** The addresses that nobody else should have. */
export function ownAddresses(state: State): PlacedAddress[] {
  const [{ address, interface: name }] = state.self.paths;
  const vips = [...state.holds.keys()].flatMap((vip) => {
    const place = state.placements.get(vip)?.interface ?? null;
    return place === null ? [] : [{ address: vip, interface: place }];
  });
  return [{ address, interface: name }, ...vips];
}

/** Another machine has answered for an address. */
export function noteDuplicate(
  state: State,
  { vip: address, mac }: { readonly vip: Ip; readonly mac: string },
  now: number,
): void {
  const other = `another machine on the LAN, with the MAC address ${mac},`;
  const key = `duplicate ${address}`;
  if (address === state.self.paths[0].address) {
    const text =
      `${other} has this node's address ${address}; give one of them another, and if it is a copy of this one run \`troop leave\` there, and then \`troop join\``;
    noteWarning(state, { key, text }, now);
  } else if (holdsForGood(state, address, now)) {
    const text =
      `${other} answers for the VIP ${address}, which this node holds, so clients reach the one or the other; take the VIP away there (in another cluster \`troop service remove\`), or here`;
    noteWarning(state, { key, text }, now);
  }
}

/** Whether the VIP should be this node's alone by now. */
function holdsForGood({ holds }: State, vip: Ip, now: number): boolean {
  const hold = holds.get(vip);
  return hold?.phase === "holding" && !hold.rival && now - hold.sinceMs >= SETTLED_HOLD_MS;
}
