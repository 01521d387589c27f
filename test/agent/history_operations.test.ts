/** The history of edits, and taking them back, asked of running agents. */
import { describe, expect, test } from "bun:test";
import { parseCheck } from "../../src/core/check.ts";
import type { Edit } from "../../src/core/document/document.ts";
import { HISTORY_LINES_MAX } from "../../src/core/document/history.ts";
import { idOf, machine, serverEntry, service } from "../support/cluster_views.ts";
import { type Bench, bench, line } from "./operations_bench.ts";

const KEY = "tcp/10.0.0.100:80";
const NAME = { protocol: "tcp", address: "10.0.0.100", port: 80 } as const;

function undo(at: Bench, id: string | null = null, more = {}) {
  return at.operations.undo({ id, force: false, dryRun: false, ...more });
}

const shown = (at: Bench) => at.operations.history().map(({ id, words }) => [id, ...words]);

describe("history", () => {
  test("has who, where and what of every edit, the newest first", async () => {
    const at = await bench();
    const ops = at.operations.by("anna");
    await ops.addService(service());
    await at.world.run(100);
    await ops.setService(NAME, { scheduler: "rr", weight: 3 });
    await at.operations.addServer(NAME, { address: "10.0.0.21", port: null }, { weight: 2 });
    await at.operations.removeService(NAME);
    expect(at.operations.history().map(({ id, node, user, words }) => [id, node, user, words]))
      .toEqual([
        ["4-n1", "n1", "", ["- server 10.0.0.100:80 10.0.0.21", "- service 10.0.0.100:80"]],
        ["3-n1", "n1", "", ["+ server 10.0.0.100:80 10.0.0.21: weight 2"]],
        ["2-n1", "n1", "anna", [
          "~ service 10.0.0.100:80: scheduler wlc -> rr, weight (standard) -> 3",
        ]],
        ["1-n1", "n1", "anna", [
          "+ service 10.0.0.100:80: scheduler wlc, forward dr, check http:///",
        ]],
      ]);
  });

  test("is the same on every node, and any of them takes an edit back", async () => {
    const at = await bench();
    await at.operations.addService(service());
    await at.world.run(1_000);
    const other = at.cluster.node("n2").store;
    expect(other.history()).toEqual(at.node.store.history());
  });

  test("never shows a secret", async () => {
    const at = await bench();
    const check = (password: string) => {
      const made = parseCheck("redis://", [`password=${password}`]);
      if (typeof made === "string") throw new Error(made);
      return made;
    };
    await at.operations.addService(service({ check: check("hunter2") }));
    await at.world.run(100);
    await at.operations.setService(NAME, { check: check("hunter3") });
    const text = JSON.stringify(at.operations.history());
    expect(text).not.toContain("hunter");
    expect(shown(at)[0]).toEqual([
      "2-n1",
      "~ service 10.0.0.100:80: check *** -> *** (another secret)",
    ]);
    await undo(at);
    expect(at.node.store.current().services.get(KEY)?.check).toMatchObject({
      password: "hunter2",
    });
  });

  test("counts lines beyond those it keeps", async () => {
    const at = await bench();
    const edits = Array.from({ length: 30 }, (_, port): Edit => (
      { kind: "putService", service: service({ port: port + 1 }) }
    ));
    await at.operations.apply({ base: at.operations.document().digest, edits, dryRun: false });
    const [edit] = at.operations.history();
    expect([edit?.words.length, edit?.more]).toEqual([HISTORY_LINES_MAX, 10]);
  });
});

