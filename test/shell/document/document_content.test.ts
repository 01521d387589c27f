/** What of a replica counts: valid entries within the limits, shared between reads. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import * as Y from "yjs";
import type { ClusterDocument, Edit } from "../../../src/core/document/document.ts";
import { NODES_MAX, SERVERS_MAX, SERVICES_MAX, VIPS_MAX } from "../../../src/core/limits.ts";
import { serverKey } from "../../../src/core/service/server.ts";
import { plainVip } from "../../../src/core/document/vip.ts";
import { prepareEdit } from "../../../src/shell/document/document_edit.ts";
import { NODE_ENTRIES_MAX } from "../../../src/shell/document/document_entry.ts";
import {
  applyOwnUpdate,
  applyPeerUpdate,
  createReplica,
  type Replica,
} from "../../../src/shell/document/document_replica.ts";
import { plain } from "./arbitrary_edits.ts";
import { putPort, putServer, sampleServer, sampleService } from "../../support/sample_service.ts";

// Documents over their limits are large.
setDefaultTimeout(30_000);

function edit(replica: Replica, edits: readonly Edit[]): void {
  for (const piece of prepareEdit(replica, edits).pieces) applyOwnUpdate(replica, piece);
}

/** A replica with one service, and raw entries as a peer without manners could make them. */
function raw(parts: Record<string, Record<string, unknown>>): Replica {
  const rude = new Y.Doc();
  for (const [part, entries] of Object.entries(parts)) {
    for (const [key, value] of Object.entries(entries)) rude.getMap(part).set(key, value);
  }
  const replica = createReplica();
  edit(replica, [putPort(80)]);
  applyPeerUpdate(replica, Y.encodeStateAsUpdate(rude));
  return replica;
}

const document = (replica: Replica): ClusterDocument => replica.content.read().document;
const skipped = (replica: Replica) => replica.content.read().skipped;
const byKey = <Value>(values: readonly Value[], key: (value: Value) => string) =>
  Object.fromEntries(values.map((value) => [key(value), value]));
const address = (n: number) => `10.0.${n >> 8}.${n & 255}`;

describe("an entry that is not valid", () => {
  const service = "tcp/192.0.2.240:81";
  const server = sampleServer(80, 21);
  const bad: { name: string; part: string; key: string; value: unknown }[] = [
    { name: "text", part: "services", key: service, value: "x" },
    { name: "null", part: "services", key: service, value: null },
    { name: "a service without fields", part: "services", key: service, value: {} },
    {
      name: "a service with a field that is wrong and one that is unknown",
      part: "services",
      key: service,
      value: { ...sampleService({ port: 81 }), extra: 1, scheduler: "magic" },
    },
    {
      name: "a service under another's key",
      part: "services",
      key: service,
      value: sampleService({ port: 82 }),
    },
    { name: "a nested map", part: "services", key: service, value: new Y.Map() },
    { name: "a nested text", part: "nodes", key: "00000000000000aa", value: new Y.Text("x") },
    { name: "a node under no id", part: "nodes", key: "x", value: { name: "n1", left: false } },
    {
      name: "a move under another VIP",
      part: "moves",
      key: "192.0.2.1",
      value: { vip: "192.0.2.240", to: "00000000000000aa", fromEpoch: 1 },
    },
    { name: "a prototype", part: "services", key: "__proto__", value: { polluted: true } },
    { name: "a server under another's key", part: "servers", key: "x", value: server },
    {
      name: "a server whose service's name would be another's",
      part: "servers",
      key: `${server.service}|x|192.0.2.21:8080`,
      value: { ...server, service: `${server.service}|x` },
    },
    {
      name: "a VIP under another's key",
      part: "vips",
      key: "192.0.2.1",
      value: plainVip("192.0.2.2"),
    },
    { name: "an unknown setting", part: "settings", key: "colour", value: { value: "red" } },
    {
      name: "a setting of the prototype",
      part: "settings",
      key: "toString",
      value: { value: "1" },
    },
    { name: "a setting out of range", part: "settings", key: "sync-ttl", value: { value: "0" } },
  ];
  for (const { name, part, key, value } of bad) {
    test(`is left out, and the rest is kept: ${name}`, () => {
      const replica = raw({ [part]: Object.fromEntries([[key, value]]) });
      expect(plain(replica)).toEqual(plain(raw({})));
      expect(skipped(replica)).toMatchObject([{ part, key }]);
      expect("polluted" in {}).toBe(false);
    });
  }

  test("counts when all that is wrong are fields of a later version, which an edit here keeps", () => {
    const known = sampleService({ port: 81 });
    const value = { ...known, extra: { deep: 1 }, check: { ...known.check, mood: "good" } };
    const replica = raw({
      services: { [service]: value },
      servers: {
        [serverKey(server)]: { ...server, target: { ...server.target, rack: 3 }, colour: "red" },
      },
    });
    expect(skipped(replica)).toEqual([]);
    expect(document(replica).services.get(service)).toEqual(known);
    expect([...document(replica).servers.get(server.service)?.values() ?? []]).toEqual([server]);
    edit(replica, [{ kind: "putService", service: { ...known, scheduler: "rr" } }]);
    expect(replica.content.written("services").get(service)).toMatchObject({
      extra: { deep: 1 },
      scheduler: "rr",
    });
    expect(document(replica).services.get(service)).toMatchObject({ scheduler: "rr" });
  });

  test("of a part that only a later version knows is counted, one of the history of edits is not", () => {
    const replica = raw({ services: { [service]: sampleService({ port: 81 }) } });
    replica.doc.getMap("history").set("1", { at: 1 });
    expect(document(replica).idle ?? 0).toBe(0);
    replica.doc.getMap("rhythms").set("1", { at: 1 });
    expect(document(replica).idle).toBe(1);
  });

  test("is told no more when it is replaced by a valid one, or removed", () => {
    const replica = raw({ settings: { "sync-ttl": { value: "0" }, colour: { value: "red" } } });
    expect(skipped(replica)).toHaveLength(2);
    edit(replica, [{ kind: "putSetting", name: "sync-ttl", value: "3" }]);
    expect(skipped(replica)).toMatchObject([{ key: "colour" }]);
    edit(replica, [{ kind: "removeSetting", name: "colour" as "sync-ttl" }]);
    expect(skipped(replica)).toEqual([]);
    expect([...document(replica).settings]).toEqual([["sync-ttl", "3"]]);
  });

  test("a part of another kind stays a map", () => {
    const rude = new Y.Doc();
    rude.getArray("services").insert(0, [1, 2, 3]);
    rude.getText("servers").insert(0, "text");
    const replica = createReplica();
    applyPeerUpdate(replica, Y.encodeStateAsUpdate(rude));
    edit(replica, [putPort(80), putServer(80, 21)]);
    expect(document(replica).servers.get("tcp/192.0.2.240:80")?.size).toBe(1);
  });
});

