/** The Connections port over lines of a file that come in pieces. */
import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import type { Connection } from "../../../src/core/table/connection.ts";
import type { PortRange } from "../../../src/core/service/service.ts";
import {
  connectionFile,
  createConnectionTable,
} from "../../../src/shell/kernel/connection_table.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const heading = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n";
const lines = [
  "TCP CB007107 C8A4 C000020A 0050 0A010001 1F90 ESTABLISHED     899\n",
  "TCP CB007108 C8A5 C000020A 0050 0A010002 1F90 FIN_WAIT        119\n",
  "UDP CB007107 13C4 C000020A 0050 0A010001 1F90 UDP             299\n",
  "TCP CB007107 C8A6 C000020A 01BB 0A010001 20FB ESTABLISHED     800\n",
  "TCP CB007107 0000 C000020B 0050 0A010001 1F90 NONE             42\n",
];
const text = heading + lines.join("");
const web = { protocol: "tcp", address: "192.0.2.10", port: 80 } as const;

/** A file that is read in pieces of these lengths, the last one again and again. */
function open(content: string, lengths: readonly number[] = [4_096], now = () => 0) {
  const bytes = new TextEncoder().encode(content);
  const state = { readers: 0, most: 0 };
  async function* pieces(): AsyncGenerator<Uint8Array> {
    state.most = Math.max(state.most, ++state.readers);
    // The reader uses one buffer for all pieces.
    const buffer = new Uint8Array(Math.max(...lengths));
    for (let start = 0, count = 0; start < bytes.length; count++) {
      const length = lengths[Math.min(count, lengths.length - 1)]!;
      const piece = bytes.subarray(start, start + length);
      start += length;
      buffer.set(piece);
      await Promise.resolve();
      yield buffer.subarray(0, piece.length);
    }
    state.readers--;
  }
  return { state, connections: createConnectionTable({ pieces, now }) };
}

function ports(found: readonly Connection[]): number[] {
  return found.map(({ clientPort }) => clientPort);
}

test("list gives all connections, whatever the pieces they come in", async () => {
  const whole = await open(text).connections.list({ limit: 10 });
  expect(ports(whole.connections)).toEqual([0xc8a4, 0xc8a5, 0x13c4, 0xc8a6, 0]);
  expect(whole).toMatchObject({ matched: 5, total: 5 });
  const lengths = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 20 });
  await fc.assert(fc.asyncProperty(lengths, async (cut) => {
    expect(await open(text, cut).connections.list({ limit: 10 })).toEqual(whole);
  }));
});

describe("list keeps what matches", () => {
  const cases = [
    { what: "a service", filter: { service: web }, matches: [0xc8a4, 0xc8a5] },
    { what: "a protocol", filter: { service: { ...web, protocol: "udp" } }, matches: [0x13c4] },
    {
      what: "a service of every port",
      filter: { service: { ...web, port: 0 } },
      matches: [0xc8a4, 0xc8a5, 0xc8a6],
    },
    { what: "a server", filter: { server: "10.1.0.2" }, matches: [0xc8a5] },
    {
      what: "a server's port",
      filter: { server: "10.1.0.1", serverPort: 0x20fb },
      matches: [0xc8a6],
    },
    { what: "both", filter: { service: web, server: "10.1.0.1" }, matches: [0xc8a4] },
    { what: "nobody", filter: { server: "10.9.9.9" }, matches: [] },
  ] as const;
  for (const { what, filter, matches } of cases) {
    test(what, async () => {
      const listing = await open(text).connections.list({ ...filter, limit: 10 });
      expect(ports(listing.connections)).toEqual([...matches]);
      expect(listing).toMatchObject({ matched: matches.length, total: 5 });
    });
  }

  test("a mark, by VIPs and ports, with its own templates", async () => {
    const template = "IP  CB007107 0000 00000007 0000 0A010001 0000 ASSURED        58\n";
    const other = "IP  CB007107 0000 00000008 0000 0A010001 0000 ASSURED        58\n";
    const { connections } = open(heading + lines.join("") + template + other);
    const marked = { mark: 7, vips: ["192.0.2.10"], ports: [] };
    const of = async (ports: readonly PortRange[]) =>
      (await connections.list({ marked: { ...marked, ports }, limit: 10 })).connections
        .map(({ protocol, virtualPort }) => `${protocol} ${virtualPort}`);
    expect(await of([])).toEqual(["tcp 80", "tcp 80", "udp 80", "tcp 443", "ip 0"]);
    expect(await of([{ protocol: "tcp", first: 81, last: 443 }])).toEqual(["tcp 443", "ip 0"]);
    expect(await of([{ protocol: "udp", first: 80, last: 80 }])).toEqual(["udp 80", "ip 0"]);
  });
});

test("list keeps no more than the limit, and counts on", async () => {
  const listing = await open(text).connections.list({ service: web, limit: 1 });
  expect(listing).toMatchObject({ matched: 2, total: 5 });
  expect(ports(listing.connections)).toEqual([0xc8a4]);
});

test("lines of another kind are counted and left out; an endless one is given up", async () => {
  const odd = `${heading}garbage\n${lines[0]}${"x".repeat(100_000)}\n${lines[1]}`;
  const listing = await open(odd, [1_000]).connections.list({ limit: 10 });
  expect(ports(listing.connections)).toEqual([0xc8a4, 0xc8a5]);
  expect(listing.total).toBe(4);
});

test("an empty table", async () => {
  expect(await open(heading).connections.list({ limit: 10 })).toEqual({
    connections: [],
    matched: 0,
    total: 0,
  });
});

test("list gives others a turn between two pieces, and listings read one after the other", async () => {
  // A clock that ticks 1 ms at each look: work soon seems to have held the loop for long.
  let clock = 0;
  const { connections, state } = open(heading + lines[0]!.repeat(1_000), [4_096], () => clock++);
  let turns = 0;
  let working = true;
  const count = () => {
    turns++;
    if (working) setImmediate(count);
  };
  setImmediate(count);
  const both = await Promise.all([
    connections.list({ limit: 1 }),
    connections.list({ limit: 1 }),
  ]);
  working = false;
  expect(both.map(({ total }) => total)).toEqual([1_000, 1_000]);
  expect(turns).toBeGreaterThan(8);
  expect(state.most).toBe(1);
});

test("a listing that fails does not stop the next", async () => {
  let broken = true;
  // deno-lint-ignore require-yield
  async function* pieces(): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    if (broken) throw new Error("read: EIO");
  }
  const connections = createConnectionTable({ pieces, now: () => 0 });
  await expect(connections.list({ limit: 1 })).rejects.toThrow("EIO");
  broken = false;
  expect((await connections.list({ limit: 1 })).total).toBe(0);
});

test("a file is read to its end, and a kernel without IPVS names the module to load", async () => {
  const path = join(tempFolder(), "ip_vs_conn");
  const connections = createConnectionTable(connectionFile(path));
  await expect(connections.list({ limit: 1 })).rejects.toThrow(
    "list connections: ENOENT (kernel has no IPVS: load it with `modprobe ip_vs`)",
  );
  await writeFile(path, heading + lines.join("").repeat(2_000));
  expect(await connections.list({ service: web, limit: 1 })).toMatchObject({
    matched: 4_000,
    total: 10_000,
  });
});
