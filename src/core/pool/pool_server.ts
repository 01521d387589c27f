/**
 * A server of a service's pool, as one node sees it at one moment.
 */
import type { Ip } from "../address.ts";
import type { Drain } from "../document/drain.ts";
import type { NodeId } from "../node_id.ts";
import type { Forwarding, Tunnel } from "../service/forwarding.ts";
import type { Advice } from "./advice.ts";

/** What is said of a member whose node starts: it may serve in a moment. */
export const STARTING = "is starting";
/** What is said of a member whose node ends on purpose. */
export const LEAVING = "is leaving";

/** One candidate of a service's pool. */
export interface PoolServer {
  /** The member; null for a machine without an agent. */
  readonly node: NodeId | null;
  /** Name of the member, or address of the machine. */
  readonly name: string;
  readonly address: Ip;
  readonly port: number;
  readonly forwarding: Forwarding;
  readonly tunnel: Tunnel | null;
  /** Weight while it is up: of this moment, see effective_weight.ts. */
  readonly weight: number;
  readonly upper: number;
  readonly lower: number;
  /** In the pool: gets new connections while this node spreads over everybody. */
  readonly up: boolean;
  readonly reason: string;
  /** Weight as operators gave it. */
  readonly base: number;
  /** It is down because a check failed or its node is dead, not only because nobody has looked or it is leaving. */
  readonly failed: boolean;
  /** It works, and is held down because it went down too often. */
  readonly held: boolean;
  /** What it says of its own weight and state. */
  readonly advice?: Advice;
  /** The member's own verdict, in words; empty for a machine without an agent. */
  readonly own: string;
  /** This node's verdict over the network, in words; empty when it does not check. */
  readonly reached: string;
  /** The maintenance it is in: it gets no new connections; null when it is in none. */
  readonly drain: Drain | null;
}
