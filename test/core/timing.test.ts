import { describe, expect, test } from "bun:test";
import { configSchema } from "../../src/core/config.ts";
import {
  ANNOUNCE_MS,
  ASK_ANSWER_MS,
  CLOCK_GAP_MS,
  FUNNEL_MS,
  LEASE_S,
  LEAVE_WAIT_MS,
  LINGER_MS,
  MISSED_PULSES_MAX,
  NETWORK_MS,
  PRESSING_TICK_MS,
  RENEW_MS,
  SUSPECT_ASKS,
  SUSPECT_SHARE,
  TICK_MS,
  WITNESS_ANSWER_MS,
  WITNESS_ASK_MS,
  WITNESS_ASKS_MIN,
  WITNESS_STALE_MS,
} from "../../src/core/timing.ts";

/** Linux takes no second ARP news about an address for so long (arp(7), locktime), ms. */
const ARP_LOCKTIME_MS = 1_000;

const { deadMs, pulseMs } = configSchema.parse({
  cluster: "c",
  name: "n",
  interface: "eth0",
  address: "192.0.2.1",
  token: `troop1-${"0".repeat(64)}`,
});

/** What takeover rests on: each number alone could be changed, and together they would not work any more. */
describe("timing", () => {
  const relations: [what: string, holds: boolean][] = [
    ["three renewals may fail before a lease ends", 4 * RENEW_MS <= LEASE_S * 1_000],
    [
      "a lease outlives the longest pause that is not noticed, late renewal included",
      RENEW_MS + CLOCK_GAP_MS + TICK_MS < LEASE_S * 1_000,
    ],
    ["an ordinary turn is no pause", 2 * TICK_MS < CLOCK_GAP_MS],
    [
      "a peer is suspect in time to ask the LAN before it is dead",
      deadMs * SUSPECT_SHARE >=
        (WITNESS_ASKS_MIN - 1) * (WITNESS_ASK_MS + PRESSING_TICK_MS) + 2 * PRESSING_TICK_MS,
    ],
    ["the turn after a question sees its answer", WITNESS_ANSWER_MS < PRESSING_TICK_MS],
    ["a round that goes on is never stale", WITNESS_STALE_MS > WITNESS_ASK_MS + 2 * TICK_MS],
    ["a pause makes every round stale", CLOCK_GAP_MS > WITNESS_STALE_MS],
    ["a closed connection finds a dead node sooner than silence", ASK_ANSWER_MS < deadMs],
    [
      "a silent peer is asked at least eight times before it is dead",
      deadMs * (1 - SUSPECT_SHARE) / (pulseMs / SUSPECT_ASKS) >= 8,
    ],
    ["one lost pulse makes nobody suspect", 2 * pulseMs <= deadMs * SUSPECT_SHARE],
    ["several are lost before somebody is dead", MISSED_PULSES_MAX * pulseMs <= deadMs],
    ["who let go serves until its neighbours take the news", LINGER_MS > 2 * ARP_LOCKTIME_MS],
    [
      "a leaving node waits for the whole handover",
      LEAVE_WAIT_MS > FUNNEL_MS + 2 * ARP_LOCKTIME_MS,
    ],
    [
      "announcements go on past the time in which the first may have been refused",
      ANNOUNCE_MS.filter((ms) => ms > ARP_LOCKTIME_MS).length >= 2,
    ],
    ["a lapsed address is noticed within its lease", NETWORK_MS < LEASE_S * 1_000],
  ];
  test.each(relations)("%s", (_what, holds) => {
    expect(holds).toBe(true);
  });

  test("announcements come in order, the first at once", () => {
    expect(ANNOUNCE_MS[0]).toBe(0);
    expect(ANNOUNCE_MS).toEqual(ANNOUNCE_MS.toSorted((a, b) => a - b));
  });
});
