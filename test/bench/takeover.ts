/**
 * Does a takeover depend on how large the table is? The holder is cut off while the cluster serves nothing but
 * what the client asks for, and while it serves the large table too.
 */
import { Load, type LoadSummary } from "../lab/load.ts";
import { awaitFullTable, largeTable } from "../lab/large_table.ts";
import { medianBy } from "./median.ts";
import { awaitHolder, makeTestBed, type Subject, type TestBed, VIP } from "./subject.ts";

/** So many takeovers one after the other in one cluster, cut off and healed; the median counts. */
const ROUNDS = 3;
/** A cluster that is whole again rests, then the client works in peace, then the holder is cut off, ms. */
const REST_MS = 3_000;
const BEFORE_MS = 2_000;
/** The client is watched this long after the cut, ms: longer than any subject needs to take over. */
const AFTER_MS = 6_000;

/** Takeovers of one subject with one size of table. */
export interface TakeoverMeasurement extends TakeoverRounds {
  readonly subject: string;
  /** Virtual services in the table, the one that the client asks included. */
  readonly services: number;
}

/** Measures takeovers with the large table, or without; what is told is of the round in the middle by silence. */
export async function measureTakeovers(
  subject: Subject,
  isLarge: boolean,
): Promise<TakeoverMeasurement> {
  const further = isLarge ? largeTable() : [];
  const slug = `bench-${subject.slug}-takeover-${isLarge ? "large" : "small"}`;
  await using bed = await makeTestBed(slug);
  await subject.start(bed, further);
  return { subject: subject.name, services: 1 + further.length, ...await takeOverInRounds(bed) };
}

/** What the client saw in the round in the middle by silence, and the silence of each round, ms. */
export interface TakeoverRounds extends LoadSummary {
  readonly silencesMs: readonly number[];
}

/** Takes over again and again in a cluster that works. */
export async function takeOverInRounds(bed: TestBed): Promise<TakeoverRounds> {
  const summaries: LoadSummary[] = [];
  for (let round = 0; round < ROUNDS; round += 1) summaries.push(await takeOver(bed));
  return {
    ...medianBy(summaries, ({ silenceMs }) => silenceMs),
    silencesMs: summaries.map(({ silenceMs }) => silenceMs),
  };
}

/** Cuts the holder off under the client's eyes, and makes the cluster whole again. */
async function takeOver(bed: TestBed): Promise<LoadSummary> {
  await Bun.sleep(REST_MS);
  const { holder } = await awaitHolder(bed);
  const load = await Load.start(bed.client, { address: VIP });
  await Bun.sleep(BEFORE_MS);
  await bed.lab.cut(holder);
  await Bun.sleep(AFTER_MS);
  const summary = await load.stop();
  await bed.lab.heal(holder);
  await awaitHolder(bed);
  for (const node of bed.nodes) await awaitFullTable(node);
  return summary;
}
