/**
 * What a cluster of so many nodes costs each of them, and how quick it is.
 */
import { waitFor } from "../lab/wait.ts";
import { GrowthCluster, type Happening, type Moment } from "./cluster.ts";
import type { Growth } from "./growth.ts";
import type { Sample } from "./members.ts";

/** Time without a false death after which a cluster is calm, ms. */
const CALM_MS = 12_000;
/** Longest time until it is, ms. */
const CALM_LIMIT_MS = 120_000;
/** VIPs that n1 is given until it keeps one. */
const HOLD_TRIES_MAX = 5;
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
 * members that run are held for dead although nothing happens.
 */
export async function measure(nodes: number, restMs: number): Promise<Growth> {
  await using cluster = await GrowthCluster.start(nodes);
  await giveFirst(cluster);
  const before = await cluster.moment();
  await Bun.sleep(restMs);
  const after = await cluster.moment();
  if (deathsSince(cluster, before.atMs) > 0) throw notCarried(cluster);
  const rest = atRest(nodes, before, after);
  const edits = await spread(cluster, rest);
  await giveFirst(cluster);
  const death = await takeover(cluster);
  return { nodes, kind: "real", ...rest, ...edits, ...death };
}

/** Waits until it is calm and n1 holds a VIP: who knows a new one first claims it, and may lose it in a busy moment. */
async function giveFirst(cluster: GrowthCluster): Promise<void> {
  for (let tries = 0; tries < HOLD_TRIES_MAX; tries++) {
    await calm(cluster);
    if (heldByFirst(cluster).size > 0) return;
    await cluster.edit(cluster.newVip(), "first");
  }
  throw notCarried(cluster);
}

/** Waits until nobody was held for dead for a while: a start and an edit make a machine busy that carries many members. */
async function calm(cluster: GrowthCluster): Promise<void> {
  const untilMs = Date.now() + CALM_LIMIT_MS;
  do {
    if (Date.now() > untilMs) throw notCarried(cluster);
    await Bun.sleep(CALM_MS);
  } while (deathsSince(cluster, Date.now() - CALM_MS) > 0);
}

function deathsSince({ happenings }: GrowthCluster, sinceMs: number): number {
  return happenings.filter((item) =>
    item.kind === "change" && item.atMs >= sinceMs && /^node \w+ is dead$/.test(item.text)
  ).length;
}

function notCarried({ count }: GrowthCluster): NotCarried {
  return new NotCarried(
    `of ${count} nodes that run, some are held for dead: too many for this machine`,
  );
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
  for (let index = 0; index < EDITS; index++) {
    const fresh = cluster.newVip();
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

/** How soon another node has a VIP of n1, whose machine falls silent. */
async function takeover(cluster: GrowthCluster) {
  const vips = heldByFirst(cluster);
  const silencedMs = cluster.silenceFirst();
  const later = () =>
    cluster.happenings.filter((item) =>
      item.kind === "change" && item.atMs >= silencedMs && item.node !== "n1"
    ) as Extract<Happening, { kind: "change" }>[];
  const taken = await waitFor(
    () => later().find(({ text }) => vips.has(claimed(text) ?? "")),
    { what: "another node holds the VIP", limitMs: TAKEOVER_LIMIT_MS },
  );
  const dead = later().find(({ node, text }) => node === taken.node && text === "node n1 is dead");
  return {
    ...(dead === undefined ? {} : { detectMs: dead.atMs - silencedMs }),
    takeoverMs: taken.atMs - silencedMs,
  };
}

/** The VIPs that n1 has told to have, and not to have lost. */
function heldByFirst({ happenings }: GrowthCluster): Set<string> {
  const held = new Set<string>();
  for (const item of happenings) {
    if (item.kind !== "change" || item.node !== "n1") continue;
    const [vip = ""] = item.text.split(": ");
    if (claimed(item.text) !== null) held.add(vip);
    else held.delete(vip);
  }
  return held;
}

/** The VIP that a change says is held; null when it says something else. */
function claimed(text: string): string | null {
  return /^(\S+): this node holds it/.exec(text)?.[1] ?? null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