describe("servers of a service that is not there", () => {
  const server = sampleServer(81, 21);
  const orphan = () => raw({ servers: { [serverKey(server)]: server } });

  test("are left out without a word, and count", () => {
    expect(plain(orphan())).toEqual(plain(raw({})));
    expect(skipped(orphan())).toEqual([]);
    expect(orphan().content.written("servers").size).toBe(1);
  });

  test("go with their service, and when it is removed once more", () => {
    const replica = raw({});
    edit(replica, [putPort(81), { kind: "putServer", server }, putServer(80, 22)]);
    edit(replica, [{ kind: "removeService", key: server.service }]);
    expect(replica.content.written("servers").size).toBe(1);
    const merged = orphan();
    edit(merged, [{ kind: "removeService", key: server.service }]);
    expect(merged.content.written("servers").size).toBe(0);
  });

  test("are not those of a service that is made later, but for those named with it", () => {
    const replica = orphan();
    edit(replica, [putServer(81, 22), putPort(81)]);
    expect([...document(replica).servers.get(server.service)?.keys() ?? []]).toEqual([
      `${server.service}|192.0.2.22:8080`,
    ]);
    edit(replica, [putPort(81, "rr")]);
    expect(document(replica).servers.get(server.service)?.size).toBe(1);
  });

  test("come back when a merge brings back their service", () => {
    const replica = orphan();
    const other = createReplica();
    edit(other, [putPort(81)]);
    applyPeerUpdate(replica, Y.encodeStateAsUpdate(other.doc));
    expect(document(replica).servers.get(server.service)?.size).toBe(1);
  });
});

