/**
 * Random small clusters for property tests, seen by everybody in the same way.
 */
import fc from "fast-check";
import type { Ip } from "../../src/core/address.ts";
import type { Hold } from "../../src/core/state.ts";
import type { Fallback } from "../../src/core/service/fallback.ts";
import { IPIP } from "../../src/core/service/forwarding.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import {
  addressOf,
  idOf,
  machine,
  markService,
  type ModelNode,
  modelNode,
  serverEntry,
  service,
  type Shared,
  VIP,
  vipEntry,
} from "./cluster_views.ts";

/** VIPs of clusters that have more than one. */
export const VIPS: readonly Ip[] = [VIP, "10.0.0.101", "10.0.0.102"];

const phases: readonly Hold["phase"][] = ["holding", "holding", "settling", "lingering"];

function holds(vips: readonly Ip[]): fc.Arbitrary<ModelNode["holds"]> {
  const one = (vip: Ip) =>
    fc.option(
      fc.record({
        vip: fc.constant(vip),
        epoch: fc.integer({ min: 1, max: 4 }),
        phase: fc.constantFrom(...phases),
      }),
      { freq: 2 },
    );
  return fc.tuple(...vips.map(one)).map((list) =>
    new Map(
      list.filter((item) => item !== null).map(({ vip, epoch, phase }) => [vip, { epoch, phase }]),
    )
  );
}

function node(index: number, vips: readonly Ip[]): fc.Arbitrary<ModelNode> {
  return fc.record({
    priority: fc.constantFrom(90, 100, 100, 110),
    director: fc.constantFrom(true, true, true, false),
    realServer: fc.constantFrom(true, true, true, false),
    phase: fc.constantFrom("running", "running", "running", "starting", "leaving"),
    life: fc.constantFrom("alive", "alive", "alive", "suspect", "dead", "left"),
    unfit: fc.constantFrom(null, null, null, "eth0 has no carrier"),
    serving: fc.boolean(),
    bypassed: fc.boolean(),
    holds: holds(vips),
  }).map((fields) => {
    const dies = fields.life === "dead" || fields.life === "left";
    // Who decides nothing yet holds nothing; who is no director never did.
    const free = !fields.director || fields.phase === "starting";
    return modelNode(index, {
      ...fields,
      phase: dies ? "running" : fields.phase,
      holds: free ? new Map() : fields.holds,
    });
  });
}

/** A cluster of one to five nodes. Dead and left ones are among them, whatever they once held. */
export function arbitraryCluster(vips: readonly Ip[] = [VIP]): fc.Arbitrary<ModelNode[]> {
  return fc.integer({ min: 1, max: 5 }).chain((count) =>
    fc.tuple(...Array.from({ length: count }, (_, index) => node(index + 1, vips)))
  );
}

const method = fc.constantFrom(
  { forwarding: "dr", tunnel: null } as const,
  { forwarding: "nat", tunnel: null } as const,
  { forwarding: "tunnel", tunnel: IPIP } as const,
);

/** A fallback server, a node among them; a quorum that many clusters do not reach. */
const nobodyLeft = fc.record({
  fallback: fc.constantFrom<Fallback | null>(
    null,
    "sorry",
    { address: addressOf(30), port: null, forwarding: "dr", tunnel: null },
    { address: addressOf(2), port: null, forwarding: "dr", tunnel: null },
  ),
  quorum: fc.constantFrom(1, 1, 3),
  whenAllFail: fc.constantFrom("fallback" as const, "keep" as const, "nothing" as const),
});

/**
 * What all nodes share: a service on every VIP, one for a mark of all of them, machines without an agent, members
 * with a weight of their own, groups, preferences and a move.
 */
export function arbitraryShared(vips: readonly Ip[]): fc.Arbitrary<Shared> {
  const node = fc.integer({ min: 1, max: 5 });
  const weight = fc.constantFrom(null, 0, 2);
  const services = fc.tuple(
    fc.tuple(
      ...vips.map((address) =>
        fc.tuple(method, fc.boolean(), nobodyLeft).map(([how, members, then]) =>
          service({ address, ...how, members, ...then })
        )
      ),
    ),
    method.map((how) => markService({ vips: [...vips], ...how })),
  ).map(([list, marked]) => [...list, marked]);
  const group = fc.constantFrom(null, "a", "a");
  const entries = fc.tuple(
    ...vips.map((address) =>
      fc.tuple(group, fc.array(node, { maxLength: 2 }), fc.constantFrom(null, 0)).map((
        [name, prefer, failbackS],
      ) => vipEntry({ address, group: name, prefer: [...new Set(prefer)].map(idOf), failbackS }))
    ),
  );
  const move = fc.record({
    vip: fc.constantFrom(...vips),
    to: node.map(idOf),
    fromEpoch: fc.integer({ min: 0, max: 4 }),
  });
  return fc.record({
    services,
    vips: entries,
    moves: fc.array(move, { maxLength: 1 }),
    drained: fc.array(fc.tuple(node, weight), { maxLength: 2 }),
    outside: fc.boolean(),
  }).map(({ drained, outside, ...shared }) => ({
    ...shared,
    servers: shared.services.flatMap((item) => {
      const key = { service: serviceKey(item) };
      return [
        ...drained.map(([index, value]) =>
          serverEntry({ node: idOf(index) }, { ...key, weight: value })
        ),
        ...(outside ? [serverEntry(machine(21), key)] : []),
      ];
    }),
  }));
}

/** The nodes that take part. */
export function present(model: readonly ModelNode[]): ModelNode[] {
  return model.filter(({ life }) => life === "alive" || life === "suspect");
}
