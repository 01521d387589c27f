/**
 * What a node knows of its gateway witness: see core/cluster/gateway_witness.ts, which judges it.
 */
import type { Ip } from "../address.ts";

/** A gateway witness as others are told of it: there is none, it answers, it is in doubt, it is silent. */
export const witnessViews = ["none", "answers", "doubt", "silent"] as const;
/** See {@link witnessViews}. */
export type WitnessView = (typeof witnessViews)[number];

/** What a node knows of its own gateway witness. */
export interface GatewayWitness {
  /** Who is asked, on the node's own interface: one answer is enough. Empty: nobody. */
  addresses: readonly Ip[];
  askedMs: number;
  /** Last answer; -Infinity before the first: a witness that never answered proves nothing. */
  answeredMs: number;
  /** Questions since the last answer. */
  unanswered: number;
  view: WitnessView;
  /** Since when it is silent; null while it is not. */
  silentMs: number | null;
  /** Since when it answers again, while it still counts as silent; null when it does not. */
  backMs: number | null;
  /** Since when the witness of a peer answers while this one is silent; null when none does. */
  contrastMs: number | null;
  /** What the silence means for this node; null: nothing. */
  verdict: "cut" | "alone" | null;
}

/** A gateway witness that was not asked yet. */
export function newGatewayWitness(addresses: readonly Ip[] = []): GatewayWitness {
  return {
    addresses,
    askedMs: -Infinity,
    answeredMs: -Infinity,
    unanswered: 0,
    view: "none",
    silentMs: null,
    backMs: null,
    contrastMs: null,
    verdict: null,
  };
}
