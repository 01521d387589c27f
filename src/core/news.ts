/**
 * Which facts cannot wait for the next turn of the loop's clock.
 */
import { hasAnswer } from "./cluster/answers.ts";
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
  // Recordings of earlier runs are no news, and those of an earlier run of this node only while they are answered.
  if (life === undefined || pulse.boot < life.boot) return false;
  if (pulse.boot > life.boot || pulse.echo !== state.self.boot) {
    return hasAnswer(life, state.lastTickMs);
  }
  return pulse.ask || pulse.leaving !== life.leaving || pulse.starting !== life.starting ||
    life.state !== "alive" ||
    pulse.deaf !== life.deaf || pulse.witness !== life.witness ||
    !sameClaims(life.claims, pulse.claims);
}
