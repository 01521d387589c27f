/**
 * Changing the cluster's token while everything runs: what a node may do next, from what all nodes say.
 *
 * A rotation is a small register that travels in every record: the higher serial wins, then the higher target.
 * Each node takes three steps, none before the others can follow: it accepts the new token beside the old one
 * (`spread`), it sends with the new one once every member accepts it (`switch`), and it refuses the old one once
 * every member sends with the new one (`retire`). Members that are dead are waited for during the grace time
 * only. To abort is a rotation back: the same steps in the other direction.
 */
import type { Peer, State } from "../state.ts";
import type { RotationProgress } from "../state/rotation.ts";
import type { Rotation, TokenFacts } from "./token_facts.ts";

/** How long every member must be seen to send with the new token before the old one is refused, ms: what is under way arrives. */
export const RETIRE_SETTLE_MS = 3_000;

/** What this node should do now. */
export type RotationAct =
  | { readonly act: "none" }
  /** A newer rotation than this node knows. */
  | { readonly act: "adopt"; readonly rotation: Rotation }
  /** Get the token from one of these. */
  | { readonly act: "fetch"; readonly target: string; readonly holders: readonly Peer[] }
  | { readonly act: "use"; readonly target: string }
  | { readonly act: "retire"; readonly target: string };

/** What to do, and how far it is; `progress` null when no rotation is under way here. */
export type RotationTurn = RotationAct & { readonly progress: RotationProgress | null };

/** The newer of two rotations. */
export function newerRotation(a: Rotation | null, b: Rotation | null): Rotation | null {
  if (a === null || b === null) return a ?? b;
  if (a.serial !== b.serial) return a.serial > b.serial ? a : b;
  return a.target >= b.target ? a : b;
}

/** Decides. `graceOver`: dead members are not waited for any more. */
export function rotationTurn(state: State, graceOver: boolean): RotationTurn {
  const own = state.token;
  if (own === null) return { act: "none", progress: null };
  const told = [...state.peers.values()].filter(isHere)
    .map(({ record }) => record.token?.rotation ?? null).reduce(newerRotation, null);
  const newest = newerRotation(own.rotation, told);
  if (newest === null) return { act: "none", progress: null };
  if (newest !== own.rotation && !sameRotation(newest, own.rotation)) {
    return { act: "adopt", rotation: newest, progress: null };
  }
  return turnOf(state, { own, rotation: newest, graceOver });
}

function turnOf(
  state: State,
  at: { own: TokenFacts; rotation: Rotation; graceOver: boolean },
): RotationTurn {
  const { own, rotation, graceOver } = at;
  const { target } = rotation;
  // What a member said before it knew of this very rotation it may have changed since: an abort that crosses the
  // last step of what it aborts would part two nodes.
  const saying = (peer: Peer) => {
    const { token } = peer.record;
    return token !== undefined && sameRotation(rotation, token.rotation) ? token : undefined;
  };
  const members = [...state.peers.values()]
    .filter((peer) => peer.life.state !== "left" && (isHere(peer) || !graceOver));
  if (!own.accepts.includes(target)) {
    const holders = members.filter(({ record }) => record.token?.accepts.includes(target));
    return {
      act: "fetch",
      target,
      holders,
      progress: { stage: "spread", waitsFor: ["this node"] },
    };
  }
  if (own.sends !== target) {
    const late = members.filter((peer) => saying(peer)?.accepts.includes(target) !== true);
    const progress = { stage: "spread", waitsFor: late.map(lateWords) } as const;
    return late.length > 0 ? { act: "none", progress } : { act: "use", target, progress };
  }
  const late = members.filter((peer) => saying(peer)?.sends !== target);
  if (own.accepts.length === 1) return { act: "none", progress: null };
  if (late.length > 0) {
    return { act: "none", progress: { stage: "switch", waitsFor: late.map(lateWords) } };
  }
  return { act: "retire", target, progress: { stage: "retire", waitsFor: [] } };
}

function isHere({ life }: Peer): boolean {
  return life.state === "alive" || life.state === "suspect";
}

function sameRotation(a: Rotation, b: Rotation | null): boolean {
  return b !== null && a.serial === b.serial && a.target === b.target && a.graceS === b.graceS;
}

function lateWords({ record, life }: Peer): string {
  if (life.state === "dead") return `${record.name} (dead)`;
  return record.token === undefined
    ? `${record.name} (version ${record.version} cannot)`
    : record.name;
}

/** Takes note of this node's tokens: the others hear of them by its record. */
export function onToken(
  state: State,
  { token, progress }: { readonly token: TokenFacts; readonly progress: RotationProgress | null },
): void {
  state.token = token;
  state.rotation = progress;
  state.recordVersion++;
}
