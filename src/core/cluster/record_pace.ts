/**
 * How often a node tells its record by gossip, so that what every node hears does not grow with the cluster: at rest
 * ten records a second at most, and while much changes a hundred.
 */
import { RECORD_MS } from "../timing.ts";

/** Nodes up to which a record goes out every {@link RECORD_MS}; above, the period grows with the cluster. */
const RECORD_NODES = 10;
/** What a change of one node costs the pace of all, ms per node: with n nodes, n records in n times this. */
const CHANGE_MS_PER_NODE = 10;
/** Changes a node may tell one after the other without waiting: a server goes down, a VIP is taken, a VIP is let go. */
const CHANGES_AT_ONCE = 3;

/** Pause before a record is told again for peers that have just come, ms: several come together at a start. */
const WELCOME_MS = 50;
/**
 * The same for each peer, ms: a welcome goes to everybody, so when a whole cluster starts at once, everybody hears so
 * many welcomes in so much time, and not as many as there are pairs.
 */
const WELCOME_MS_PER_PEER = 20;

/** Time between two records of a node without news, ms, in a cluster of so many nodes. */
export function recordPeriodMs(nodes: number): number {
  return RECORD_MS * Math.max(1, nodes / RECORD_NODES);
}

/** Time between two records that tell of changes, in the long run, ms. */
export function changePeriodMs(nodes: number): number {
  return CHANGE_MS_PER_NODE * nodes;
}

/** How many changes may be told at a moment: a token bucket. */
export interface Allowance {
  readonly left: number;
  readonly atMs: number;
}

/** The allowance of a node that has told nothing yet. */
export const FULL_ALLOWANCE: Allowance = { left: CHANGES_AT_ONCE, atMs: 0 };

/** The allowance at `now`: it has grown meanwhile. */
export function allowanceAt(before: Allowance, nodes: number, now: number): Allowance {
  const grown = before.left + Math.max(0, now - before.atMs) / changePeriodMs(nodes);
  return { left: Math.min(CHANGES_AT_ONCE, grown), atMs: now };
}

/** How long a node with so many peers waits before it tells its record again for those that have just come, ms. */
export function welcomeDelayMs(peers: number): number {
  return Math.max(WELCOME_MS, WELCOME_MS_PER_PEER * peers);
}
