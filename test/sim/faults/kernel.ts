/**
 * Faults of kernels: requests that are refused, and somebody else who takes away what the agent made.
 */
import type { Ip } from "../../../src/core/address.ts";
import { serviceKey } from "../../../src/core/service/service.ts";
import type { KernelError } from "../../../src/ports.ts";
import { anyNode, faultKind } from "../fault_kind.ts";
import type { Play } from "../play.ts";

/** Requests that can be refused, with what a kernel says (errno(3)): no permission, no memory, busy, a dump that was interrupted. */
const REFUSALS: readonly (readonly [call: string, codes: readonly string[]])[] = [
  ["addresses.put", ["EPERM", "ENOBUFS", "EBUSY"]],
  ["addresses.remove", ["EPERM", "ENOBUFS"]],
  ["addresses.listAddresses", ["EINTR", "ENOBUFS"]],
  ["addresses.listLinks", ["EINTR"]],
  ["sysctl.read", ["EACCES"]],
  ["sysctl.write", ["EACCES", "EROFS"]],
  ["table.list", ["EINTR", "EAGAIN"]],
  ["table.apply", ["ENOBUFS", "EPERM"]],
  ["table.daemons", ["EAGAIN"]],
  ["table.startDaemon", ["EBUSY", "ENODEV", "EPERM"]],
  ["table.stopDaemon", ["EAGAIN"]],
  ["neighbours.announce", ["ENETDOWN"]],
  ["neighbours.ask", ["ENOBUFS"]],
  ["owned.add", ["ENOSPC"]],
];
/** Requests refused in a row, where they are counted. */
const TURNS = [1, 1, 2, 5] as const;
/** Share of the operations of a batch that a kernel short of memory refuses. */
const REFUSED_SHARE = 0.5;

function kernelError(call: string, code: string): KernelError {
  return Object.assign(new Error(`${call}: ${code}`), { operation: call, code });
}

/** While a kernel refuses, its node is not held to what only a kernel can do. */
function troubled(play: Play, name: string): () => void {
  const node = play.cluster.node(name);
  node.troubles++;
  return () => void node.troubles--;
}

/** The next requests of a kind fail, and then no more. */
export const refusedOnce = faultKind<{ node: string; call: string; code: string; turns: number }>({
  name: "refusedOnce",
  about: "kernel",
  weight: 3,
  lasts: true,
  plan: (draw, shape) => {
    const [call, codes] = draw.pick(REFUSALS);
    return { node: anyNode(draw, shape), call, code: draw.pick(codes), turns: draw.pick(TURNS) };
  },
  apply: (play, { node, call, code, turns }) => {
    let left = turns;
    const well = troubled(play, node);
    const disarm = play.before(node, (made) => {
      if (made !== call || left-- <= 0) return;
      play.note(node, `${call} is refused: ${code}`);
      throw kernelError(call, code);
    });
    return () => {
      disarm();
      well();
    };
  },
  words: ({ node, call, code, turns }) =>
    `${node}'s kernel refuses ${call} ${turns} times: ${code}`,
});

/** Requests of a kind fail for a while. */
export const refused = faultKind<{ node: string; call: string; code: string }>({
  name: "refused",
  about: "kernel",
  weight: 3,
  lasts: true,
  plan: (draw, shape) => {
    const [call, codes] = draw.pick(REFUSALS);
    return { node: anyNode(draw, shape), call, code: draw.pick(codes) };
  },
  apply: (play, { node, call, code }) => {
    const well = troubled(play, node);
    const disarm = play.before(node, (made) => {
      if (made === call) throw kernelError(call, code);
    });
    return () => {
      disarm();
      well();
    };
  },
  words: ({ node, call, code }) => `${node}'s kernel refuses every ${call}: ${code}`,
});

/** Of the changes of a table some fail. */
export const tableShort = faultKind<{ node: string }>({
  name: "tableShort",
  about: "kernel",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => ({ node: anyNode(draw, shape) }),
  apply: (play, { node }) => {
    const well = troubled(play, node);
    const { world } = play;
    const { kernel } = play.cluster.node(node);
    kernel.refuse = ({ kind }) =>
      world.random() < REFUSED_SHARE ? kernelError(`table.${kind}`, "ENOMEM") : null;
    return () => {
      kernel.refuse = null;
      well();
    };
  },
  words: ({ node }) => `${node}'s kernel refuses some changes of its table`,
});

