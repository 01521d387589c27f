/** The real document store on simulated disks: see document_run.ts for what is asked. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { DocumentRun } from "./document_run.ts";

// A run takes its time on a machine that does other things too.
setDefaultTimeout(60_000);

/** Runs by seed in the gate; a run is 40 virtual seconds of faults. */
const SEEDS = Number(process.env.DOCUMENT_SEEDS ?? 25);

async function outcome(seed: number): Promise<string | null> {
  const { broken, trace } = await new DocumentRun(seed).play();
  return broken === null ? null : `seed ${seed}: ${broken}\n${trace.join("\n")}`;
}

describe("three stores whose disks, agents and network fail", () => {
  // What peers sent while an edit was on its way to the disk was taken for saved: a later edit that built on it
  // was acknowledged and then missing until a peer was there.
  test.each([1, 5, 7])("keep what they acknowledged while peers spoke, seed %d", async (seed) => {
    expect(await outcome(seed)).toBeNull();
  });

  // Of a journal with a bad record in its middle the good ones were in memory only, as long as the disk was full.
  test("keep what is good of a damaged journal while the disk is full, seed 133", async () => {
    expect(await outcome(133)).toBeNull();
  });

  test(
    `lose nothing that was acknowledged and agree in the end, ${SEEDS} seeds`,
    async () => {
      for (let seed = 100; seed < 100 + SEEDS; seed++) expect(await outcome(seed)).toBeNull();
    },
    600_000,
  );

  test("are repeated to the event by their seed", async () => {
    const [one, other] = [await new DocumentRun(42).play(), await new DocumentRun(42).play()];
    expect(one).toEqual(other);
    expect(one.edits).toBeGreaterThan(20);
    expect(one.crashes).toBeGreaterThan(5);
  });
});
