/**
 * Labs in which real servers are machines of their own, without an agent, and the addresses they share.
 */
import { addressIn, type Family } from "./host.ts";
import type { HostPlan } from "./lab.ts";

const VIP_NUMBER = 240;
const GATEWAY_NUMBER = 254;

/** The VIP of a family on the public network. */
export function vipOf(family: Family): string {
  return addressIn("public", VIP_NUMBER, family);
}

/** The floating gateway of a family on the private network: a VIP that real servers route through. */
export function gatewayOf(family: Family): string {
  return addressIn("private", GATEWAY_NUMBER, family);
}

const client: HostPlan = { name: "client", number: 2 };
const directors: readonly HostPlan[] = [
  { name: "d1", number: 4, networks: ["public", "private"], router: true },
  { name: "d2", number: 5, networks: ["public", "private"], router: true },
];

/** Two directors, and two real servers beside them on the public network: they answer clients directly. */
export const oneTier: readonly HostPlan[] = [
  client,
  ...directors,
  { name: "s1", number: 21 },
  { name: "s2", number: 22 },
];

/** Two directors between the networks, and two real servers on the private one whose way out is the floating gateway. */
export const twoTier: readonly HostPlan[] = [
  client,
  ...directors,
  ...[21, 22].map((number): HostPlan => ({
    name: `s${number - 20}`,
    number,
    networks: ["private"],
    gateways: [gatewayOf("ipv4"), gatewayOf("ipv6")],
  })),
];
