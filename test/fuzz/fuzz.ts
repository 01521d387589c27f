/**
 * The fuzzer: changes messages that are right, feeds them to a decoder, keeps those with a new outcome to change
 * them further, and says which ones throw what they may not, take too long, or make too much of too little.
 */
import { type Decoder, TIME_MS_MAX } from "./decoder.ts";
import { mutate } from "./mutate.ts";
import { shapeOf, shapeOfError, sizeOf } from "./outcome.ts";
import { oneOf, type Random, seeded } from "./random.ts";

/** Inputs kept beside the seeds: enough for every outcome of these decoders, and a bound for those with many. */
const CORPUS_MAX = 512;
/** Tries of a slow input: the best counts. */
const SLOW_TRIES = 5;
/** What a result may be larger than its input: a list of records with a dozen fields each of a few bytes. */
const GROWTH_MAX = 256;
/** What any result may be large, whatever the input. */
const RESULT_BYTES_FREE = 65_536;

/** When to stop: whichever comes first. */
export interface FuzzLimits {
  readonly inputs: number;
  readonly ms: number;
}

/** What came of it. */
export interface FuzzResult {
  readonly name: string;
  readonly inputs: number;
  readonly outcomes: number;
  readonly perSecond: number;
  readonly worstMs: number;
  /** The first input that is a finding, and what is wrong. */
  readonly finding: { readonly input: Uint8Array; readonly problem: string } | null;
}

/** Fuzzes one decoder; stops at the first finding. The same seed and count of inputs is the same run. */
export async function fuzz(
  decoder: Decoder,
  { seed, limits }: { readonly seed: number; readonly limits: FuzzLimits },
): Promise<FuzzResult> {
  const random = seeded(seed);
  // Copies, and none of them a Buffer: what slices such a one and writes into it would change the seed.
  const seeds: readonly Uint8Array[] = decoder.seeds.map((seed) => new Uint8Array(seed));
  const corpus = [...seeds];
  const outcomes = new Set<string>();
  const startMs = performance.now();
  let worstMs = 0;
  let inputs = 0;
  let finding: FuzzResult["finding"] = null;
  for (; inputs < limits.inputs && performance.now() - startMs < limits.ms; inputs++) {
    const input = seeds[inputs] ?? next(decoder, corpus, random);
    const { outcome, problem, ms } = await tryInput(decoder, input);
    worstMs = Math.max(worstMs, ms);
    if (problem !== null) {
      finding = { input, problem };
      break;
    }
    if (outcomes.has(outcome)) continue;
    outcomes.add(outcome);
    if (corpus.length < CORPUS_MAX) corpus.push(input);
    else corpus[seeds.length + (inputs % (CORPUS_MAX - seeds.length))] = input;
  }
  const perSecond = inputs / Math.max(0.001, (performance.now() - startMs) / 1_000);
  return { name: decoder.name, inputs, outcomes: outcomes.size, perSecond, worstMs, finding };
}

function next(decoder: Decoder, corpus: readonly Uint8Array[], random: Random): Uint8Array {
  return mutate(oneOf(random, corpus), {
    random,
    other: oneOf(random, corpus),
    bytesMax: decoder.bytesMax,
  });
}

/** What came of one input. */
export interface Tried {
  readonly outcome: string;
  /** What is wrong with that; null when it may be so. */
  readonly problem: string | null;
  readonly ms: number;
}

/** Feeds one input to the decoder. */
export async function tryInput(decoder: Decoder, input: Uint8Array): Promise<Tried> {
  const first = await runOnce(decoder, input);
  const msMax = decoder.msMax ?? TIME_MS_MAX;
  let { ms } = first;
  for (let left = SLOW_TRIES; ms > msMax && left > 0; left--) {
    ms = Math.min(ms, (await runOnce(decoder, input)).ms);
  }
  const slow = ms > msMax ? `took ${ms.toFixed(0)} ms, at most ${msMax} are right` : null;
  return { ...first, ms, problem: first.problem ?? slow };
}

async function runOnce(decoder: Decoder, input: Uint8Array): Promise<Tried> {
  // A copy of its own: a decoder that reads outside of its view must not find other inputs there.
  const bytes = input.slice();
  const startMs = performance.now();
  try {
    const given = decoder.run(bytes);
    const value = given instanceof Promise ? await given as unknown : given;
    const ms = performance.now() - startMs;
    const size = sizeOf(value);
    const large = size > RESULT_BYTES_FREE + GROWTH_MAX * input.length;
    const problem = large ? `made ${size} bytes of ${input.length}` : null;
    return { outcome: shapeOf(value), problem, ms };
  } catch (error) {
    const ms = performance.now() - startMs;
    const allowed = decoder.mayThrow?.some((kind) => error instanceof kind) ?? false;
    const outcome = error instanceof Error ? shapeOfError(error) : String(error);
    return { outcome, problem: allowed ? null : `threw ${String(error)}`, ms };
  }
}
