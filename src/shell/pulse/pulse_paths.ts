/**
 * Which own path talks to which address of a peer: each own path to the peer's address in the same
 * network, so that two heartbeat paths are really two.
 */
import { inSubnet, type Ip, ipFamily } from "../../core/address.ts";
import type { Path } from "../../core/cluster/record.ts";

/** One datagram's way: from an own path to an address of the peer. */
export interface PulseWay {
  readonly from: Path;
  readonly to: Ip;
}

/**
 * The ways to a peer. The first of `own` is the primary path: when it has no network in common with the
 * peer (the nodes are apart by a router), it talks to the peer's first address of its family. Further
 * paths never do: from there the routing table would lead over the primary path, and prove nothing.
 */
export function pulseWays(own: readonly Path[], peer: readonly Path[]): PulseWay[] {
  return own.flatMap((from, index) => {
    const neighbour = peer.find((path) => shareNetwork(from, path));
    const routed = index === 0
      ? peer.find((path) => ipFamily(path.address) === ipFamily(from.address))
      : undefined;
    const to = (neighbour ?? routed)?.address;
    return to === undefined ? [] : [{ from, to }];
  });
}

function shareNetwork(a: Path, b: Path): boolean {
  return inSubnet(b.address, a.address, a.prefixLength) ||
    inSubnet(a.address, b.address, b.prefixLength);
}
