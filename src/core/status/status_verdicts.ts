/**
 * Who says what of a server, for the status document: the member itself, and this node over the network.
 */
import type { NodeId } from "../document/document.ts";
import type { History } from "../pool/health.ts";
import type { Verdict } from "../cluster/record.ts";
import { ownVerdict } from "../pool/pool.ts";
import { type Service, serviceKey } from "../service/service.ts";
import { type ServerKey, serverKey } from "../service/server.ts";
import type { State } from "../state.ts";
import type { StatusVerdict } from "./status.ts";

/** Both verdicts; null where nobody says anything, or this node does not know it. */
export interface BothVerdicts {
  readonly own: StatusVerdict | null;
  readonly holder: StatusVerdict | null;
}

/** The verdicts on a server: of a member, or of a machine without an agent (`node` null). */
export function verdictsOn(
  state: State,
  service: Service,
  server: { readonly node: NodeId | null; readonly address: string; readonly port: number },
): BothVerdicts {
  const key = serviceKey(service);
  const { node, address, port } = server;
  if (node === null) {
    const target: ServerKey = serverKey({ service: key, target: { address, port } });
    return { own: null, holder: verdictOf(state.external.get(target)) };
  }
  if (node === state.self.id) {
    const history = state.own.get(key);
    if (history === undefined) return { own: null, holder: null };
    return { own: verdictOf({ ...history, ...ownVerdict(state, service) }), holder: null };
  }
  const peer = state.peers.get(node);
  return {
    own: verdictOf(peer?.record.verdicts[key]),
    holder: verdictOf(peer?.reached.get(key)),
  };
}

function verdictOf(
  verdict: Verdict & Pick<History, "lastError"> | undefined,
): StatusVerdict | null {
  if (verdict === undefined) return null;
  const { up, reason, sinceMs, tookMs, lastError } = verdict;
  return {
    up,
    reason,
    since: new Date(sinceMs).toISOString(),
    tookMs: Math.round(tookMs * 10) / 10,
    lastError: lastError === undefined
      ? null
      : { reason: lastError.reason, at: new Date(lastError.atMs).toISOString() },
  };
}
