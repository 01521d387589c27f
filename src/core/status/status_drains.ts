/**
 * The part of the status document about maintenance.
 */
import type { NodeId } from "../document/document.ts";
import { type Drain, type DrainKey, drainTargetText, isDraining } from "../document/drain.ts";
import { givesVipsAway } from "../document/draining.ts";
import { type OpenCount, openInCluster } from "../pool/drained_connections.ts";
import { incumbentOf, rankCandidates } from "../cluster/candidates.ts";
import { presentMembers } from "../cluster/member.ts";
import { formatServiceName } from "../service/service.ts";
import type { State } from "../state.ts";
import type { Steps } from "../steps.ts";
import type { StatusDrain } from "./status.ts";

/** Drains that count now, one in a step: each looks through all services. `own`: what this node's kernel counts. */
export function* statusDrains(
  state: State,
  own: Readonly<Record<DrainKey, OpenCount>>,
): Steps<StatusDrain[]> {
  const drains: StatusDrain[] = [];
  for (const [key, drain] of state.document.drains) {
    if (!isDraining(drain, state.wallMs)) continue;
    yield;
    drains.push(statusDrain(state, drain, openInCluster(state, key, own)));
  }
  return drains;
}

function statusDrain(state: State, drain: Drain, open: OpenCount | null): StatusDrain {
  const service = drain.service === null ? undefined : state.document.services.get(drain.service);
  return {
    target: targetName(state, drain),
    service: service === undefined ? drain.service : formatServiceName(service),
    comment: drain.comment,
    since: new Date(drain.sinceMs).toISOString(),
    until: drain.untilMs === null ? null : new Date(drain.untilMs).toISOString(),
    activeConnections: open?.active ?? null,
    inactiveConnections: open?.inactive ?? null,
    vips: "node" in drain.target && drain.service === null
      ? vipsToMove(state, drain.target.node)
      : [],
  };
}

function targetName(state: State, { target }: Drain): string {
  if (!("node" in target)) return drainTargetText(target);
  const { self } = state;
  if (target.node === self.id) return self.name;
  return state.peers.get(target.node)?.record.name ??
    state.document.nodes.get(target.node)?.name ?? target.node;
}

/** VIPs the node holds and should hand over: another can take them and is not drained too. */
function vipsToMove(state: State, node: NodeId): string[] {
  if (!givesVipsAway(state, node)) return [];
  return state.vips.filter((vip) => {
    const members = presentMembers(state, vip);
    if (incumbentOf(members)?.id !== node) return false;
    const best = rankCandidates(state, { members, vip, first: null }).find(({ id }) => id !== node);
    return best !== undefined && !givesVipsAway(state, best.id);
  });
}
