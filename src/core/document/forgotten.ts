/**
 * Nodes that operators removed for good while they were dead. What such a node says is not believed any more; it
 * holds nothing when it comes back, and joins again under a new identity.
 */
import { type ClusterDocument, type Edit, type NodeId, serverEntries } from "./document.ts";
import { drainKey } from "./drain.ts";
import { serverKey } from "../service/server.ts";
import type { State } from "../state.ts";

/** Why a forgotten node holds nothing, in the words of a refusal to hold a VIP. */
export const FORGOTTEN = "the cluster has forgotten this node";

/** Whether the node was removed for good. */
export function isForgotten({ nodes }: Pick<ClusterDocument, "nodes">, id: NodeId): boolean {
  return nodes.get(id)?.forgotten === true;
}

/** Whether this node was: by the document, or because a member says so. */
export function isSelfForgotten(state: State): boolean {
  return state.forgotten || isForgotten(state.document, state.self.id);
}

/** Why this node takes part in nothing, whatever it could do; null when it takes part. */
export function asideReason(state: State): string | null {
  if (isSelfForgotten(state)) return FORGOTTEN;
  return state.twin === null ? null : `another machine, at ${state.twin}, has this node's identity`;
}

/** What removes a node: its drains, weights, preferences and orders go; a mark stays, so that it is told. */
export function forgetEdits(document: ClusterDocument, id: NodeId, name: string): Edit[] {
  const drains = [...document.drains.values()]
    .filter(({ target }) => "node" in target && target.node === id)
    .map((drain): Edit => ({ kind: "removeDrain", key: drainKey(drain) }));
  const servers = [...document.services.keys()]
    .flatMap((key) => [...serverEntries(document, key)])
    .filter(({ target }) => "node" in target && target.node === id)
    .map((entry): Edit => ({ kind: "removeServer", key: serverKey(entry) }));
  const vips = [...document.vips.values()].filter(({ prefer }) => prefer.includes(id))
    .map((vip): Edit => ({
      kind: "putVip",
      vip: { ...vip, prefer: vip.prefer.filter((one) => one !== id) },
    }));
  return [...drains, ...servers, ...vips, {
    kind: "putNode",
    id,
    entry: { name, left: true, forgotten: true },
  }];
}
