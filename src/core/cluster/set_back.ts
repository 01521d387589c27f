/**
 * Boot numbers that go back. They grow with every start, so the highest one is the true run of a node; but a machine whose
 * clock stood in a far year at one start, and that has lost its number since, would count as an earlier run of itself
 * for ever. So a lower number counts too, once nothing has been heard of the higher one for a while: no recording can
 * do that, because it must name the receiver's present boot and come from no run this node has heard.
 */
import { formatDuration } from "../duration.ts";
import type { Peer, State } from "../state.ts";
import type { Pulse } from "./pulse.ts";
import { noteWarning } from "./notes.ts";

/** Silence of the higher run, ms: far longer than any datagram or record is under way. */
export const SET_BACK_MS = 10_000;

/** Takes the run of this pulse for the present one, if it is one whose number went back. */
export function followSetBack(
  state: State,
  { peer, pulse }: { readonly peer: Peer; readonly pulse: Pulse },
  now: number,
): void {
  const { life, record } = peer;
  const highest = Math.max(life.boot, record.boot);
  if (pulse.boot >= highest || pulse.echo !== state.self.boot) return;
  const heardMs = life.boot > pulse.boot ? Math.max(life.heardMs, life.metMs) : -Infinity;
  const toldMs = record.boot > pulse.boot ? peer.toldMs : -Infinity;
  if (now - Math.max(heardMs, toldMs, state.trustedFromMs) < SET_BACK_MS) return;
  const text = `${record.name} counts its starts from a number ${
    formatDuration(highest - pulse.boot)
  } lower than before: its clock was ahead then, or its state is an old copy; what it says now counts`;
  noteWarning(state, { key: `boot ${record.id}`, text }, now);
  if (life.boot > pulse.boot) life.boot = pulse.boot - 1;
  if (record.boot > pulse.boot) peer.record = { ...record, boot: pulse.boot, sequence: -1 };
}
