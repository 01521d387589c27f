/**
 * How a plan that fails is made smaller, with runs that are made up: what they break follows from the plan.
 */
import { describe, expect, test } from "bun:test";
import { machine, serverEntry, vipEntry } from "../support/cluster_views.ts";
import { type Plan, type PlannedFault, planOf } from "./plan.ts";
import type { Failure } from "./play.ts";
import { shrink, TRIES_MAX } from "./shrink.ts";

/** A run fails where these two meet; at moments that no plan draws. */
const PAIR: readonly PlannedFault[] = [
  { kind: "pause", atMs: 20_001, lastsMs: 300, data: { node: "n1" } },
  { kind: "kill", atMs: 20_002, lastsMs: 300, data: { node: "n2" } },
];
/** Time below which faults are not made shorter, ms. */
const SHORT_MS = 20;

function broke(invariant: string, { faults }: Plan): Failure {
  return { invariant, what: `with ${faults.length} faults`, atMs: 0, event: 0 };
}

function hasOfPair({ faults }: Plan): number {
  return PAIR.filter(({ atMs }) => faults.some((fault) => fault.atMs === atMs)).length;
}

/** A run that breaks something else where only one of the two is left. */
function outcomeOf(plan: Plan): { failure: Failure | null } {
  const count = hasOfPair(plan);
  if (count === 0) return { failure: null };
  return { failure: broke(count === PAIR.length ? "the pair" : "something else", plan) };
}

/** A plan in which there is much to leave out, with the pair among its faults. */
function largePlan(): Plan {
  const drawn = Array.from({ length: 100 }, (_, seed) => planOf(seed));
  const { shape, ...plan } = drawn.find(({ faults, shape: { nodes, services } }) =>
    faults.length > 4 && nodes.length > 3 && services.length > 1
  ) as Plan;
  const [first, second] = PAIR as [PlannedFault, PlannedFault];
  return {
    ...plan,
    shape: {
      ...shape,
      vips: [vipEntry()],
      servers: [serverEntry(machine(21))],
      startsMs: shape.nodes.map((_, index) => 100 * index),
      tableMs: 30,
    },
    faults: [first, ...plan.faults, second],
  };
}

describe("a plan that fails", () => {
  test("is made as small as it can be while it still breaks the same", () => {
    const plan = largePlan();
    const smallest = shrink(plan, broke("the pair", plan), outcomeOf);
    const { faults, seed, shape } = smallest.plan;
    expect(seed).toBe(plan.seed);
    expect(faults.map(({ lastsMs, ...fault }) => [fault, lastsMs < SHORT_MS])).toEqual(
      PAIR.map(({ lastsMs: _, ...fault }) => [fault, true]),
    );
    expect(shape).toEqual({
      ...plan.shape,
      nodes: plan.shape.nodes.slice(0, 2),
      startsMs: [0, 0],
      services: plan.shape.services.slice(0, 1),
      vips: [],
      servers: [],
      tableMs: 0,
    });
    expect(smallest.failure).toEqual(broke("the pair", smallest.plan));
  });

  test("keeps the machines that its faults are about", () => {
    const plan = largePlan();
    const last = `n${plan.shape.nodes.length}`;
    const faults = plan.faults.map((fault) =>
      fault.atMs === PAIR[1]?.atMs ? { ...fault, data: { node: last } } : fault
    );
    const { shape } = shrink({ ...plan, faults }, broke("the pair", plan), outcomeOf).plan;
    expect(shape.nodes).toEqual(plan.shape.nodes);
  });

  test("stays as it is when whatever is left out breaks something else, or nothing", () => {
    const plan = largePlan();
    const failure = broke("what nothing smaller breaks", plan);
    expect(shrink(plan, failure, outcomeOf)).toEqual({ plan, failure });
    expect(shrink(plan, failure, () => ({ failure: null }))).toEqual({ plan, failure });
  });

  test("is not tried for ever", () => {
    const plan = largePlan();
    const [fault] = PAIR as [PlannedFault];
    const long = { ...plan, faults: Array.from({ length: 2 * TRIES_MAX }, () => fault) };
    let tries = 0;
    const shrunk = shrink(long, broke("anything", long), (candidate) => {
      tries++;
      return { failure: broke("anything", candidate) };
    });
    expect(tries).toBe(TRIES_MAX);
    // Each was smaller by one.
    expect(shrunk.plan.faults).toHaveLength(TRIES_MAX);
  });
});
