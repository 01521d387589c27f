/** What agents keep in mind does not grow with time: see churn.ts. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { EPOCHS_MAX } from "../../src/core/document/forget_vips.ts";
import { Churn } from "./churn.ts";

// Two minutes of a whole cluster, on a machine that does other things too.
setDefaultTimeout(60_000);

const PER_DAY = 16;

describe("two days of churn", () => {
  test("leave in every collection what was there before", async () => {
    const churn = await Churn.start(PER_DAY);
    await churn.day();
    const before = churn.sizes();
    await churn.day();
    const after = churn.sizes();
    for (const [what, size] of Object.entries(after)) {
      // Epochs of VIPs that are gone are kept for a while, see forget_vips.ts.
      if (what.endsWith(" epochs")) expect(size).toBeLessThanOrEqual(EPOCHS_MAX);
      else expect([what, size]).toEqual([what, before[what] ?? 0]);
    }
    expect(Object.keys(before).length).toBeGreaterThan(3 * 20);
  });
});
