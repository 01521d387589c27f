/** What agents of other versions say is understood: see versions.ts. */
import { describe, expect, test } from "bun:test";
import { PULSE_CLAIMS_MAX } from "../../src/core/limits.ts";
import { decodePulse, encodePulse } from "../../src/core/cluster/pulse.ts";
import { sampleRecord } from "../support/sample_record.ts";
import { faultKindOf } from "./faults/mod.ts";
import { type PlannedFault, planOf } from "./plan.ts";
import { play } from "./play.ts";
import { pulseHeard, recordHeard } from "./versions.ts";

const record = sampleRecord({
  verdicts: { "tcp/192.0.2.240:80": { up: true, reason: "200", sinceMs: 1, tookMs: 1 } },
});
const pulse = {
  from: "00000000000000aa",
  to: "00000000000000bb",
  boot: 7,
  sequence: 1,
  echo: 9,
  intervalMs: 100,
  leaving: false,
  ask: true,
  starting: false,
  deaf: false,
  witness: "silent" as const,
  claims: new Map(
    Array.from({ length: PULSE_CLAIMS_MAX }, (_, index) => [
      `10.0.0.${index + 1}`,
      { epoch: index, yielding: index % 2 === 0 },
    ]),
  ),
};

describe("an agent of another version", () => {
  test.each(["later", "earlier"] as const)("%s: its pulse is a pulse", (speaks) => {
    expect(pulseHeard(pulse, speaks)).toEqual(decodePulse(encodePulse(pulse)) ?? null);
  });

  // Upgrades in the middle of what happens to a cluster anyway.
  test.each([2])("lives in a cluster like any other, seed %d", (seed) => {
    const kinds = ["partition", "kill", "crash"].map(faultKindOf);
    const plan = planOf(seed, kinds);
    const faults = (["later", "earlier"] as const).map((speaks, index): PlannedFault => ({
      kind: "otherVersion",
      atMs: 2_000 + 3_000 * index,
      lastsMs: 2_000,
      data: { node: `n${index + 1}`, speaks, planned: index === 1, awayMs: 700, stays: true },
    }));
    const { failure } = play({ ...plan, faults: [...plan.faults, ...faults] });
    expect(failure).toBeNull();
  }, 60_000);

  test.each(["later", "earlier"] as const)("%s: its record is a record", (speaks) => {
    const heard = recordHeard(record, speaks);
    expect(heard).toMatchObject({ id: record.id, boot: record.boot, claims: record.claims });
    expect(heard?.verdicts["tcp/192.0.2.240:80"]?.up).toBe(true);
  });
});
