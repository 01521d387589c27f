/**
 * Faults of the networks between the machines.
 */
import type { Draw } from "../draw.ts";
import { anyNode, anyPair, faultKind } from "../fault_kind.ts";
import { GATEWAY, type Weather } from "../lan.ts";
import type { Shape } from "../plan.ts";
import type { Play } from "../play.ts";
import { NETWORKS } from "../sim_node.ts";

/** The networks of the cluster: all of them, or one of two. */
function anyNetworks(draw: Draw, { nodes }: Shape): string[] {
  const names = NETWORKS.slice(0, nodes[0]?.networks ?? 1);
  return draw.chance(0.6) ? [...names] : [draw.pick(names)];
}

function all(list: readonly (() => void)[]): () => void {
  return () => list.forEach((undo) => undo());
}

function cutOff(
  { cluster }: Play,
  from: readonly string[],
  to: readonly string[],
  paths: readonly string[],
): (() => void)[] {
  return from.flatMap((a) =>
    to.flatMap((b) => paths.map((path) => cluster.lan.cut({ name: a }, { name: b }, path)))
  );
}

/** A machine is unplugged at the far end of its cable. */
export const unplug = faultKind<{ node: string; paths: string[] }>({
  name: "unplug",
  about: "network",
  weight: 3,
  lasts: true,
  plan: (draw, shape) => ({ node: anyNode(draw, shape), paths: anyNetworks(draw, shape) }),
  apply: ({ cluster }, { node, paths }) =>
    all(paths.map((path) => cluster.lan.unplug(cluster.node(node), path))),
  words: ({ node, paths }) => `${node} is unplugged from ${paths.join(" and ")}`,
});

/** An interface has no carrier, which its machine can see. */
export const carrier = faultKind<{ node: string; paths: string[] }>({
  name: "carrier",
  about: "network",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => ({ node: anyNode(draw, shape), paths: anyNetworks(draw, shape) }),
  apply: ({ cluster, begin }, { node, paths }) =>
    all(paths.map((path) =>
      begin(`carrier ${node} ${path}`, {
        start: () => cluster.lan.setCarrier(cluster.node(node), path, false),
        end: () => cluster.lan.setCarrier(cluster.node(node), path, true),
      })
    )),
  words: ({ node, paths }) => `${node} loses the carrier of ${paths.join(" and ")}`,
});

/** The cluster falls into two parts; one of them may lose the gateway with it. */
export const partition = faultKind<
  { part: string[]; rest: string[]; paths: string[]; noGateway?: string[] }
>({
  name: "partition",
  about: "network",
  weight: 3,
  lasts: true,
  plan: (draw, shape) => {
    const names = shape.nodes.map((_, index) => `n${index + 1}`);
    const part = draw.some(names, draw.int(1, names.length - 1));
    const rest = names.filter((name) => !part.includes(name));
    const paths = anyNetworks(draw, shape);
    return {
      part,
      rest,
      paths,
      noGateway: paths.includes("eth0") ? draw.pick([[], part, rest]) : [],
    };
  },
  apply: (play, { part, rest, paths, noGateway = [] }) =>
    all([
      ...cutOff(play, part, rest, paths),
      ...cutOff(play, rest, part, paths),
      ...cutOff(play, [GATEWAY.name], noGateway, ["eth0"]),
    ]),
  words: ({ part, rest, paths, noGateway = [] }) =>
    `${part.join(", ")} and ${rest.join(", ")} are parted on ${paths.join(" and ")}` +
    (noGateway.length === 0 ? "" : `, ${noGateway.join(", ")} from the gateway, too`),
});

/** Two nodes do not hear each other, though both hear the others. */
export const split = faultKind<{ pair: string[]; paths: string[] }>({
  name: "split",
  about: "network",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => {
    const pair = anyPair(draw, shape);
    return pair === null ? null : { pair, paths: anyNetworks(draw, shape) };
  },
  apply: (play, { pair: [a = "", b = ""], paths }) =>
    all([...cutOff(play, [a], [b], paths), ...cutOff(play, [b], [a], paths)]),
  words: ({ pair, paths }) => `${pair.join(" and ")} are parted on ${paths.join(" and ")}`,
});

/** One direction between two nodes is cut. */
export const oneWay = faultKind<{ pair: string[]; paths: string[] }>({
  name: "oneWay",
  about: "network",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => {
    const pair = anyPair(draw, shape);
    return pair === null ? null : { pair, paths: anyNetworks(draw, shape) };
  },
  apply: (play, { pair: [a = "", b = ""], paths }) => all(cutOff(play, [a], [b], paths)),
  words: ({ pair: [a, b], paths }) => `${b} does not hear ${a} on ${paths.join(" and ")}`,
});

/** A node hears nobody, or nobody hears it: neither nodes nor the gateway. */
export const deafOrMute = faultKind<{ node: string; others: string[]; deaf: boolean }>({
  name: "deafOrMute",
  about: "network",
  weight: 1,
  lasts: true,
  plan: (draw, shape) => {
    const node = anyNode(draw, shape);
    const names = shape.nodes.map((_, index) => `n${index + 1}`);
    const others = [...names.filter((name) => name !== node), GATEWAY.name];
    return { node, others, deaf: draw.chance(0.5) };
  },
  apply: (play, { node, others, deaf }) =>
    all(cutOff(play, deaf ? others : [node], deaf ? [node] : others, [...NETWORKS])),
  words: ({ node, deaf }) => deaf ? `${node} hears nobody` : `nobody hears ${node}`,
});

/** Datagrams are lost, late, out of order, or come twice. */
export const weather = faultKind<{ loss: number; jitterMs: number; duplicates: number }>({
  name: "weather",
  about: "network",
  weight: 3,
  lasts: true,
  plan: (draw) => ({
    loss: draw.pick([0, 0, 0.01, 0.05, 0.1, 0.3]),
    jitterMs: draw.pick([0, 5, 50, 150]),
    duplicates: draw.pick([0, 0, 0.05, 0.3]),
  }),
  apply: ({ cluster }, weather) => cluster.lan.begin(weather as Weather),
  words: ({ loss, jitterMs, duplicates }) =>
    `of datagrams ${Math.round(100 * loss)} % are lost, ${Math.round(100 * duplicates)} % come ` +
    `twice, and they take up to ${jitterMs} ms longer`,
});
