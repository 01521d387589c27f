/**
 * The growth of a cluster as a table for people, with the exponents of what grows.
 */
import { exponentOf, type Figure, type Growth } from "./growth.ts";

/** Clusters below this size sit under the degree of gossip's mesh, and every node more is one more copy of everything. */
const FIT_FROM_NODES = 5;
/** A cost that grows with the square has 2; what this allows is a straight line and the noise of a busy machine. */
export const EXPONENT_MAX = 1.5;

const columns: readonly {
  readonly head: string;
  readonly figure: Figure;
  readonly digits: number;
}[] = [
  { head: "nodes", figure: "nodes", digits: 0 },
  { head: "pulses/s holder", figure: "holderPulsesOut", digits: 0 },
  { head: "pulses/s others", figure: "otherPulsesOut", digits: 1 },
  { head: "records/s", figure: "records", digits: 1 },
  { head: "messages/s", figure: "messages", digits: 1 },
  { head: "pulse B/s", figure: "pulseBytes", digits: 0 },
  { head: "gossip B/s", figure: "gossipBytes", digits: 0 },
  { head: "cpu % holder", figure: "holderProcessor", digits: 1 },
  { head: "cpu % others", figure: "otherProcessor", digits: 1 },
  { head: "memory MB", figure: "memoryMb", digits: 0 },
  { head: "edit known ms", figure: "editMs", digits: 0 },
  { head: "longest ms", figure: "editMaxMs", digits: 0 },
  { head: "cpu ms/edit", figure: "editProcessorMs", digits: 0 },
  { head: "death seen ms", figure: "detectMs", digits: 0 },
  { head: "taken over ms", figure: "takeoverMs", digits: 0 },
];

/** What a node pays, and so may not grow with the square. */
const costs: readonly Figure[] = [
  "holderPulsesOut",
  "otherPulsesOut",
  "messages",
  "pulseBytes",
  "gossipBytes",
  "holderProcessor",
  "otherProcessor",
  "memoryMb",
  "editProcessorMs",
];

/** The table, one line per size. */
export function tableOf(rows: readonly Growth[]): string {
  const cells = [
    [...columns.map(({ head }) => head), ""],
    ...rows.map((row) => [
      ...columns.map(({ figure, digits }) => row[figure]?.toFixed(digits) ?? "-"),
      row.kind,
    ]),
  ];
  const widths = cells[0]!.map((_, index) => Math.max(...cells.map((line) => line[index]!.length)));
  return cells.map((line) =>
    line.map((cell, index) => cell.padStart(widths[index]!)).join("  ").trimEnd()
  ).join("\n");
}

/** The exponents of the costs of a node, one per line, and whether all are known and within {@link EXPONENT_MAX}. */
export function verdictOf(
  rows: readonly Growth[],
): { readonly text: string; readonly ok: boolean } {
  const found = costs.map((figure) => ({
    head: columns.find((item) => item.figure === figure)!.head,
    exponent: exponentOf(rows, figure, FIT_FROM_NODES),
  }));
  const lines = found.map(({ head, exponent }) =>
    `  ${head.padEnd(16)} ${
      exponent === null ? "not measured at two sizes" : `nodes^${exponent.toFixed(2)}`
    }`
  );
  const grows = found.some(({ exponent }) => exponent !== null && exponent > EXPONENT_MAX);
  const isWhole = found.every(({ exponent }) => exponent !== null);
  const sentence = grows
    ? `A COST OF A NODE GROWS FASTER THAN nodes^${EXPONENT_MAX}`
    : isWhole
    ? `no cost of a node grows faster than nodes^${EXPONENT_MAX}`
    : "NOT EVERY COST OF A NODE IS KNOWN";
  const text = ["cost per node, from five nodes on:", ...lines, sentence].join("\n");
  return { text, ok: !grows && isWhole };
}
