/**
 * Operations asked of a node of a simulated cluster, with a look at what they changed.
 */
import { expect } from "bun:test";
import { agentOperations } from "../../src/agent/operations.ts";
import type { Check } from "../../src/core/check.ts";
import type { Edit } from "../../src/core/document/document.ts";
import type { Service } from "../../src/core/service/service.ts";
import { createTurnShare } from "../../src/http/turn_share.ts";
import type { Counters, MarkRules, Operations } from "../../src/ports.ts";
import { refused } from "../support/refused.ts";
import { type NodeOptions, SimCluster, type SimNode } from "../sim/cluster.ts";
import { World } from "../sim/world.ts";

/** See the head of this file. */
export interface Bench {
  readonly world: World;
  readonly cluster: SimCluster;
  readonly node: SimNode;
  readonly operations: Operations;
  /** How marking rules are made on this machine. */
  readonly marks: { backend: MarkRules["backend"] };
  /** What becomes of a node that leaves. */
  readonly departure: { isNoted: boolean };
  /** What this machine says of the files of a check. */
  readonly files: { problem: (check: Check) => string | null };
  /** Document and kernel of the node, to see that nothing changed. */
  readonly picture: () => unknown;
}

/** A simulated cluster that has run for four seconds, asked at n1. */
export async function bench(
  options: readonly NodeOptions[] = [{ priority: 110 }, {}],
  services: readonly Service[] = [],
  edits: readonly Edit[] = [],
): Promise<Bench> {
  const world = new World();
  const cluster = new SimCluster(world, options);
  cluster.start();
  await world.run(1_000);
  const node = cluster.node("n1");
  const puts = services.map((item): Edit => ({ kind: "putService", service: item }));
  await node.store.edit([...puts, ...edits]);
  await world.run(3_000);
  const { agent } = node;
  if (agent === null) throw new Error("n1 does not run");
  const marks = { ...node.kernel.marks };
  const files: Bench["files"] = { problem: () => null };
  const departure: Bench["departure"] = { isNoted: true };
  const operations = agentOperations({
    agent,
    store: node.store,
    table: node.kernel.table,
    connections: {
      list: (filter) => Promise.resolve({ connections: [], matched: filter.limit, total: 9 }),
    },
    marks,
    checkFiles: (check) => files.problem(check),
    events: async function* () {},
    counters: () => ({ takeovers: 7 }) as Counters,
    leave: () => Promise.resolve(departure.isNoted),
    turn: createTurnShare(1),
    sleep: (ms) => world.run(ms),
  });
  const picture = () => ({
    digest: node.store.digest(),
    rows: [...node.kernel.rows],
    owned: [...node.owned],
  });
  return { world, cluster, node, operations, marks, files, departure, picture };
}

/** The one line of the refusal; fails when anything changed. */
export async function line(at: Bench, ask: () => Promise<unknown>): Promise<string> {
  const before = at.picture();
  const { message } = await refused(ask());
  expect(at.picture()).toEqual(before);
  return message;
}
