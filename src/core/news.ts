/**
 * Which facts cannot wait for the next turn of the loop's clock.
 */
import { sameClaims } from "./cluster/pulse.ts";
import type { State } from "./state.ts";
import type { Fact } from "./step.ts";

/**
 * Peers up to which each record is acted on at once. Of more nodes many tell the same change, and a turn of the loop
 * for each looks at all servers of all: their records wait for the next turn of the clock, and are one.
 */
const PROMPT_PEERS = 10;

/** Whether a fact should be acted on at once; others wait for the next tick of the clock. */
export function isNews(state: State, fact: Fact): boolean {
  if (fact.kind === "answer") return false;
  if (fact.kind === "record") return state.peers.size < PROMPT_PEERS;
  if (fact.kind !== "pulse") return true;
  const { pulse } = fact;
  const life = state.peers.get(pulse.from)?.life;
  return life === undefined || pulse.ask || pulse.boot !== life.boot ||
    pulse.echo !== state.self.boot ||
    pulse.leaving !== life.leaving || pulse.starting !== life.starting || life.state !== "alive" ||
    pulse.deaf !== life.deaf || pulse.witness !== life.witness ||
    !sameClaims(life.claims, pulse.claims);
}
