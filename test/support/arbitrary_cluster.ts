/**
 * Random small clusters for property tests, seen by everybody in the same way.
 */
import fc from "fast-check";
import type { Ip } from "../../src/core/address.ts";
import type { Hold } from "../../src/core/state.ts";
import { type ModelNode, modelNode, VIP } from "./cluster_views.ts";

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

/** The nodes that take part. */
export function present(model: readonly ModelNode[]): ModelNode[] {
  return model.filter(({ life }) => life === "alive" || life === "suspect");
}
