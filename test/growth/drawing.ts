/**
 * The growth of a cluster as a drawing (SVG 1.1): three panels over the number of nodes, both axes logarithmic, so
 * that a straight line of slope one is growth in proportion. Colours and text are readable on light and on dark.
 */
import type { Figure, Growth } from "./growth.ts";

const WIDTH = 300;
const HEIGHT = 240;
const LEFT = 52;
const TOP = 34;
const GAP = 24;
/** Room for the names of the lines under each panel. */
const FOOT = 96;
const COLOURS = ["#2f81f7", "#d9822b", "#2da44e", "#a371f7"] as const;
const TEXT = "#808a94";
const NODES = [2, 5, 10, 20, 50, 100] as const;

interface Line {
  readonly name: string;
  readonly figure: Figure;
  /** What one unit of the figure is on the axis. */
  readonly scale?: number;
}

interface Panel {
  readonly title: string;
  readonly min: number;
  readonly max: number;
  readonly lines: readonly Line[];
}

const panels: readonly Panel[] = [
  {
    title: "per node and second",
    min: 0.1,
    max: 1_000,
    lines: [
      { name: "pulses sent by the holder", figure: "holderPulsesOut" },
      { name: "pulses sent by the others", figure: "otherPulsesOut" },
      { name: "records heard", figure: "records" },
      { name: "gossip, kB", figure: "gossipBytes", scale: 1e-3 },
    ],
  },
  {
    title: "processor share, %",
    min: 1,
    max: 100,
    lines: [
      { name: "holder", figure: "holderProcessor" },
      { name: "each of the others", figure: "otherProcessor" },
    ],
  },
  {
    title: "time, ms",
    min: 10,
    max: 10_000,
    lines: [
      { name: "an edit is known everywhere", figure: "editMs" },
      { name: "the holder is dead and the VIP taken over", figure: "takeoverMs" },
    ],
  },
];

/** Draws the rows; filled points are real clusters, hollow ones simulated. */
export function draw(rows: readonly Growth[]): string {
  const width = panels.length * (LEFT + WIDTH + GAP);
  const height = TOP + HEIGHT + FOOT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img"`,
    `  font-family="sans-serif" font-size="12" fill="${TEXT}">`,
    `<title>What a node of a growing cluster pays, and how quick the cluster is</title>`,
    ...panels.flatMap((panel, index) =>
      drawPanel(panel, rows, index * (LEFT + WIDTH + GAP) + LEFT)
    ),
    `</svg>`,
    ``,
  ].join("\n");
}

function drawPanel(panel: Panel, rows: readonly Growth[], left: number): string[] {
  const x = (nodes: number) => left + logShare(nodes, NODES[0], NODES[5]) * WIDTH;
  const y = (value: number) => TOP + HEIGHT - logShare(value, panel.min, panel.max) * HEIGHT;
  return [
    `<text x="${left}" y="${TOP - 14}" font-weight="bold">${panel.title}</text>`,
    ...decades(panel).flatMap((value) => [
      rule(left, y(value), left + WIDTH, y(value)),
      `<text x="${left - 6}" y="${round(y(value) + 4)}" text-anchor="end">${value}</text>`,
    ]),
    ...NODES.flatMap((nodes) => [
      rule(x(nodes), TOP, x(nodes), TOP + HEIGHT),
      `<text x="${round(x(nodes))}" y="${TOP + HEIGHT + 16}" text-anchor="middle">${nodes}</text>`,
    ]),
    `<text x="${left + WIDTH}" y="${TOP + HEIGHT + 32}" text-anchor="end">nodes</text>`,
    ...panel.lines.flatMap((line, index) => [
      ...drawLine(line, rows, { x, y, colour: COLOURS[index]! }),
      ...legend(line.name, { left, top: TOP + HEIGHT + 32 + 15 * index, colour: COLOURS[index]! }),
    ]),
  ];
}

function drawLine(
  { figure, scale = 1 }: Line,
  rows: readonly Growth[],
  place: { x(nodes: number): number; y(value: number): number; readonly colour: string },
): string[] {
  const points = rows.flatMap((row) => {
    const value = row[figure];
    if (value === undefined || !(value > 0)) return [];
    return [{ x: round(place.x(row.nodes)), y: round(place.y(value * scale)), kind: row.kind }];
  });
  const path = points.map(({ x, y }) => `${x},${y}`).join(" ");
  return [
    `<polyline points="${path}" fill="none" stroke="${place.colour}" stroke-width="2"/>`,
    ...points.map(({ x, y, kind }) => {
      const fill = kind === "real" ? place.colour : "none";
      return `<circle cx="${x}" cy="${y}" r="4" fill="${fill}" stroke="${place.colour}" stroke-width="2"/>`;
    }),
  ];
}

function legend(
  name: string,
  { left, top, colour }: { readonly left: number; readonly top: number; readonly colour: string },
): string[] {
  return [
    `<line x1="${left}" y1="${top - 4}" x2="${left + 18}" y2="${
      top - 4
    }" stroke="${colour}" stroke-width="3"/>`,
    `<text x="${left + 24}" y="${top}">${name}</text>`,
  ];
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  const ends = `x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"`;
  return `<line ${ends} stroke="${TEXT}" stroke-opacity="0.3"/>`;
}

function decades({ min, max }: Panel): number[] {
  const first = Math.log10(min);
  return Array.from(
    { length: Math.round(Math.log10(max) - first) + 1 },
    (_, index) => Number((10 ** (first + index)).toPrecision(1)),
  );
}

/** Where a value lies between two others on a logarithmic axis, 0 to 1, cut off outside. */
function logShare(value: number, min: number, max: number): number {
  const share = Math.log(value / min) / Math.log(max / min);
  return Math.max(0, Math.min(1, share));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
