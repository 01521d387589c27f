/**
 * The promises to users that the simulator holds every run to: README.md says them in words ("What it promises"). Every
 * bound is made of the times on which the product rests.
 */
import {
  ANNOUNCE_MS,
  LEASE_S,
  PRESSING_TICK_MS,
  RECORD_MS,
  TICK_MS,
} from "../../src/core/timing.ts";

/** Lifetime of a VIP on an interface that nobody renews, ms. */
export const LEASE_MS = LEASE_S * 1_000;
/** Time between the announcements of a new holder, while neighbours still learn of it, ms. */
export const ANNOUNCE_INTERVAL_MS = (ANNOUNCE_MS[2] ?? 0) - (ANNOUNCE_MS[1] ?? 0);

/**
 * Longest time two machines that reach each other may both answer for a VIP, ms: one of them has no agent that runs, and
 * answers until its lease ends; the other has been announced at least twice by then.
 */
export const TWO_ANSWERS_MS = LEASE_MS + ANNOUNCE_INTERVAL_MS;
/**
 * The same where both have agents that run and no datagram gets lost, ms: one beat until the claims meet, a second for
 * a beat that had just gone, and the turns of the loops.
 */
export const TWO_AGENTS_MS = 2 * 100 + TICK_MS + PRESSING_TICK_MS;
/**
 * Longest time until all neighbours of a new holder send to it, ms: it hears in a beat and a turn of the loops that its
 * rival is gone, and an announcement that is heard by those whose entry was new (arp(7), locktime) comes then.
 */
export const LEARNT_MS = 100 + 2 * TICK_MS + (ANNOUNCE_MS[3] ?? 0);
/** Time for which a table stays wrong that its kernel refused to change, ms: the agent tries again every second. */
export const REPAIRED_MS = 1_000 + 2 * TICK_MS;
/**
 * Longest time nobody answers for a VIP whose holder loses power while all is well, ms: the dead time, of which a beat may
 * be over, and the turns of the loop. The LAN is asked meanwhile.
 */
export const CRASH_MS = 400 + 5 * TICK_MS;
/**
 * Longest time two tables forward to each other where datagrams get lost, ms: some ten pulses, so that a holder hears of another
 * one even where a third of them is lost.
 */
export const LOSSY_CIRCLE_MS = 1_000;
/** Longest time a machine answers for a VIP whose agent does not run, ms: its kernel does until the lease ends. */
export const ALONE_MS = LEASE_MS;
/**
 * Time without anything new after which every connected part that has a fit director has exactly one machine that
 * answers, ms.
 */
export const ONE_HOLDER_MS = 6_000;
/** Time without anything new after which a server that works is in the pool of every holder that reaches it, ms. */
export const IN_POOL_MS = 6_000;
/** Time without anything new after which a service whose servers all fail gives its clients what it says, ms. */
export const LAST_RESORT_MS = 3_000;
/**
 * Longest time a server whose daemon has died gets connections, ms, while the agents on both sides run: a look at the
 * sockets, a turn of each loop, the way of the news, and the change of a table.
 */
export const DIED_MS = 250;
/** Time after a cut or a pause from which on that holds, ms: news that was swallowed comes again with the next record. */
export const HEARD_MS = 2 * RECORD_MS;
/** The same for a server that its holder has to find out about: checks that fail, or a node that falls silent, ms. */
export const OUT_OF_POOL_MS = 6_000;
/** Time without anything new after which all replicas that reach each other are equal, ms. */
export const CONVERGED_MS = 4_000;
/** Most takeovers of one VIP for one thing that happens: it begins, and it ends. */
export const TAKEOVERS_PER_FAULT = 1;

/** The holder's public network is down, its private one lives, and it has a gateway witness: another holds the VIP, ms. */
export const CUT_PUBLIC_MS = 3_000;
/** A holder that hears neither its gateway witness nor any node has let go, ms. */
export const CUT_OFF_MS = 3_000;
/** With `quorum majority`: a holder without a majority has let go, if its agent runs, ms. */
export const NO_MAJORITY_MS = 600;
/** With `quorum majority`: after the holder's death or a cut, the majority has a holder, ms. */
export const MAJORITY_MS = 5_000;
