/**
 * What operators do in the middle of it all, on whatever side of a partition: each act is an edit of the document on
 * one node, and counts only if an agent runs there.
 */
import { serverKey } from "../../../src/core/service/server.ts";
import { type Service, serviceKey } from "../../../src/core/service/service.ts";
import { drain, idOf, machine, serverEntry, service } from "../../support/cluster_views.ts";
import { anyNode, faultKind } from "../fault_kind.ts";

/** Number of a node by its name. */
function numberOf(node: string): number {
  return Number(node.slice(1));
}

/** A service is added beside the others, and removed later. */
export const addService = faultKind<{ at: string; later: string; vip: string; port: number }>({
  name: "addService",
  about: "operator",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => ({
    at: anyNode(draw, shape),
    later: anyNode(draw, shape),
    vip: draw.pick(["10.0.0.100", "10.0.0.110"]),
    port: draw.pick([443, 8_080]),
  }),
  apply: (play, { at, later, vip, port }) => {
    const added = service({ address: vip, port });
    play.edit(at, [{ kind: "putService", service: added }]);
    return () => play.edit(later, [{ kind: "removeService", key: serviceKey(added) }]);
  },
  words: ({ at, vip, port }) => `an operator on ${at} adds ${vip}:${port}`,
});

/** A service is changed: two operators may do so on two sides of a partition. */
export const changeService = faultKind<
  { at: string; which: number; scheduler: Service["scheduler"] }
>({
  name: "changeService",
  about: "operator",
  weight: 2,
  lasts: false,
  plan: (draw, shape) => ({
    at: anyNode(draw, shape),
    which: draw.int(0, shape.services.length - 1),
    scheduler: draw.pick(["rr", "wrr", "lc", "wlc", "sh"]),
  }),
  apply: (play, { at, which, scheduler }) => {
    const known = play.plan.shape.services[which];
    if (known === undefined) return;
    play.edit(at, [{ kind: "putService", service: { ...known, scheduler } }]);
  },
  words: ({ at, which, scheduler }) =>
    `an operator on ${at} gives service ${which + 1} the scheduler ${scheduler}`,
});

/** A server is entered by hand, and removed later. */
export const addServer = faultKind<{ at: string; later: string; index: number }>({
  name: "addServer",
  about: "operator",
  weight: 1,
  lasts: true,
  plan: (draw, shape) => ({
    at: anyNode(draw, shape),
    later: anyNode(draw, shape),
    index: draw.pick([21, 22]),
  }),
  apply: (play, { at, later, index }) => {
    const [first] = play.plan.shape.services;
    if (first === undefined) return;
    const entry = serverEntry(machine(index), { service: serviceKey(first), weight: 2 });
    play.edit(at, [{ kind: "putServer", server: entry }]);
    return () => play.edit(later, [{ kind: "removeServer", key: serverKey(entry) }]);
  },
  words: ({ at, index }) => `an operator on ${at} enters the server 10.0.0.${index}`,
});

/** A node is taken out of service for a while. */
export const drainNode = faultKind<{ at: string; later: string; node: string; keepVips: boolean }>({
  name: "drainNode",
  about: "operator",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => ({
    at: anyNode(draw, shape),
    later: anyNode(draw, shape),
    node: anyNode(draw, shape),
    keepVips: draw.chance(0.2),
  }),
  apply: (play, { at, later, node, keepVips }) => {
    // The ledger tells edits apart by what they say.
    const order = (on: boolean) =>
      drain({ node: idOf(numberOf(node)) }, { keepVips, on, comment: `at ${play.world.nowMs}` });
    play.edit(at, [{ kind: "putDrain", drain: order(true) }]);
    return () => play.edit(later, [{ kind: "putDrain", drain: order(false) }]);
  },
  words: ({ at, node }) => `an operator on ${at} drains ${node}`,
});

/** A VIP is moved. */
export const moveVip = faultKind<{ at: string; which: number; to: string }>({
  name: "moveVip",
  about: "operator",
  weight: 3,
  lasts: false,
  plan: (draw, shape) => ({
    at: anyNode(draw, shape),
    which: draw.int(0, shape.services.length - 1),
    to: anyNode(draw, shape),
  }),
  apply: (play, { at, which, to }) => {
    const vip = play.vips[which];
    const epoch = vip === undefined
      ? undefined
      : play.cluster.node(at).agent?.state.epochs.get(vip);
    if (vip === undefined || epoch === undefined) return;
    const move = { vip, to: idOf(numberOf(to)), fromEpoch: epoch };
    play.edit(at, [{ kind: "putMove", move }]);
  },
  words: ({ at, which, to }) => `an operator on ${at} moves VIP ${which + 1} to ${to}`,
});
