/**
 * The times on which takeover rests, each with its reason, so that they can be read side by side.
 * The beat itself (`pulseMs`, `deadMs`) is configuration.
 */

/** How often the agent looks at everything while all is well, ms. With a late timer it still sees a socket gone within 50 ms. */
export const TICK_MS = 40;
/** How often while something hangs in the balance: a silent peer, a question to the LAN, a handover. It bounds how late a decision is. */
export const PRESSING_TICK_MS = 20;
/** The slow beat between nodes that do not depend on each other's speed, ms. */
export const SLOW_PULSE_MS = 1_000;
/** Pulses that may be missing before silence means death, on a beat slower than the configured one. */
export const MISSED_PULSES_MAX = 4;
/** Share of the dead time after which a peer is suspect, and the LAN is asked in advance. */
export const SUSPECT_SHARE = 0.5;
/**
 * Questions a suspect peer is asked for each pulse it would get otherwise. At the defaults that is one in every turn of
 * the loop, some ten before it is dead: where a tenth of all datagrams is lost, a false death takes all of three pulses,
 * ten questions or their answers, 0.1^3 * 0.19^10: once in fifty years of ten pulses a second.
 */
export const SUSPECT_ASKS = 5;
/** Time in which a suspect peer that lives has answered a holder, ms: some twenty questions. */
export const UNANSWERED_MS = 400;
/** Time a directly asked peer has to answer after its connection closed, ms: several round trips and a busy machine. */
export const ASK_ANSWER_MS = 200;

/** Lifetime of a VIP on its interface, s: rtnetlink counts in seconds, and 1 s would lapse in a short stall. */
export const LEASE_S = 2;
/** How often the lifetime is renewed, ms: three renewals may fail before the address lapses. */
export const RENEW_MS = 500;
/** A pause of this node's own loop after which it trusts no silence, ms. */
export const CLOCK_GAP_MS = 250;

/** Time between two questions to the LAN, ms. */
export const WITNESS_ASK_MS = 30;
/** Questions since the last answer that must stay unanswered before the LAN counts as silent. */
export const WITNESS_ASKS_MIN = 3;
/** Time the last of them must have gone unanswered, ms. A LAN answers in one; longer than a turn would cost another. */
export const WITNESS_ANSWER_MS = 10;
/** A round of questions older than this is forgotten and begun anew, ms. */
export const WITNESS_STALE_MS = 200;

/** How often a gateway witness that answers is asked, ms; and one that never did. */
export const GATEWAY_ASK_MS = 1_000;
/** How often it is asked while its answer is missing, ms. A gateway answers in one. */
export const GATEWAY_FAST_MS = 40;
/** How often a silent one is asked, ms. */
export const GATEWAY_SILENT_ASK_MS = 250;
/** Age from which an answer is too old for a peer that has doubts, ms. */
export const GATEWAY_FRESH_MS = 200;
/** Questions that must stay unanswered before it is silent: where a tenth of all frames is lost, 0.19^12 is one in 450 million. */
export const GATEWAY_FALL_ASKS = 12;
/** Time for which the witness of a peer must answer while this node's is silent, ms: theirs may have died in the same moment. */
export const GATEWAY_COMPARE_MS = 500;
/** Time for which it must answer again before it counts, ms: a gateway that comes and goes moves a VIP once in this time at most. */
export const GATEWAY_RISE_MS = 10_000;
/** Unanswered questions after which that time begins anew. */
export const GATEWAY_BACK_MISSES = 3;
/** Time within which witness and nodes must have fallen silent to be one event, ms: the slow beat's death, and some. */
export const GATEWAY_TOGETHER_MS = 5_000;
/** How often the default gateway is looked up, ms. */
export const GATEWAY_LOOK_MS = 5_000;
/** How often the LAN is asked who else has this node's address and its VIPs, ms: less than the time for which people are warned. */
export const OWN_ADDRESS_MS = 25_000;

/** With a majority asked for: beside lease and dead times, the time before a claim, ms, for late turns and the kernel's clock. */
export const QUORUM_SLACK_MS = 500;
/** Pulses of the slow beat that may be missing before a member is not counted. */
export const QUORUM_FRESH_PULSES = 2;

/**
 * Time for which new connections go to the successor only before it takes over, ms. After it every
 * connection to another server has ended or has reached the successor by the sync daemon, which sends
 * a half-full buffer after two seconds (IPVS_SYNC_FLUSH_TIME, net/netfilter/ipvs/ip_vs_sync.c).
 */
export const FUNNEL_MS = 2_500;
/** Time for which a node that let go still balances what arrives, ms: neighbours ignore ARP news for a second (arp(7), locktime). */
export const LINGER_MS = 2_500;
/** How long a node that has just started waits for the word of a peer that it hears, ms: gossip meets within two seconds. */
export const MEET_MS_MAX = 3_000;
/**
 * How long whoever is preferred for a VIP that nobody holds is waited for, ms, before the next one takes it: longer than
 * anything that makes it wait itself.
 */
export const AWAITED_MS_MAX = MEET_MS_MAX + 1_000;
/** What the second of two that wait for each other waits longer, ms: it hears of the other's claim in a beat. */
export const AWAITED_APART_MS = 500;
/**
 * Longest time for which a node that is invited to take a VIP makes its table ready first, ms, so that it and the node
 * that let go do not forward to each other. A table that takes longer is not worth the silence.
 */
export const READY_MS_MAX = 250;
/** Time a leaving node waits for a successor, ms, before it lets go anyway. */
export const LEAVE_WAIT_MS = 5_000;
/** The same for all successors together, ms, where one after the other fails: a stopping agent ends after 15 s anyway. */
export const LEAVE_WAIT_MS_MAX = 10_000;

/** When a claim is announced, ms after it: at once, again for lost packets, and past the one-second ARP locktime. */
export const ANNOUNCE_MS: readonly number[] = [0, 100, 500, 1_100, 2_200, 3_300, 5_000];
/**
 * How long a director that is back is heard before a holder announces itself to what came back with it, ms: two beats of
 * another holder there, to which this one may lose, and the turns of the loops.
 */
export const REUNION_MS = 300;
/** How often a held VIP is announced for ever after, ms: repairs caches nobody told. */
export const ANNOUNCE_REFRESH_MS = 30_000;

/** Time before a VIP goes back at which the preferred node makes its table ready, ms: the two clocks began apart. */
export const FAILBACK_READY_MS = 5_000;
/** Time for which a node whose kernel refused a VIP leaves it to others, ms; then it may try again. */
export const REFUSED_MS = 3_000;

/** How often a node tells its record without news, ms, in a cluster of up to ten; it stretches beyond. */
export const RECORD_MS = 1_000;
/** How often a node looks how busy it is, ms: as often as it tells. */
export const LOAD_MS = 1_000;
/** How often the listening sockets of this machine are looked at, ms: in every tick, also one that comes a little early. */
export const LISTENERS_MS = 30;
/** How often addresses and links are looked at, ms. */
export const NETWORK_MS = 250;
/**
 * Longest time between two looks at the whole IPVS table, ms: only a table that takes a second to read is looked at so
 * seldom. A slow machine with 11,000 rows, looking every ten seconds, did little else.
 */
export const TABLE_MS_MAX = 60_000;
/** Shortest time between two looks at the whole IPVS table, ms. */
export const TABLE_MS_MIN = 1_000;

/**
 * Time a node that lost its document waits for a peer before it goes on with what is left, ms: enough for peers that
 * start at the same moment, and for several attempts to connect.
 */
export const DOCUMENT_WAIT_MS = 30_000;
