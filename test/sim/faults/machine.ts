/**
 * Faults of whole machines, and of the servers on them.
 */
import { anyNode, faultKind } from "../fault_kind.ts";
import type { Play } from "../play.ts";

/** A machine loses power; with it, perhaps, its disk. */
export const crash = faultKind<{ node: string; disk: boolean }>({
  name: "crash",
  about: "machine",
  weight: 3,
  lasts: true,
  plan: (draw, shape) => ({ node: anyNode(draw, shape), disk: draw.chance(0.8) }),
  apply: (play, { node, disk }) => {
    play.down(node, "power", () => play.cluster.crash(node));
    if (!disk) play.loseDisk(node);
    return () => play.up(node, "power");
  },
  words: ({ node, disk }) => `${node} loses power${disk ? "" : " and what is on its disk"}`,
});

/** A virtual machine is suspended: its kernel, its clock and its agent stand still, and it goes on as if nothing had been. */
export const suspend = faultKind<{ node: string }>({
  name: "suspend",
  about: "machine",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => ({ node: anyNode(draw, shape) }),
  apply: ({ cluster, begin }, { node }) =>
    begin(`suspend ${node}`, {
      start: () => cluster.node(node).suspend(),
      end: () => cluster.node(node).resume(),
    }),
  words: ({ node }) => `${node} is suspended`,
});

/** Somebody, or NTP, sets a wall clock. */
export const wallClock = faultKind<{ node: string; byMs: number }>({
  name: "wallClock",
  about: "machine",
  weight: 1,
  lasts: true,
  plan: (draw, shape) => ({
    node: anyNode(draw, shape),
    byMs: draw.pick([-86_400_000, -60_000, -1_000, 1_000, 60_000, 86_400_000]),
  }),
  apply: ({ cluster }, { node, byMs }) => {
    const { clock } = cluster.node(node);
    clock.wallErrorMs += byMs;
    return () => void (clock.wallErrorMs -= byMs);
  },
  words: ({ node, byMs }) => `${node}'s wall clock is set by ${byMs / 1_000} s`,
});

function webServerDown({ cluster, begin }: Play, node: string): () => void {
  return begin(`web ${node}`, {
    start: () => void (cluster.node(node).serving = false),
    end: () => void (cluster.node(node).serving = true),
  });
}

function outsiderDown({ cluster, world, begin }: Play, address: string): () => void {
  const set = (works: boolean) => {
    cluster.machines.set(address, works);
    world.changes++;
  };
  return begin(`outsider ${address}`, { start: () => set(false), end: () => set(true) });
}

/** The web server of a node is down. */
export const webServer = faultKind<{ node: string }>({
  name: "webServer",
  about: "machine",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => ({ node: anyNode(draw, shape) }),
  apply: (play, { node }) => webServerDown(play, node),
  words: ({ node }) => `${node}'s web server is down`,
});

/** No web server works: what they all need is gone. */
export const everyServer = faultKind<{ nodes: string[]; machines: string[] }>({
  name: "everyServer",
  about: "machine",
  weight: 2,
  lasts: true,
  plan: (_, { nodes, machines }) => ({
    nodes: nodes.map((_, index) => `n${index + 1}`),
    machines: [...machines],
  }),
  apply: (play, { nodes, machines }) => {
    const undo = [
      ...nodes.map((node) => webServerDown(play, node)),
      ...machines.map((address) => outsiderDown(play, address)),
    ];
    return () => undo.forEach((mend) => mend());
  },
  words: () => "no web server works",
});

/** The server of a machine without an agent is down. */
export const outsider = faultKind<{ address: string }>({
  name: "outsider",
  about: "machine",
  weight: 1,
  lasts: true,
  plan: (draw, { servers, machines }) =>
    servers.length === 0 ? null : { address: draw.pick(machines) },
  apply: (play, { address }) => outsiderDown(play, address),
  words: ({ address }) => `the server of ${address} is down`,
});
