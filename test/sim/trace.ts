/**
 * What happened in a run, for people: moment, event, machine and text, aligned.
 */

/** One line of it. */
export interface TraceLine {
  readonly atMs: number;
  /** Number of the event in the run. */
  readonly event: number;
  /** A node's name; empty for what is about all of them. */
  readonly node: string;
  readonly text: string;
}

/** The lines as text. */
export function traceText(lines: readonly TraceLine[]): string {
  const last = lines.at(-1);
  const eventWidth = String(last?.event ?? 0).length;
  const nodeWidth = Math.max(...lines.map(({ node }) => node.length), 0);
  return lines.map(({ atMs, event, node, text }) =>
    `${(atMs / 1_000).toFixed(3).padStart(9)} s  #${String(event).padStart(eventWidth)}  ${
      node.padEnd(nodeWidth)
    }  ${text}`
  ).join("\n");
}
