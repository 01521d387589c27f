/**
 * Faults of the gateway, which is the witness of nodes that have one.
 */
import type { Draw } from "../draw.ts";
import { faultKind } from "../fault_kind.ts";
import { GATEWAY } from "../lan.ts";
import type { Shape } from "../plan.ts";

/** Names of the nodes that have a gateway. */
function witnessed({ nodes }: Shape): string[] {
  return nodes.flatMap(({ gateway }, index) => gateway === true ? [`n${index + 1}`] : []);
}

function someWitnessed(draw: Draw, shape: Shape): string[] | null {
  const names = witnessed(shape);
  return names.length === 0 ? null : draw.some(names, draw.int(1, names.length)).sort();
}

/** The gateway loses power and gets it back. */
export const gatewayDead = faultKind<Record<string, never>>({
  name: "gatewayDead",
  about: "network",
  weight: 3,
  lasts: true,
  plan: (_, shape) => witnessed(shape).length === 0 ? null : {},
  apply: ({ cluster }) => cluster.lan.killGateway(),
  words: () => "the gateway is dead",
});

/** The gateway answers some nodes no more: the switch between has failed, or a filter. */
export const gatewaySilent = faultKind<{ nodes: string[] }>({
  name: "gatewaySilent",
  about: "network",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => {
    const nodes = someWitnessed(draw, shape);
    return nodes === null ? null : { nodes };
  },
  apply: ({ cluster }, { nodes }) => {
    const undo = nodes.map((name) => cluster.lan.cut(GATEWAY, { name }, "eth0"));
    return () => undo.forEach((mend) => mend());
  },
  words: ({ nodes }) => `the gateway does not answer ${nodes.join(", ")}`,
});