describe("limits", () => {
  const services = (count: number) =>
    byKey(
      Array.from({ length: count }, (_, n) => sampleService({ port: n + 1 })),
      ({ port }) => `tcp/192.0.2.240:${port}`,
    );

  /** The replica leaves out so many, and so does one that learns the same in another way. */
  function expectSkipped(replica: Replica, count: number): void {
    expect(skipped(replica)).toHaveLength(count);
    const anew = createReplica([Y.encodeStateAsUpdate(replica.doc)]);
    expect(plain(anew)).toEqual(plain(replica));
    expect(skipped(anew)).toEqual([...skipped(replica)]);
  }

  test("of services and servers leave out the last keys, the same on every replica", () => {
    const many = raw({ services: services(SERVICES_MAX + 5) });
    expect(document(many).services.size).toBe(SERVICES_MAX);
    expectSkipped(many, 5);

    const servers = Array.from({ length: SERVERS_MAX + 5 }, (_, n) => ({
      ...sampleServer(n % 2 ? 80 : 79, 1),
      target: { address: address(n >> 1), port: 80 },
    }));
    const wide = raw({ servers: byKey(servers, serverKey) });
    // Half of them have no service here: they take room, and come first in the order of keys.
    expect(document(wide).servers.get("tcp/192.0.2.240:80")?.size).toBe(SERVERS_MAX / 2 - 3);
    expectSkipped(wide, 5);
  });

  test("of VIPs count services and entries together, services first", () => {
    const entries = Array.from({ length: VIPS_MAX + 2 }, (_, n) => plainVip(address(n)));
    const replica = raw({ vips: byKey(entries, (entry) => entry.address) });
    expect(document(replica).services.size).toBe(1);
    expect(document(replica).vips.size).toBe(VIPS_MAX - 1);
    expectSkipped(replica, 3);
    edit(replica, [{ kind: "removeService", key: "tcp/192.0.2.240:80" }]);
    expectSkipped(replica, 2);
  });

  test("refuse the edit that would exceed them, and none that does not", () => {
    const vips = (count: number): Edit[] =>
      Array.from({ length: count }, (_, n) => ({ kind: "putVip", vip: plainVip(address(n)) }));
    const replica = raw({});
    edit(replica, vips(VIPS_MAX - 1));
    expect(() => edit(replica, vips(VIPS_MAX))).toThrow(
      `at most ${VIPS_MAX} VIPs, and this makes ${VIPS_MAX + 1}`,
    );
    // An entry about the VIP of a service takes no room of its own, and one for another is an exchange.
    edit(replica, [{ kind: "putVip", vip: plainVip("192.0.2.240") }]);
    edit(replica, [{ kind: "removeVip", address: address(0) }, ...vips(VIPS_MAX).slice(-1)]);
    const mark = { ...sampleService(), protocol: "fwm", family: 4, mark: 1, ports: [] };
    const { address: _address, port: _port, ...fields } = mark;
    const put = (vip: string) =>
      ({ kind: "putService", service: { ...fields, vips: [vip] } }) as unknown as Edit;
    expect(() => edit(replica, [put("192.0.2.99")])).toThrow(`${VIPS_MAX} VIPs`);
    edit(replica, [put("192.0.2.240")]);
  });

  test("let a document that a merge has brought over them be edited back", () => {
    const replica = raw({ services: services(SERVICES_MAX + 5) });
    edit(replica, [putPort(80, "rr"), { kind: "removeService", key: "tcp/192.0.2.240:1" }]);
    expect(() => edit(replica, [putPort(SERVICES_MAX + 9)])).toThrow(`${SERVICES_MAX} services`);
  });

  test("of moves: those of VIPs nobody has any more make room for new ones", () => {
    const replica = createReplica();
    const move = (vip: string): Edit => ({
      kind: "putMove",
      move: { vip, to: "00000000000000aa", fromEpoch: 1 },
    });
    edit(replica, [putPort(80), move("192.0.2.240")]);
    for (let n = 0; n < VIPS_MAX + 5; n++) edit(replica, [move(address(n))]);
    const { moves } = document(replica);
    expect(moves.has("192.0.2.240")).toBe(true);
    expect(moves.has(address(VIPS_MAX + 4))).toBe(true);
    expect(moves.size).toBeLessThan(VIPS_MAX);
    expect(NODE_ENTRIES_MAX).toBeGreaterThan(NODES_MAX);
  });
});

describe("two reads", () => {
  test("share every part that did not change, and every entry", () => {
    const replica = raw({});
    edit(replica, [putPort(81), putServer(80, 21), putServer(80, 22), putServer(81, 21)]);
    edit(replica, [{ kind: "putVip", vip: plainVip("192.0.2.240") }]);
    const before = document(replica);
    expect(document(replica)).toBe(before);
    edit(replica, [putServer(81, 21, 9)]);
    const after = document(replica);
    expect(after.servers).not.toBe(before.servers);
    expect(after.servers.get("tcp/192.0.2.240:80")).toBe(before.servers.get("tcp/192.0.2.240:80")!);
    for (const part of ["services", "vips", "settings", "moves", "nodes"] as const) {
      expect(after[part]).toBe(before[part] as never);
    }
    edit(replica, [putPort(82)]);
    const later = document(replica);
    expect(later.services).not.toBe(after.services);
    expect(later.services.get("tcp/192.0.2.240:81")).toBe(
      after.services.get("tcp/192.0.2.240:81")!,
    );
    expect(later.servers).toBe(after.servers);
    expect([...later.services.keys()]).toEqual(
      [80, 81, 82].map((port) => `tcp/192.0.2.240:${port}`),
    );
    // What was read stays as it was.
    expect([before.services.size, after.services.size]).toEqual([2, 2]);
  });

  test("share parts that are over a limit, too", () => {
    const entries = Array.from({ length: VIPS_MAX + 2 }, (_, n) => plainVip(address(n)));
    const replica = raw({ vips: byKey(entries, (entry) => entry.address) });
    edit(replica, [putServer(80, 21)]);
    const before = document(replica);
    edit(replica, [{ kind: "putSetting", name: "sync-ttl", value: "3" }]);
    const after = document(replica);
    for (const part of ["services", "servers", "vips"] as const) {
      expect(after[part]).toBe(before[part] as never);
    }
    expect(skipped(replica)).toHaveLength(3);
  });
});
