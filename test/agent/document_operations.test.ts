/** The document as a whole, asked of a running agent. */
import { describe, expect, test } from "bun:test";
import type { Edit } from "../../src/core/document/document.ts";
import { documentOf } from "../../src/core/document/document_wire.ts";
import { idOf, machine, serverEntry, service, vipEntry } from "../support/cluster_views.ts";
import { observedRow, ROW } from "../support/table_rows.ts";
import { type Bench, bench, line } from "./operations_bench.ts";

const KEY = "tcp/10.0.0.100:80";

function apply(at: Bench, edits: readonly Edit[], dryRun = false) {
  return at.operations.apply({ base: at.operations.document().digest, edits, dryRun });
}

describe("document", () => {
  test("tells everything that files describe, and the nodes by name", async () => {
    const at = await bench(undefined, [service()], [
      { kind: "putServer", server: serverEntry(machine(21)) },
    ]);
    const snapshot = at.operations.document();
    expect(snapshot).toMatchObject({ node: "n1", digest: at.node.store.digest() });
    expect(snapshot.nodes).toEqual([{ id: idOf(1), name: "n1" }, { id: idOf(2), name: "n2" }]);
    expect(documentOf(snapshot)).toEqual({ ...at.node.store.current(), moves: new Map() });
  });
});

describe("apply", () => {
  test("makes every node have it, in one edit", async () => {
    const at = await bench();
    const edits: Edit[] = [
      { kind: "putService", service: service() },
      { kind: "putServer", server: serverEntry(machine(21), { weight: 2 }) },
      { kind: "putVip", vip: vipEntry({ address: "10.0.0.100", prefer: [idOf(2)] }) },
    ];
    expect(await apply(at, edits)).toEqual({
      message: "3 entries changed, stored on 2 of 2 nodes",
      problems: [],
    });
    await at.world.run(1_000);
    for (const { kernel } of at.cluster.nodes) expect([...kernel.rows.keys()]).toEqual([KEY]);
  });

  test("refuses what was worked out for another document", async () => {
    const at = await bench();
    const base = at.operations.document().digest;
    await at.operations.setSetting("sync-ttl", "2");
    expect(await line(at, () => at.operations.apply({ base, edits: [], dryRun: false }))).toBe(
      "apply the file: the cluster document has changed since the difference was shown; " +
        "look at the difference once more: run the command again",
    );
  });

  test("a dry run changes nothing", async () => {
    const at = await bench();
    const before = at.picture();
    expect(await apply(at, [{ kind: "putService", service: service() }], true))
      .toEqual({ message: "", problems: [] });
    expect(at.picture()).toEqual(before);
  });

  test("tells everything that stands against it here, entry by entry, and does nothing", async () => {
    const at = await bench();
    at.node.kernel.rows.set(KEY, observedRow({ ...ROW, address: "10.0.0.100", port: 80 }));
    at.files.problem = () => "option certificate: no such file";
    const before = at.picture();
    const foreign = service({ port: 81 });
    const { problems, message } = await apply(at, [
      { kind: "putService", service: service() },
      { kind: "putService", service: service({ address: "10.0.0.2" }) },
      { kind: "putService", service: service({ address: "192.0.2.9" }) },
      { kind: "putService", service: foreign },
      {
        kind: "putServer",
        server: serverEntry(machine(2, 81), { service: "tcp/10.0.0.100:81" }),
      },
    ]);
    expect(message).toBe("");
    expect(problems.map(({ key, problem }) => `${key} ${problem.slice(0, 60)}`)).toEqual([
      `${KEY} option certificate: no such file`,
      "tcp/10.0.0.2:80 10.0.0.2 is the own address of node n2; choose an address th",
      "tcp/192.0.2.9:80 no interface of n1 has a network that contains 192.0.2.9; ch",
      "tcp/10.0.0.100:81 option certificate: no such file",
      "tcp/10.0.0.100:81|10.0.0.2:81 10.0.0.2 is member n2, which is a server of this service alr",
    ]);
    at.files.problem = () => null;
    expect((await apply(at, [{ kind: "putService", service: service() }])).problems).toEqual([{
      part: "services",
      key: KEY,
      problem: "the kernel of n1 has it already, and not from troop; " +
        "take it out first with `ipvsadm -D -t 10.0.0.100:80`",
    }]);
    expect(at.picture()).toEqual(before);
  });

  test("what the kernel has no scheduler for is refused in its words, and nothing is left", async () => {
    const at = await bench();
    const { apply: real } = at.node.kernel.table;
    at.node.kernel.table.apply = (operations) =>
      operations.some((item) => item.kind === "addService" && item.service.scheduler === "mh")
        ? Promise.resolve(
          operations.map(({ kind }) =>
            Object.assign(new Error('no scheduler "mh"'), { operation: kind, code: "ENOENT" })
          ),
        )
        : real.call(at.node.kernel.table, operations);
    const edits: Edit[] = [
      { kind: "putService", service: service() },
      { kind: "putService", service: service({ port: 81, scheduler: "mh" }) },
    ];
    expect(await line(at, () => apply(at, edits))).toBe(
      'apply the file: no scheduler "mh"; `troop doctor` shows what this machine lacks',
    );
  });
});