/** Somebody takes the VIPs off an interface. */
export const addressDeleted = faultKind<{ node: string; interface: string }>({
  name: "addressDeleted",
  about: "kernel",
  weight: 2,
  lasts: false,
  plan: (draw, shape) => ({
    node: anyNode(draw, shape),
    interface: draw.pick(["eth0", "eth0", "lo"]),
  }),
  apply: ({ cluster, knownVips, takenMs, world }, { node, interface: name }) => {
    const { addressPort } = cluster.node(node).kernel;
    for (const item of addressPort.listAddresses()) {
      if (item.interface !== name || !knownVips.includes(item.address)) continue;
      addressPort.remove(item);
      takenMs.set(`${item.address} ${node}`, world.nowMs);
    }
  },
  words: ({ node, interface: name }) => `somebody deletes the VIPs from ${name} of ${node}`,
});

/** Somebody gives a VIP to a machine, for ever, as by a script that was left behind. */
export const addressAdded = faultKind<{ node: string; which: number }>({
  name: "addressAdded",
  about: "kernel",
  weight: 1,
  lasts: false,
  plan: (draw, shape) => ({
    node: anyNode(draw, shape),
    which: draw.int(0, shape.services.length - 1),
  }),
  apply: (play, { node, which }) => {
    const machine = play.cluster.node(node);
    const vip: Ip | undefined = play.vips[which];
    // Without an agent nobody takes it away again.
    if (vip === undefined || !machine.awake || machine.agent?.state.phase !== "running") return;
    const made = { address: vip, prefixLength: 32, interface: "eth0", validSeconds: null };
    machine.kernel.addressPort.put(made);
    const well = troubled(play, node);
    play.world.after(STRANGE_MS, () => {
      // An agent that ended meanwhile took nothing away.
      if (!machine.awake) machine.kernel.addressPort.remove(made);
      well();
    });
  },
  words: ({ node, which }) => `somebody gives VIP ${which + 1} to ${node}`,
});
/** Time after which a running agent has taken away what is not its own, ms: a look at the interfaces and a turn of the loop. */
const STRANGE_MS = 400;

/** Somebody empties a table, as by `ipvsadm -C`. */
export const tableCleared = faultKind<{ node: string }>({
  name: "tableCleared",
  about: "kernel",
  weight: 2,
  lasts: false,
  plan: (draw, shape) => ({ node: anyNode(draw, shape) }),
  apply: ({ cluster, world }, { node }) => {
    cluster.node(node).kernel.rows.clear();
    world.changes++;
  },
  words: ({ node }) => `somebody empties the table of ${node}`,
});

/** Somebody takes new connections from the servers of a service. */
export const weightsChanged = faultKind<{ node: string; which: number }>({
  name: "weightsChanged",
  about: "kernel",
  weight: 1,
  lasts: false,
  plan: (draw, shape) => ({
    node: anyNode(draw, shape),
    which: draw.int(0, shape.services.length - 1),
  }),
  apply: ({ cluster, plan, world }, { node, which }) => {
    const { rows } = cluster.node(node).kernel;
    const service = plan.shape.services[which];
    const row = service === undefined ? undefined : rows.get(serviceKey(service));
    if (row === undefined) return;
    const servers = row.servers.map((server) => ({ ...server, weight: 0 }));
    rows.set(serviceKey(row), { ...row, servers });
    world.changes++;
  },
  words: ({ node, which }) => `somebody sets all weights of service ${which + 1} to 0 on ${node}`,
});

/** Somebody ends the sync daemons. */
export const daemonsEnded = faultKind<{ node: string }>({
  name: "daemonsEnded",
  about: "kernel",
  weight: 1,
  lasts: false,
  plan: (draw, shape) => ({ node: anyNode(draw, shape) }),
  apply: (play, { node }) => {
    const machine = play.cluster.node(node);
    // A standby without its backup daemon balances what its table has: that is somebody's own doing.
    if (machine.agent?.state.holds.size === 0) return;
    machine.kernel.table.stopDaemon("master");
    play.world.changes++;
  },
  words: ({ node }) => `somebody ends the sync daemon of ${node}`,
});
