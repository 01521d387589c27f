/** What one peer may send, and what becomes of the rest. */
import { describe, expect, test } from "bun:test";
import { createPeerBudgets, PEER_BUDGETS } from "../../../src/shell/gossip/peer_budgets.ts";
import { recordNotices } from "../../support/recorded_notices.ts";

describe("createPeerBudgets", () => {
  test("one peer's excess is counted and told once with its name, and takes nothing from another", () => {
    const notices = recordNotices();
    let now = 0;
    const nameOf = (peer: string) => `node-${peer}`;
    const budgets = createPeerBudgets({ notices, nameOf, now: () => now });
    for (let count = 0; count < PEER_BUDGETS.records.burst; count++) {
      expect(budgets.take("a", "records")).toBe(true);
    }
    for (let count = 0; count < 1_000; count++) expect(budgets.take("a", "records")).toBe(false);
    expect(budgets.take("b", "records")).toBe(true);
    expect(budgets.take("a", "updates")).toBe(true);
    expect(budgets.counts()).toEqual(new Map([["records", 1_000]]));
    expect(notices.all).toEqual([{
      level: "warn",
      fields: { peer: "node-a", kind: "records", dropped: 1 },
      message:
        "node-a sends too much (records): what is over its budget is dropped; look at the agent there",
    }]);
    now += 60_001;
    for (let count = 0; count <= PEER_BUDGETS.records.burst; count++) budgets.take("a", "records");
    expect(notices.all).toHaveLength(2);
    expect(notices.all[1]?.fields).toMatchObject({ dropped: 1_000 });
  });

  test("people are warned while it goes on, once a second for each peer", () => {
    let now = 0;
    const warned: string[] = [];
    const budgets = createPeerBudgets({
      now: () => now,
      nameOf: (peer) => `node-${peer}`,
      warn: (key, text) => void warned.push(`${key}: ${text}`),
      limits: { hellos: { burst: 1, perSecond: 0 } },
    });
    for (; now < 5_000; now++) budgets.take("a", "hellos");
    expect(warned).toHaveLength(5);
    expect(warned[0]).toStartWith("budget a: node-a sends too much (hellos)");
    budgets.take("b", "hellos");
    expect(warned).toHaveLength(5);
    budgets.take("b", "hellos");
    expect(warned).toHaveLength(6);
  });

  test("a million peers are not remembered for ever, and the busy one stays", () => {
    const budgets = createPeerBudgets({ now: () => 0 });
    for (let count = 0; count < PEER_BUDGETS.hellos.burst; count++) budgets.take("busy", "hellos");
    for (let peer = 0; peer < 10_000; peer++) {
      budgets.take(`peer-${peer}`, "hellos");
      if (peer % 100 === 0) expect(budgets.take("busy", "hellos")).toBe(false);
    }
  });
});
