/**
 * What operators order about the cluster's token: to change it, to go back, to be done with it.
 */
import { formatPlainDuration } from "../core/duration.ts";
import { isPresent } from "../core/cluster/liveness.ts";
import type { Peer } from "../core/state.ts";
import type { Rotation } from "../core/cluster/token_facts.ts";
import { newerRotation } from "../core/cluster/token_rotation.ts";
import type { Agent } from "./agent.ts";
import type { TokenTools } from "./token_tools.ts";
import type { TokenLane } from "./token_lane.ts";
import { type OperationsOptions, refuseIf } from "./operation_tools.ts";

/** An order to change the token. */
export interface RotationOrder {
  /** How long dead members are waited for, s. */
  readonly graceS: number;
  /** Also when members are dead. */
  readonly anyway: boolean;
}

/** Begins to change the token. */
export async function rotateToken(
  { agent, tokens }: OperationsOptions,
  { graceS, anyway }: RotationOrder,
): Promise<string> {
  const attempted = "rotate the token";
  const { token: facts, rotation } = agent.state;
  refuseIf(facts === null || tokens === undefined, {
    attempted,
    problem: "this agent keeps no tokens",
    remedy: "restart it",
  });
  if (facts === null || tokens === undefined) return "";
  refuseIf(rotation !== null, {
    attempted,
    problem: "a rotation is under way",
    remedy: "see how far it is with `troop status`, or go back with `troop token abort`",
  });
  refuseUnready(agent, attempted, anyway);
  const { token, fingerprint } = tokens.make();
  await tokens.lane.begin({
    serial: nextSerial(agent),
    target: fingerprint,
    from: facts.sends,
    graceS,
  }, token);
  return `a new token spreads; the old one is refused when every member uses the new one (members that are dead have ${
    formatPlainDuration(graceS * 1_000)
  } to come back); follow it with \`troop status\``;
}

function refuseUnready(agent: Agent, attempted: string, anyway: boolean): void {
  const members = [...agent.state.peers.values()].filter(({ life }) => life.state !== "left");
  const old = members.filter((peer) => isPresent(peer) && peer.record.token === undefined);
  refuseIf(old.length > 0, {
    attempted,
    problem: `${names(old)} ${
      old.length === 1 ? "runs" : "run"
    } a version that cannot change its token, or has not told yet`,
    remedy: "upgrade first, or try again in some seconds",
  });
  const dead = members.filter((peer) => !isPresent(peer));
  refuseIf(dead.length > 0 && !anyway, {
    attempted,
    problem: `${names(dead)} ${
      dead.length === 1 ? "is" : "are"
    } dead, and would have to come back within the grace time`,
    remedy: "wait for it, `troop forget` it, or use --anyway",
  });
}

function names(peers: readonly Peer[]): string {
  return peers.map(({ record }) => record.name).sort().join(", ");
}

function nextSerial({ state }: Agent): number {
  const told = [...state.peers.values()].map(({ record }) => record.token?.rotation ?? null)
    .reduce(newerRotation, state.token?.rotation ?? null);
  return (told?.serial ?? 0) + 1;
}

/** Goes back to the token the rotation began with. */
export async function abortRotation(options: OperationsOptions): Promise<string> {
  const { lane, rotation } = underWay(options, "abort the rotation");
  const { agent } = options;
  refuseIf(agent.state.token?.accepts.includes(rotation.from) !== true, {
    attempted: "abort the rotation",
    problem: "the old token is refused already",
    remedy: "rotate again instead",
  });
  await lane.begin({
    ...rotation,
    serial: nextSerial(agent),
    target: rotation.from,
    from: rotation.target,
  });
  return "the cluster goes back to its old token; follow it with `troop status`";
}

/** Waits for dead members no longer. */
export async function finishRotation(options: OperationsOptions): Promise<string> {
  const { lane, rotation } = underWay(options, "finish the rotation");
  await lane.begin({ ...rotation, serial: nextSerial(options.agent), graceS: 0 });
  return "members that are dead are not waited for any more: they have to join again";
}

function underWay(
  { agent, tokens }: OperationsOptions,
  attempted: string,
): { lane: TokenLane; rotation: Rotation } {
  const rotation = agent.state.token?.rotation ?? null;
  refuseIf(agent.state.rotation === null || rotation === null || tokens === undefined, {
    attempted,
    problem: "no rotation is under way",
    remedy: "begin one with `troop token rotate`",
  });
  return { lane: (tokens as TokenTools).lane, rotation: rotation as Rotation };
}
