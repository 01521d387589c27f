/**
 * An agent killed at every step of a takeover. The fault killAtStep tries steps by chance, in clusters where much else
 * happens; here nothing else does, and none is left out: each run kills at another one, until all have had their turn.
 */
import { expect, test } from "bun:test";
import { LINGER_MS } from "../../src/core/timing.ts";
import { service, VIP } from "../support/cluster_views.ts";
import type { Plan, PlannedFault, Shape } from "./plan.ts";
import { Play, play } from "./play.ts";
import { traceText } from "./trace.ts";

/** Time after a claim in which the takeover goes on, ms: announcements, and who let go lingers. */
const GOES_ON_MS = LINGER_MS + 500;
/** Time until an agent that was killed is started again, ms, in turn: its lease lasts still, or is over. */
const AWAY_MS = [1_500, 2_500] as const;
/** Steps that even the simplest takeover has. */
const STEPS_MIN = 30;
/** Failing steps that are told of one takeover. */
const TOLD_MAX = 3;
/** Time one takeover has, ms, on a busy machine, too. */
const TIMEOUT_MS = 300_000;

/**
 * Calls that change nothing outside the agent. An agent killed after one leaves the same world behind as one killed right
 * after the step before it, and all that it knew goes with it: the two runs would be the same.
 */
const READS = new Set([
  "addresses.gateway",
  "addresses.listAddresses",
  "addresses.listLinks",
  "gossip.connected",
  "memory.knownPeers",
  "neighbours.poll",
  "owned.has",
  "owned.keys",
  "store.digest",
  "switches.has",
  "sysctl.read",
  "table.daemons",
  "table.list",
  "timeouts.get",
]);
/** Steps that leave nothing behind but datagrams. */
const SAYINGS = new Set(["neighbours.ask", "pulses.send"]);

/** A takeover: n1 holds the VIP, and n2 comes after it. */
interface Takeover {
  readonly name: string;
  readonly shape: Partial<Shape>;
  /** What causes it; what is away by it comes back when every kill is over. */
  readonly cause: PlannedFault;
  /** Whose agents are killed, each in runs of its own. */
  readonly nodes: readonly string[];
}

/** A call that changes something. */
interface Step {
  readonly node: string;
  readonly call: string;
  /** How often the agent made this call since the cause. */
  readonly turn: number;
  readonly atMs: number;
  /** In which event: calls of one event are one turn of the loop. */
  readonly event: number;
}

/** A kill, before a step or after it. */
interface Kill {
  readonly step: Step;
  readonly when: "before" | "after";
  readonly fault: PlannedFault;
  /** What the trace says at the moment of the step when it has happened. */
  readonly note: string;
}

const TAKEOVERS: readonly Takeover[] = [
  {
    name: "the holder of two VIPs loses power",
    shape: {
      services: [service(), service({ address: "10.0.0.101", forwarding: "nat" })],
      tableMs: 30,
    },
    cause: { kind: "crash", atMs: 0, lastsMs: 6_000, data: { node: "n1", disk: true } },
    nodes: ["n2"],
  },
  {
    name: "the holder's agent is killed",
    shape: { nodes: [{ priority: 110 }, { priority: 105 }, {}] },
    cause: { kind: "kill", atMs: 0, lastsMs: 7_500, data: { node: "n1" } },
    nodes: ["n2"],
  },
  {
    name: "the VIP is moved",
    shape: { nodes: [{ priority: 110 }, {}, {}] },
    cause: { kind: "moveVip", atMs: 0, lastsMs: 0, data: { at: "n1", which: 0, to: "n2" } },
    nodes: ["n1", "n2"],
  },
];

function planOf({ shape }: Takeover, faults: readonly PlannedFault[]): Plan {
  const nodes = shape.nodes ?? [{ priority: 110 }, {}];
  return {
    seed: 1,
    shape: {
      services: [service()],
      vips: [],
      servers: [],
      settings: { "flap-damping": "off" },
      machines: [],
      tableMs: 0,
      ...shape,
      nodes,
      startsMs: nodes.map(() => 0),
    },
    faults,
  };
}

