/**
 * What a cluster of so many nodes costs each of them, and how quick it is.
 */
import { waitFor } from "../lab/wait.ts";
import { GrowthCluster, type Happening, type Moment } from "./cluster.ts";
import type { Growth } from "./growth.ts";
import type { Sample } from "./members.ts";

/** Time for the last of a start to calm down, ms. */
const CALM_MS = 12_000;
/** Edits whose spreading is measured. */
const EDITS = 3;
/** Time between two edits, ms. */
const EDIT_PAUSE_MS = 3_000;
const SPREAD_LIMIT_MS = 30_000;
const TAKEOVER_LIMIT_MS = 30_000;

/** The machine is too slow for so many members: what it would measure is its own load. */
export class NotCarried extends Error {}

/**
 * Measures a cluster of `nodes` for so long at rest, then with edits, then with a death. Throws {@link NotCarried} when
 * members that ran were held for dead meanwhile.
 */
export async function measure(nodes: number, restMs: number): Promise<Growth> {
  await using cluster = await GrowthCluster.start(nodes);
  const wholeMs = Date.now();
  // Who knows a VIP first claims it.
  await cluster.edit(vip(0), "first");
  await waitFor(async () => (await cluster.moment()).first.members[0]?.holds === 1 || undefined, {
    what: "n1 holds the VIP",
    limitMs: TAKEOVER_LIMIT_MS,
  });
  await Bun.sleep(CALM_MS);
  const before = await cluster.moment();
  await Bun.sleep(restMs);
  const after = await cluster.moment();
  const rest = atRest(nodes, before, after);
  const edits = await spread(cluster, rest);
  requireCarried(cluster, wholeMs);
  const death = await takeover(cluster);
  return { nodes, kind: "real", ...rest, ...edits, ...death };
}

function requireCarried({ count, happenings }: GrowthCluster, fromMs: number): void {
  const deaths = happenings.filter((item) =>
    item.kind === "change" && item.atMs >= fromMs && /^node \w+ is dead$/.test(item.text)
  );
  if (deaths.length === 0) return;
  throw new NotCarried(
    `of ${count} nodes that ran, some were held for dead ${deaths.length} times: too many for this machine`,
  );
}

/** VIPs with one holder all: they are a group only in that n1 has the highest priority. */
function vip(index: number): string {
  return `10.77.200.${1 + index}`;
}

function atRest(nodes: number, before: Moment, after: Moment) {
  const seconds = (after.atMs - before.atMs) / 1_000;
  const per = (value: (moment: Moment) => number, share = 1) =>
    (value(after) - value(before)) / seconds / share;
  const others = nodes - 1;
  const of = (samples: readonly Sample[], key: "pulsesOut" | "pulseBytesOut" | "recordsIn") =>
    sum(samples.flatMap(({ members }) => members.map((member) => member[key])));
  const all = ({ first, others }: Moment) => [first, ...others];
  const pulseBytes = per((moment) => of(all(moment), "pulseBytesOut"), nodes);
  const pulses = per((moment) => of(all(moment), "pulsesOut"), nodes);
  const records = per((moment) => of(all(moment), "recordsIn"), nodes);
  return {
    holderPulsesOut: per((moment) => of([moment.first], "pulsesOut")),
    otherPulsesOut: per((moment) => of(moment.others, "pulsesOut"), others),
    pulseBytes,
    gossipBytes: per((moment) => moment.wire.bytes, nodes) - pulseBytes,
    records,
    messages: pulses + records,
    holderProcessor: per(({ first }) => first.processorMs) / 10,
    otherProcessor: per(({ others: samples }) => sum(samples.map((s) => s.processorMs)), others) /
      10,
    memoryMb: after.first.memoryBytes / 1e6,
  };
}

async function spread(
  cluster: GrowthCluster,
  rest: { readonly holderProcessor: number; readonly otherProcessor: number },
) {
  const before = await cluster.moment();
  const times: number[] = [];
  for (let index = 1; index <= EDITS; index++) {
    const fresh = vip(index);
    const askedMs = await cluster.edit(fresh, "other");
    const knowing = await waitFor(() => {
      const all = cluster.happenings.filter((item) => item.kind === "knows" && item.vip === fresh);
      return all.length === cluster.count ? all : undefined;
    }, { what: `everybody knows ${fresh}`, limitMs: SPREAD_LIMIT_MS });
    times.push(Math.max(...knowing.map(({ atMs }) => atMs)) - askedMs);
    await Bun.sleep(EDIT_PAUSE_MS);
  }
  const after = await cluster.moment();
  const perEdit = (value: (moment: Moment) => number) =>
    (value(after) - value(before)) / EDITS / cluster.count;
  const restMs = (rest.holderProcessor + rest.otherProcessor * (cluster.count - 1)) / 100 *
    (after.atMs - before.atMs) / EDITS / cluster.count;
  const all = ({ first, others }: Moment) => [first, ...others];
  return {
    editMs: median(times),
    editMaxMs: Math.max(...times),
    exchangesPerEdit: perEdit((moment) =>
      sum(all(moment).flatMap(({ members }) => members.map((item) => item.synchronizations)))
    ),
    editProcessorMs: Math.max(
      0,
      perEdit((moment) => sum(all(moment).map((item) => item.processorMs))) - restMs,
    ),
  };
}

async function takeover(cluster: GrowthCluster) {
  const silencedMs = cluster.silenceFirst();
  const isLater = ({ atMs }: Happening) => atMs >= silencedMs;
  const taken = await waitFor(
    () =>
      cluster.happenings.find((item) =>
        isLater(item) && item.kind === "change" && item.node !== "n1" &&
        item.text.startsWith(`${vip(0)}: this node holds it`)
      ),
    { what: "another node holds the VIP", limitMs: TAKEOVER_LIMIT_MS },
  );
  const dead = cluster.happenings.find((item) =>
    isLater(item) && item.kind === "change" && item.node === taken.node &&
    item.text === "node n1 is dead"
  );
  return {
    detectMs: (dead?.atMs ?? Number.NaN) - silencedMs,
    takeoverMs: taken.atMs - silencedMs,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
