/**
 * Who is in maintenance, by the drains of the document.
 */
import { formatEndpoint, type Ip } from "../address.ts";
import type { NodeId } from "../node_id.ts";
import type { ServiceKey } from "../service/service.ts";
import type { State } from "../state.ts";
import type { ClusterDocument } from "./document.ts";
import { type Drain, type DrainKey, isDraining } from "./drain.ts";

/** The part of the state by which drains are judged. */
export type DrainView = Pick<State, "document" | "wallMs">;

/** A candidate of a service, as far as drains know it. */
export interface Drainable {
  /** The member; null for a machine without an agent. */
  readonly node: NodeId | null;
  readonly address: Ip;
  readonly port: number;
}

/** The drain under which a candidate of a service is, the one about this service first; null when it serves. */
export function drainOf(view: DrainView, service: ServiceKey, server: Drainable): Drain | null {
  const { drains } = view.document;
  if (drains.size === 0) return null;
  for (const key of keysOf(service, server)) {
    const drain = drains.get(key);
    if (drain !== undefined && isDraining(drain, view.wallMs)) return drain;
  }
  return null;
}

/** Keys of the entries that could be about a candidate, the most particular first. */
function keysOf(service: ServiceKey, { node, address, port }: Drainable): DrainKey[] {
  if (node !== null) return [`${service}|${node}`, `*|${node}`];
  const endpoint = formatEndpoint({ address, port });
  return [`${service}|${endpoint}`, `*|${endpoint}`, `*|${address}`];
}

/** Whether there is an entry about a candidate, lifted ones included. */
export function isMentioned(
  { drains }: Pick<ClusterDocument, "drains">,
  service: ServiceKey,
  server: Drainable,
): boolean {
  return drains.size > 0 && keysOf(service, server).some((key) => drains.has(key));
}

/** Whether the node is drained as a whole and should hold no VIP if another can. */
export function givesVipsAway(view: DrainView, node: NodeId): boolean {
  const drain = view.document.drains.get(`*|${node}`);
  return drain !== undefined && !drain.keepVips && isDraining(drain, view.wallMs);
}

/** Whether a drain begins to count or ends between two moments of the wall clock, which may also be set back. */
export function drainsTurn(view: DrainView, wallMs: number): boolean {
  for (const drain of view.document.drains.values()) {
    if (isDraining(drain, view.wallMs) !== isDraining(drain, wallMs)) return true;
  }
  return false;
}
