/**
 * Who answers for a VIP.
 */
import type { Ip } from "../../../src/core/address.ts";
import { vipsOf } from "../../../src/core/document/document.ts";
import { ALONE_MS, ONE_HOLDER_MS, TWO_AGENTS_MS, TWO_ANSWERS_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { isDirector, isMajority, partsOf, wantsMajority } from "./parts.ts";
import { tolerated, type Wrong } from "./tolerated.ts";

const PUBLIC = "eth0";

/** Two machines that reach each other do not both answer for a VIP for longer than a lease and an announcement. */
export const twoAnswers: InvariantKind = {
  name: "no two machines on one LAN answer for a VIP for long",
  watch: (play) => {
    const { cluster, world } = play;
    /** Since when a pair answers, by VIP and names. */
    let since = new Map<string, { fromMs: number; calmMs: number }>();
    let dueMs = Infinity;
    const lookAt = (vip: Ip, a: SimNode, b: SimNode, next: typeof since): string | null => {
      if (!cluster.answers(b, vip) || !cluster.lan.joined(a, b, PUBLIC)) return null;
      const key = `${vip} ${a.name} ${b.name}`;
      const { nowMs } = world;
      const { lateMs } = cluster.lan;
      const calm = a.awake && b.awake && lateMs < Infinity && a.troubles + b.troubles === 0;
      const before = since.get(key);
      const pair = {
        fromMs: before?.fromMs ?? nowMs,
        calmMs: calm ? before?.calmMs ?? nowMs : Infinity,
      };
      if (pair.calmMs === Infinity && calm) pair.calmMs = nowMs;
      next.set(key, pair);
      const soonMs = TWO_AGENTS_MS + lateMs;
      dueMs = Math.min(dueMs, pair.fromMs + TWO_ANSWERS_MS + 1, pair.calmMs + soonMs + 1);
      const all = nowMs - pair.fromMs;
      play.took(`two machines answer (bound ${TWO_ANSWERS_MS})`, all);
      if (all > TWO_ANSWERS_MS) return `${a.name} and ${b.name} answer for ${vip} for ${all} ms`;
      const both = nowMs - pair.calmMs;
      if (cluster.lan.calm) {
        play.took(
          `two machines whose agents run answer (bound ${TWO_AGENTS_MS})`,
          Math.max(0, both),
        );
      }
      if (both <= soonMs) return null;
      return `${a.name} and ${b.name}, whose agents run, answer for ${vip} for ${both} ms`;
    };
    return {
      dueMs: () => dueMs,
      look: () => {
        dueMs = Infinity;
        const next: typeof since = new Map();
        for (const vip of play.knownVips) {
          const answering = cluster.nodes.filter((node) => cluster.answers(node, vip));
          for (const [index, a] of answering.entries()) {
            for (const b of answering.slice(index + 1)) {
              const wrong = lookAt(vip, a, b, next);
              if (wrong !== null) return wrong;
            }
          }
        }
        since = next;
        return null;
      },
    };
  },
};

/** A machine whose agent does not run stops answering when its lease ends. */
export const alone: InvariantKind = {
  name: "no machine answers for a VIP without its agent for longer than the lease",
  watch: (play) => {
    /** Since when an agent does not run, by the clock of its machine; null while it does. */
    const stoppedMs = new Map<SimNode, number | null>();
    let dueMs = Infinity;
    return {
      dueMs: () => dueMs,
      look: () => {
        dueMs = Infinity;
        for (const node of play.cluster.nodes) {
          const nowMs = node.clock.now();
          const fromMs = node.awake ? null : stoppedMs.get(node) ?? nowMs;
          stoppedMs.set(node, fromMs);
          if (fromMs === null) continue;
          const leftMs = fromMs + ALONE_MS - nowMs;
          if (leftMs >= 0) {
            // Where no agent runs nothing may happen at which it would be asked.
            if (!node.clock.stopped) dueMs = Math.min(dueMs, play.world.nowMs + leftMs + 1);
            continue;
          }
          const vip = play.knownVips.find((item) => play.cluster.answers(node, item));
          if (vip === undefined) continue;
          return `${node.name} answers for ${vip} ${nowMs - fromMs} ms after its agent last ran`;
        }
        return null;
      },
    };
  },
};

/** Once nothing new has happened for long enough, each connected part that has a fit director has one holder. */
export const oneHolder: InvariantKind = {
  name: "every connected part with a fit director has exactly one holder",
  watch: (play) =>
    tolerated(play, {
      promise: "until a part has one holder",
      boundMs: ONE_HOLDER_MS,
      find: () => unsettled(play),
    }),
};

/** What has not the holder that it should, by VIP and part. */
function* unsettled(play: Play): Generator<Wrong> {
  if (!play.cluster.lan.fair || play.world.nowMs < play.servesMs) return;
  for (const { all, hosts, agreed } of partsOf(play)) {
    if (all.some(({ troubles }) => troubles > 0)) continue;
    if (wantsMajority(play) && !isMajority(play, all)) continue;
    for (const vip of play.vips) {
      const holders = all.filter((node) => node.kernel.answers(vip));
      const isRight = agreed
        ? holders.length === 1 && hosts.includes(holders[0] as SimNode)
        : holders.length > 0;
      if (isRight || !hosts.some((node) => isFit(node, vip))) continue;
      const where = hosts.map(({ name }) => name).join(", ");
      const names = holders.map(({ name }) => name);
      const who = names.length === 0 ? "nobody answers" : `${names.join(" and ")} answer`;
      const key = `${vip} in the part ${where}`;
      yield { key, what: `${key}: ${who}` };
    }
  }
}

/** Whether the machine could hold the VIP, as far as the world goes. */
function isFit(node: SimNode, vip: Ip): boolean {
  return isDirector(node) && vipsOf(node.store.current()).includes(vip);
}
