/**
 * Faults of agents: killed, at any step of what they do, and standing still.
 */
import { anyNode, faultKind } from "../fault_kind.ts";
import type { Play } from "../play.ts";
import type { Speaks } from "../versions.ts";

/** An agent is killed and started again later. */
export const kill = faultKind<{ node: string }>({
  name: "kill",
  about: "agent",
  weight: 3,
  lasts: true,
  plan: (draw, shape) => ({ node: anyNode(draw, shape) }),
  apply: (play, { node }) => {
    play.down(node, "killed", () => play.cluster.kill(node));
    return () => play.up(node, "killed");
  },
  words: ({ node }) => `${node}'s agent is killed`,
});

/** Calls after which an agent that takes over or lets go can be killed. */
const STEPS = [
  "addresses.put",
  "addresses.remove",
  "sysctl.write",
  "table.startDaemon",
  "table.stopDaemon",
  "table.apply",
  "neighbours.announce",
  "neighbours.ask",
  "pulses.send",
  "gossip.publishRecord",
  "memory.saveClaims",
  "memory.saveVips",
  "owned.add",
] as const;

/** An agent is killed right after one of its next calls of a certain kind, wherever in its work that is. */
export const killAtStep = faultKind<{ node: string; step: string; turn: number }>({
  name: "killAtStep",
  about: "agent",
  weight: 4,
  lasts: true,
  plan: (draw, shape) => ({
    node: anyNode(draw, shape),
    step: draw.pick(STEPS),
    turn: draw.pick([1, 1, 1, 2, 3, 5]),
  }),
  apply: (play, { node, step, turn }) => {
    let left = turn;
    const disarm = play.after(node, (call) => {
      if (call !== step || --left > 0) return;
      disarm();
      play.note(node, `killed right after ${step}`);
      play.down(node, `at ${step}`, () => play.cluster.kill(node));
    });
    return () => {
      disarm();
      play.up(node, `at ${step}`);
    };
  },
  words: ({ node, step, turn }) => `${node}'s agent is killed after ${step} number ${turn}`,
});

/** An agent's process stands still (SIGSTOP, or no processor time), its kernel goes on. */
export const pause = faultKind<{ node: string }>({
  name: "pause",
  about: "agent",
  weight: 3,
  lasts: true,
  plan: (draw, shape) => ({ node: anyNode(draw, shape) }),
  apply: ({ cluster, begin }, { node }) =>
    begin(`pause ${node}`, {
      start: () => void (cluster.node(node).paused = true),
      end: () => void (cluster.node(node).paused = false),
    }),
  words: ({ node }) => `${node}'s agent stands still`,
});

/** How a node's agent is replaced. */
interface Replacement {
  readonly node: string;
  readonly speaks: Speaks;
  /** Whether it is asked to end first. */
  readonly planned: boolean;
  /** Time until the new one runs, ms. */
  readonly awayMs: number;
}

function replace(play: Play, { node, speaks, planned, awayMs }: Replacement): void {
  const machine = play.cluster.node(node);
  if (planned) machine.agent?.receive({ kind: "leave" });
  else play.down(node, "upgrade", () => play.cluster.kill(node));
  play.world.after(awayMs, () => {
    play.down(node, "upgrade", () => play.cluster.kill(node));
    machine.speaks = speaks;
    play.up(node, "upgrade");
  });
}

/** An agent is replaced by one of another version, which stays or gives way to the first one again. */
export const otherVersion = faultKind<
  { node: string; speaks: Speaks; planned: boolean; awayMs: number; stays: boolean }
>({
  name: "otherVersion",
  about: "agent",
  weight: 3,
  lasts: true,
  plan: (draw, shape) => ({
    node: anyNode(draw, shape),
    speaks: draw.pick(["later", "later", "earlier"] as const),
    planned: draw.chance(0.5),
    awayMs: draw.pick([20, 300, 1_000]),
    stays: draw.chance(0.4),
  }),
  apply: (play, { stays, ...replacement }) => {
    replace(play, replacement);
    return () => {
      if (!stays) replace(play, { ...replacement, speaks: "same" });
    };
  },
  words: ({ node, speaks, planned, stays }) =>
    `${node}'s agent is ${planned ? "asked to end" : "killed"}, and one of ${
      speaks === "later" ? "a later" : "an earlier"
    } version takes its place${stays ? " for good" : ""}`,
});

/** An agent leaves as at a planned restart, and comes back. */
export const restart = faultKind<{ node: string }>({
  name: "restart",
  about: "agent",
  weight: 2,
  lasts: true,
  plan: (draw, shape) => ({ node: anyNode(draw, shape) }),
  apply: (play, { node }) => {
    play.cluster.node(node).agent?.receive({ kind: "leave" });
    return () => {
      play.down(node, "restart", () => play.cluster.kill(node));
      play.up(node, "restart");
    };
  },
  words: ({ node }) => `${node}'s agent is asked to end`,
});
