/**
 * Faults of disks, in clusters that keep their state on them. What a power cut leaves is crash's affair.
 */
import type { DiskMood } from "../disk.ts";
import { anyNode, faultKind } from "../fault_kind.ts";

/** What writes take longer on a disk that is busy, ms. */
const SLOW_MS = [30, 300, 800] as const;

/** A disk takes nothing more, says that it failed though it did not, or is slow. */
export const disk = faultKind<{ node: string; mood: DiskMood; slowMs: number }>({
  name: "disk",
  about: "disk",
  weight: 6,
  lasts: true,
  plan: (draw, shape) => {
    if (shape.nodes[0]?.disk !== true) return null;
    const node = anyNode(draw, shape);
    return draw.chance(0.7)
      ? { node, mood: draw.pick(["full", "late"] as const), slowMs: 0 }
      : { node, mood: "well", slowMs: draw.pick(SLOW_MS) };
  },
  apply: ({ cluster, begin }, { node: name, mood, slowMs }) => {
    const node = cluster.node(name);
    return begin(`disk ${name}`, {
      start: () => {
        // What is the agent's own has to be on disk before it touches the kernel.
        node.troubles++;
        if (node.disk !== null) Object.assign(node.disk, { mood, slowMs });
      },
      end: () => {
        node.troubles--;
        if (node.disk !== null) Object.assign(node.disk, { mood: "well", slowMs: 0 });
      },
    });
  },
  words: ({ node, mood, slowMs }) =>
    slowMs > 0 ? `${node}'s disk takes ${slowMs} ms longer` : `${node}'s disk is ${mood}`,
});
