/**
 * No packet runs in a circle.
 */
import { type Service, serviceKey, vipsOfService } from "../../../src/core/service/service.ts";
import { LOSSY_CIRCLE_MS, REPAIRED_MS, TWO_AGENTS_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import { type Circle, circleText, type SimCluster } from "../cluster.ts";
import type { Play } from "../play.ts";

/** A new connection cannot run in a circle between the tables of any nodes. */
export const noLoop: InvariantKind = {
  name: "no forwarding loop",
  watch: (play) => {
    let dueMs = Infinity;
    /** When each machine last answered for a VIP, by both. */
    const answeredMs = new Map<string, number>();
    /** When each circle that is there now was first seen. */
    let seenMs = new Map<string, number>();
    return {
      dueMs: () => dueMs,
      look: () => {
        dueMs = Infinity;
        const { nowMs } = play.world;
        noteAnswers(play, answeredMs);
        const next: typeof seenMs = new Map();
        for (const service of play.knownServices) {
          for (const circle of play.cluster.forwardingLoops(service)) {
            // The same circle is found from each of its machines.
            const key = `${circle.map(({ name }) => name).toSorted()} ${serviceKey(service)}`;
            const fromMs = seenMs.get(key) ?? nowMs;
            next.set(key, fromMs);
            const untilMs = Math.max(repairedMs(play, circle), knownMs(play, circle, fromMs));
            if (nowMs <= untilMs) {
              dueMs = Math.min(dueMs, untilMs + 1);
              continue;
            }
            const metMs = whenMet(play.cluster, circle);
            if (!isUnheard(play, { service, circle, metMs, answeredMs })) {
              return `a connection of ${serviceKey(service)} can run ${circleText(circle)}`;
            }
            dueMs = Math.min(dueMs, metMs + TWO_AGENTS_MS + 1);
          }
        }
        seenMs = next;
        return null;
      },
    };
  },
};

/** Until when a table may be wrong because a kernel refused to change it: it keeps what it has, whatever its agent wants. */
function repairedMs({ settled }: Play, circle: Circle): number {
  return Math.max(...circle.map((node) => settled.troubledMs(node))) + REPAIRED_MS;
}

/**
 * Until when two may not know of each other: where datagrams get lost, or where the agent of one stands still, whose kernel
 * goes on with the table it has, until the table of the other knows that.
 */
function knownMs({ cluster }: Play, circle: Circle, fromMs: number): number {
  const { calm, lateMs } = cluster.lan;
  if (lateMs === Infinity) return fromMs + LOSSY_CIRCLE_MS;
  if (!calm) return fromMs + TWO_AGENTS_MS + lateMs;
  const asleep = circle.some((node) => !node.awake);
  return asleep ? fromMs + TWO_AGENTS_MS : -Infinity;
}

function noteAnswers({ cluster, knownVips, world }: Play, answeredMs: Map<string, number>): void {
  for (const node of cluster.nodes) {
    for (const vip of knownVips) {
      if (cluster.answers(node, vip)) answeredMs.set(`${node.name} ${vip}`, world.nowMs);
    }
  }
}

/** When the machines of a circle last began to hear each other, at the earliest: a cable, or one that had stood still. */
function whenMet(cluster: SimCluster, circle: Circle): number {
  const resumed = circle.map(({ resumedMs }) => resumedMs);
  return Math.max(cluster.lan.changedMs, ...resumed);
}

/**
 * Whether the circle is one of holders that did not hear each other until just now: neither can know of the other before its
 * first pulse comes. It is there only while a table does not know yet that its node gave the other up for dead.
 */
function isUnheard(
  { world }: Play,
  { service, circle, metMs, answeredMs }: {
    readonly service: Service;
    readonly circle: Circle;
    readonly metMs: number;
    readonly answeredMs: ReadonlyMap<string, number>;
  },
): boolean {
  if (world.nowMs - metMs > TWO_AGENTS_MS) return false;
  const [vip] = vipsOfService(service);
  // One may have heard of the other in the one direction and have let go, while its table is being changed.
  return circle.every(({ name }) =>
    (answeredMs.get(`${name} ${vip}`) ?? -Infinity) >= metMs - TWO_AGENTS_MS
  );
}
