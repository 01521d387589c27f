/** Counting drops. */
import { describe, expect, test } from "bun:test";
import { createDropCounter, DROP_NOTICE_INTERVAL_MS } from "../../../src/shell/log/drop_counter.ts";
import { recordNotices } from "../../support/recorded_notices.ts";

describe("createDropCounter", () => {
  test("counts by reason and says so once per interval and reason", () => {
    let nowMs = 0;
    const notices = recordNotices();
    const drops = createDropCounter<"bad" | "late">({ notices, what: "things", now: () => nowMs });
    for (let round = 0; round < 1000; round++) drops.drop("bad", { from: "x" });
    drops.drop("late");
    expect(notices.all.map(({ fields }) => fields)).toEqual([
      { from: "x", reason: "bad", dropped: 1 },
      { reason: "late", dropped: 1 },
    ]);
    nowMs += DROP_NOTICE_INTERVAL_MS;
    drops.drop("bad");
    expect(notices.all.at(-1)?.fields).toEqual({ reason: "bad", dropped: 1000 });
    expect([...drops.counts()]).toEqual([["bad", 1001], ["late", 1]]);
  });
});
