/**
 * VIPs do not change hands more often than there is reason to.
 */
import type { Ip } from "../../../src/core/address.ts";
import { ONE_HOLDER_MS, TAKEOVERS_PER_FAULT } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";

/** Takeovers of a VIP are bounded by what happens: nothing flaps. */
export const fewTakeovers: InvariantKind = {
  name: "takeovers are bounded by what happens",
  watch: (play) => {
    const answered = new Map<Ip, Set<string>>();
    const takeovers = new Map<Ip, number>();
    // Where VIPs go back by themselves, they do so at their own time.
    const goesBack = play.plan.shape.vips.some(({ failbackS }) => failbackS !== null);
    return {
      dueMs: () => Infinity,
      look: () => {
        for (const vip of play.vips) {
          const before = answered.get(vip) ?? new Set<string>();
          const now = new Set(
            play.cluster.nodes.filter((node) => node.powered && node.kernel.answers(vip))
              .map(({ name }) => name),
          );
          const fresh = [...now].filter((name) => !before.has(name)).length;
          answered.set(vip, now);
          const count = (takeovers.get(vip) ?? 0) + fresh;
          takeovers.set(vip, count);
          const allowed = TAKEOVERS_PER_FAULT * (1 + play.disturbances);
          const calmMs = play.world.nowMs - play.disturbedMs;
          // A gateway witness that was silent counts again long after, and then what waited for it is done.
          const awaited = goesBack || play.witnesses.changedIn(ONE_HOLDER_MS);
          if (fresh > 0 && calmMs > ONE_HOLDER_MS && !awaited && play.cluster.lan.fair) {
            return `${vip} changes hands ${calmMs} ms after anything happened`;
          }
          if (play.world.nowMs > play.servesMs) {
            play.took(
              `takeovers per disturbance, of 1,000 (bound ${1_000 * TAKEOVERS_PER_FAULT})`,
              1_000 * count / (1 + play.disturbances),
            );
          }
          if (count > allowed) {
            return `${vip} was taken over ${count} times by ${play.disturbances} disturbances`;
          }
        }
        return null;
      },
    };
  },
};
