/**
 * Records for tests.
 */
import { type NodeRecord, RECORD_VERSION } from "../../src/core/cluster/record.ts";

/** A record with every field filled; what a test cares about is given. */
export function sampleRecord(fields: Partial<NodeRecord> = {}): NodeRecord {
  return {
    format: RECORD_VERSION,
    cluster: "test",
    id: "00000000000000aa",
    name: "n1",
    peer: "12D3KooWtest",
    version: "0.1.0",
    boot: 1_700_000_000_000,
    sequence: 7,
    paths: [{ interface: "eth0", address: "192.0.2.1", prefixLength: 24 }],
    port: 6940,
    director: true,
    realServer: true,
    priority: 100,
    vips: { "192.0.2.240": "eth0 has no carrier" },
    phase: "running",
    claims: { "192.0.2.240": 3 },
    verdicts: {
      "tcp/192.0.2.240:80": { up: true, reason: "200 in 3 ms", sinceMs: 1.5, tookMs: 3 },
    },
    document: "0123456789abcdef",
    ...fields,
  };
}

/** Verdicts that make a record about so many bytes large. */
export function verdictsOfBytes(bytes: number): NodeRecord["verdicts"] {
  const verdict = { up: true, reason: "x".repeat(200), sinceMs: 1.5, tookMs: 3 };
  const count = Math.ceil(bytes / 280);
  return Object.fromEntries(
    Array.from({ length: count }, (_, port) => [`tcp/192.0.2.240:${10_000 + port}`, verdict]),
  );
}