describe("undo", () => {
  test("puts back what was there, and a second one takes the first back", async () => {
    const at = await bench(undefined, [service()]);
    await at.operations.setService(NAME, { scheduler: "rr" });
    expect(await undo(at)).toEqual({
      message: "1-n1 is undone, stored on 2 of 2 nodes",
      words: ["~ service 10.0.0.100:80: scheduler rr -> wlc"],
    });
    expect(at.operations.history()[0]).toMatchObject({ id: "2-n1", undoes: "1-n1" });
    expect((await undo(at)).words).toEqual(["~ service 10.0.0.100:80: scheduler wlc -> rr"]);
    expect(at.node.store.current().services.get(KEY)?.scheduler).toBe("rr");
  });

  test("brings a removed service back with its servers and drains", async () => {
    const at = await bench(undefined, [service()], [
      { kind: "putServer", server: serverEntry(machine(21), { weight: 2 }) },
      { kind: "putServer", server: serverEntry({ node: idOf(2) }, { weight: 0 }) },
    ]);
    await at.operations.drain({ address: "10.0.0.21", port: null }, {
      service: NAME,
      comment: "disk",
      forMs: null,
      untilMs: null,
      keepVips: false,
    });
    const before = at.node.store.current();
    await at.operations.removeService(NAME);
    expect(at.node.store.current().services.size).toBe(0);
    await undo(at);
    expect(at.node.store.current()).toEqual(before);
  });

  test("of what was added removes it, and lifts a drain", async () => {
    const at = await bench(undefined, [service()]);
    await at.operations.drain({ node: "n2" }, {
      service: null,
      comment: "",
      forMs: null,
      untilMs: null,
      keepVips: true,
    });
    expect((await undo(at, "1")).words).toEqual(["- drain n2"]);
    expect([...at.node.store.current().drains.values()]).toMatchObject([{ on: false }]);
    await at.operations.setSetting("sync-ttl", "2");
    await undo(at);
    expect(at.node.store.current().settings.size).toBe(0);
  });

  test("is refused where a later edit touched the same, says which, and can be forced", async () => {
    const at = await bench(undefined, [service()]);
    await at.operations.setService(NAME, { scheduler: "rr" });
    await at.operations.setSetting("sync-ttl", "2");
    await at.operations.setService(NAME, { scheduler: "sh" });
    expect(await line(at, () => undo(at, "1"))).toBe(
      "undo 1-n1: service 10.0.0.100:80 was changed again by 3-n1; " +
        "undo that first, or say --force to put back what was there before it",
    );
    // What was done to other entries meanwhile is in nobody's way.
    await undo(at, "2");
    expect((await undo(at, "1", { force: true })).words).toEqual([
      "~ service 10.0.0.100:80: scheduler sh -> wlc",
    ]);
  });

  test("is possible again once the later edit is undone", async () => {
    const at = await bench(undefined, [service()]);
    await at.operations.setService(NAME, { scheduler: "rr" });
    await at.operations.setService(NAME, { scheduler: "sh" });
    await undo(at, "2-n1");
    await undo(at, "1-n1");
    expect(at.node.store.current().services.get(KEY)?.scheduler).toBe("wlc");
  });

  test("shows without doing, and says when nothing is left to do", async () => {
    const at = await bench(undefined, [service()]);
    await at.operations.setService(NAME, { scheduler: "rr" });
    const before = at.picture();
    expect(await undo(at, null, { dryRun: true })).toEqual({
      message: "undo 1-n1 would change this",
      words: ["~ service 10.0.0.100:80: scheduler rr -> wlc"],
    });
    expect(at.picture()).toEqual(before);
    await at.operations.setService(NAME, { scheduler: "wlc" });
    expect((await undo(at, "1", { force: true })).message).toBe(
      "1-n1 is undone already: everything is as it was before it",
    );
  });

  test("is refused where the result could not be", async () => {
    const at = await bench(undefined, [service()]);
    await at.operations.removeService(NAME);
    await at.world.run(100);
    await at.operations.addService({
      ...service(),
      protocol: "fwm",
      family: 4,
      mark: 1,
      vips: ["10.0.0.100"],
      ports: [{ protocol: "tcp", first: 80, last: 80 }],
      address: undefined,
      port: undefined,
    } as never);
    expect(await line(at, () => undo(at, "1"))).toBe(
      "undo 1-n1: 10.0.0.100 tcp/80 is shared with 10.0.0.100:80, and a packet can have one service " +
        "only; change what is in its way first, or give the order anew",
    );
  });

  test("of what is not remembered says so in one line", async () => {
    const at = await bench(undefined, [service()]);
    expect(await line(at, () => undo(at))).toBe(
      "undo: no edit is remembered; see them with `troop history`",
    );
    expect(await line(at, () => undo(at, "9"))).toBe(
      "undo 9: no such edit is remembered; see them with `troop history`",
    );
    await at.operations.moveVip("10.0.0.100", "n2");
    expect(await line(at, () => undo(at))).toStartWith(
      "undo 1-n1: it was an order and not a decision: ",
    );
  });
});
