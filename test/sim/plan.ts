/**
 * A plan: everything that is to happen in one run, as plain data made from its seed. So a run can be made again, written
 * down, and made smaller while it still fails.
 */
import type { Ip } from "../../src/core/address.ts";
import type { Service } from "../../src/core/service/service.ts";
import type { SettingName } from "../../src/core/document/settings.ts";
import type { VipEntry } from "../../src/core/document/vip.ts";
import type { ServerEntry } from "../../src/core/service/server.ts";
import { Draw } from "./draw.ts";
import type { FaultKind } from "./fault_kind.ts";
import { faultKinds } from "./faults/mod.ts";
import { drawShape } from "./shape.ts";
import type { NodeOptions } from "./sim_node.ts";

/** Data of a fault: what `JSON.stringify` can keep. */
export type Plain = string | number | boolean | null | readonly Plain[] | {
  readonly [key: string]: Plain;
};

/** The cluster of a run. */
export interface Shape {
  readonly nodes: readonly NodeOptions[];
  /** What an operator enters at the beginning. */
  readonly services: readonly Service[];
  readonly vips: readonly VipEntry[];
  readonly servers: readonly ServerEntry[];
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
  /** Machines without an agent. */
  readonly machines: readonly Ip[];
  /** When each agent starts, ms. */
  readonly startsMs: readonly number[];
  /** Time a change of a kernel's table takes, ms. */
  readonly tableMs: number;
}

/** One fault, or one act of an operator. */
export interface PlannedFault {
  /** Name of its kind. */
  readonly kind: string;
  /** When it begins, ms after the cluster serves. */
  readonly atMs: number;
  /** How long it lasts, ms; 0 for what is over at once. */
  readonly lastsMs: number;
  readonly data: Plain;
}

/** See the head of this file. */
export interface Plan {
  readonly seed: number;
  readonly shape: Shape;
  readonly faults: readonly PlannedFault[];
}

/** Most faults of one run. */
const FAULTS_MAX = 6;
/** Time over which faults begin, ms. */
const STORM_MS = 10_000;
/** Shortest and longest time a fault lasts, ms. */
const LASTS_MS = [30, 7_000] as const;
/** Share of the faults that last longer than every bound, and how long, ms: what then is so is judged while they last. */
const LONG_SHARE = 0.06;
const LASTS_LONG_MS = [8_000, 14_000] as const;

/** The plan of a seed, of faults of all kinds or of some. */
export function planOf(seed: number, kinds: readonly FaultKind[] = faultKinds): Plan {
  const draw = new Draw(seed);
  const shape = drawShape(draw);
  const count = draw.int(1, FAULTS_MAX);
  const faults: PlannedFault[] = [];
  // Some runs have one kind of fault only, again and again: what hides in the mixture shows there.
  const only = draw.chance(0.15) ? draw.weighted(kinds) : null;
  for (let turn = 0; turn < count; turn++) {
    const kind = only ?? draw.weighted(kinds);
    const data = kind.plan(draw, shape);
    if (data === null) continue;
    const lastsMs = kind.lasts ? drawLastsMs(draw) : 0;
    faults.push({ kind: kind.name, atMs: draw.int(0, STORM_MS), lastsMs, data });
  }
  return { seed, shape, faults: faults.sort((a, b) => a.atMs - b.atMs) };
}

function drawLastsMs(draw: Draw): number {
  const [least, most] = draw.chance(LONG_SHARE) ? LASTS_LONG_MS : LASTS_MS;
  return draw.timeMs(least, most);
}