/** All steps from the cause until the takeover is over, from a run in which nobody is killed. */
function stepsOf(takeover: Takeover): Step[] {
  const run = new Play(planOf(takeover, [takeover.cause]));
  const { cluster, servesMs, world } = run;
  const steps: Step[] = [];
  const turns = new Map<string, number>();
  let heldMs = Infinity;
  for (const node of takeover.nodes) {
    run.after(node, (call) => {
      const { events: event, nowMs: atMs } = world;
      if (cluster.holders(VIP).includes("n2")) heldMs = Math.min(heldMs, atMs);
      if (READS.has(call) || atMs < servesMs || atMs > heldMs + GOES_ON_MS) return;
      const turn = (turns.get(`${node} ${call}`) ?? 0) + 1;
      turns.set(`${node} ${call}`, turn);
      steps.push({ node, call, turn, atMs, event });
    });
  }
  run.run();
  return steps;
}

/**
 * Right after every step, and right before those that are the first of their turn: before any other is right after the
 * one before it, as they are made in one moment. Before a turn that says things and does nothing an agent is killed
 * between two turns, as it is after the last step of the turn before.
 */
function killsOf(takeover: Takeover): Kill[] {
  const steps = stepsOf(takeover);
  const doing = new Set(steps.filter(({ call }) => !SAYINGS.has(call)).map(turnOf));
  const begun = new Set<string>();
  return steps.flatMap((step, index) => {
    const awayMs = AWAY_MS[index % AWAY_MS.length] as number;
    const isFirst = !begun.has(turnOf(step));
    begun.add(turnOf(step));
    const after = killAfter(step, awayMs);
    return isFirst && doing.has(turnOf(step)) ? [killBefore(step, awayMs), after] : [after];
  });
}

function turnOf({ node, event }: Step): string {
  return `${node} ${event}`;
}

const { servesMs } = new Play(planOf(TAKEOVERS[0] as Takeover, []));

/** A fault happens before everything else of its moment. */
function killBefore(step: Step, awayMs: number): Kill {
  const { node, atMs } = step;
  return {
    step,
    when: "before",
    fault: { kind: "kill", atMs: atMs - servesMs, lastsMs: awayMs, data: { node } },
    note: `${node}'s agent is killed (for ${awayMs} ms)`,
  };
}

function killAfter(step: Step, awayMs: number): Kill {
  const { node, call, turn, atMs } = step;
  const lastsMs = atMs - servesMs + awayMs;
  return {
    step,
    when: "after",
    fault: { kind: "killAtStep", atMs: 0, lastsMs, data: { node, step: call, turn } },
    note: `killed right after ${call}`,
  };
}

/** What goes wrong with this kill, and the plan that shows it again, for test/sim/plans; null: nothing. */
function wrongWith(takeover: Takeover, { step, when, fault, note }: Kill): string | null {
  // The kill first: steps that the cause takes in its own moment count.
  const plan = planOf(takeover, [fault, takeover.cause]);
  const { failure, trace } = play(plan);
  const isKilled = trace.some(({ atMs, text }) => atMs === step.atMs && text === note);
  if (failure === null && isKilled) return null;
  return [
    `${step.node} killed ${when} ${step.call} number ${step.turn}, at ${step.atMs} ms`,
    failure === null ? "it was not killed there" : `${failure.invariant}: ${failure.what}`,
    traceText(trace),
    JSON.stringify(plan),
  ].join("\n");
}

const cases = TAKEOVERS.map((takeover) => {
  const kills = killsOf(takeover);
  return { name: takeover.name, count: kills.length, takeover, kills };
});

test.each(cases)("$name: $count kills, and every invariant holds", ({ takeover, kills }) => {
  expect(play(planOf(takeover, [takeover.cause])).failure).toBeNull();
  for (const node of takeover.nodes) {
    const own = kills.filter(({ step }) => step.node === node);
    expect(own.length).toBeGreaterThan(STEPS_MIN);
  }
  const wrong = kills.map((kill) => wrongWith(takeover, kill)).filter((text) => text !== null);
  expect(wrong.slice(0, TOLD_MAX).join("\n\n")).toBe("");
}, TIMEOUT_MS);
