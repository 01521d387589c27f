/** `troop history` and `troop undo`: what they print and send. */
import { expect, test } from "bun:test";
import type { HistoryView } from "../../src/core/document/document_orders.ts";
import { FakeWorld } from "./fake_context.ts";

const edits: HistoryView[] = [
  {
    id: "2-n2",
    atMs: Date.UTC(2026, 0, 2, 12, 30),
    node: "n2",
    user: "anna",
    words: ["~ service 192.0.2.100:80: scheduler wlc -> rr", "- VIP 192.0.2.101"],
    more: 3,
    undoes: "1-n1",
    undoable: true,
  },
  {
    id: "1-n1",
    atMs: Date.UTC(2026, 0, 2, 12),
    node: "n1",
    user: "",
    words: ["+ move of VIP 192.0.2.100 to n2"],
    more: 0,
    undoes: null,
    undoable: false,
  },
];

function world(): FakeWorld {
  const made = new FakeWorld();
  made.operations.file.edits = edits;
  return made;
}

test("history tells when, who and what, the newest first", async () => {
  expect(await world().call("history")).toEqual({
    code: 0,
    out: `2-n2  2026-01-02T12:30:00Z  anna on n2  undoes 1-n1
    ~ service 192.0.2.100:80: scheduler wlc -> rr
    - VIP 192.0.2.101
    and 3 more
1-n1  2026-01-02T12:00:00Z  n1  cannot be undone
    + move of VIP 192.0.2.100 to n2
`,
    err: "",
  });
  expect(JSON.parse((await world().call("history", "-n", "1", "--json")).out)).toEqual([edits[0]]);
  expect((await new FakeWorld().call("history")).out).toBe("nothing was edited yet\n");
});

test("undo names the edit, and prints what changed", async () => {
  const made = world();
  expect((await made.call("undo")).out).toBe("- VIP 10.0.0.9\n2-n2 is undone\n");
  await made.call("undo", "1-n1", "--force", "--dry-run");
  expect(made.operations.file.undone).toEqual([
    { id: null, force: false, dryRun: false },
    { id: "1-n1", force: true, dryRun: true },
  ]);
});

test("undo refuses what is no id before it asks the agent", async () => {
  const made = world();
  expect((await made.call("undo", "last")).err).toBe(
    'troop: undo last: "last" is no id of an edit; see them with `troop history`\n',
  );
  expect(made.contacted).toEqual([]);
});
