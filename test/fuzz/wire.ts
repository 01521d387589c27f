/**
 * Decoders of what peers send, and of what this node itself has written to its disk.
 */
import * as Y from "yjs";
import { cautionKinds, decodeCaution, encodeCaution } from "../../src/core/cluster/caution.ts";
import { decodePulse, encodePulse, pulseEnd } from "../../src/core/cluster/pulse.ts";
import { updateProblem } from "../../src/shell/document/document_gate.ts";
import { decodeJournal, encodeJournal } from "../../src/shell/document/document_journal.ts";
import {
  applyPeerUpdate,
  BadUpdate,
  createReplica,
} from "../../src/shell/document/document_replica.ts";
import { completes, missingChunk } from "../../src/shell/document/document_slices.ts";
import { decodeHello, encodeHello } from "../../src/shell/gossip/hello_answer.ts";
import { isPlainMsgpack } from "../../src/shell/gossip/plain_msgpack.ts";
import { hasSeal, SEAL_BYTES, sealPulse, unsealPulse } from "../../src/shell/pulse/pulse_seal.ts";
import { decodeRecord, encodeRecord } from "../../src/shell/gossip/record_codec.ts";
import { sampleRecord, verdictsOfBytes } from "../support/sample_record.ts";
import { sampleService } from "../support/sample_service.ts";
import { bytesOf, type Decoder } from "./decoder.ts";

const pulse = encodePulse({
  from: "00000000000000aa",
  to: "00000000000000bb",
  boot: 1_700_000_000_000,
  sequence: 7,
  echo: 1_700_000_000_001,
  intervalMs: 100,
  leaving: false,
  ask: true,
  starting: false,
  deaf: true,
  witness: "doubt",
  claims: new Map([["192.0.2.240", { epoch: 3, yielding: false }], ["2001:db8::1", {
    epoch: 0x7fff_ffff,
    yielding: true,
  }]]),
});
const key = new Uint8Array(32).fill(7);
const sealed = sealPulse(key, "192.0.2.1", pulse);

/** A pulse with the seal of the pair inside. */
const pair = new Uint8Array(32).fill(9);
const sealedTwice = sealPulse(pair, "192.0.2.1", pulse);
const claimsEnd = sealedTwice.length - SEAL_BYTES;

const cautions = cautionKinds.map((kind) =>
  encodeCaution({ kind, to: "00000000000000bb", echo: 7, boot: 8, address: "192.0.2.1", port: 1 })
);

const fingerprint = "0123456789abcdef";
const rotation = { serial: 3, target: fingerprint, from: "0123456789abcdee", graceS: 60 };
const records = [
  encodeRecord(sampleRecord({
    pulseKey: "ab".repeat(32),
    token: { sends: fingerprint, accepts: [fingerprint], rotation },
    open: { "all n1": { active: 3, inactive: 0 } },
  })),
  encodeRecord(sampleRecord()),
  encodeRecord(sampleRecord({ claims: {}, verdicts: verdictsOfBytes(3_000), free: 50 })),
];

/** Updates as a node makes them: entries put, replaced and removed, by two writers. */
const updates = ((): Uint8Array[] => {
  const a = new Y.Doc();
  const b = new Y.Doc();
  a.clientID = 1;
  b.clientID = 70_000;
  a.getMap("services").set("tcp/192.0.2.240:80", sampleService());
  Y.applyUpdate(b, Y.encodeStateAsUpdate(a));
  b.getMap("services").set("tcp/192.0.2.240:80", { ...sampleService(), scheduler: "rr" });
  b.getMap("settings").set("sync-ttl", { value: "3" });
  b.getMap("settings").delete("sync-ttl");
  const diff = Y.encodeStateAsUpdate(b, Y.encodeStateVector(a));
  return [Y.encodeStateAsUpdate(a), Y.encodeStateAsUpdate(b), diff];
})();

/** Merged as the document store does it. Yjs may refuse what passes the gate; it then says which of the two it is. */
function merge(bytes: Uint8Array): unknown {
  const problem = updateProblem(bytes);
  if (problem !== null) return problem;
  const replica = createReplica(updates.slice(0, 1));
  const changes = applyPeerUpdate(replica, bytes);
  const { document, skipped } = replica.content.read();
  return { changes: changes.length, services: document.services.size, skipped: skipped.length };
}

const full = createReplica(updates);
const vectors = updates.map((update) => Y.encodeStateVectorFromUpdate(update));

/** See the head of this file. */
export const wireDecoders: readonly Decoder[] = [
  { name: "pulse", seeds: [pulse], bytesMax: 2_000, run: decodePulse },
  {
    name: "pulse, sealed",
    seeds: [sealed],
    bytesMax: 2_000,
    run(bytes) {
      const open = unsealPulse(key, "192.0.2.1", bytes);
      const forged = open !== undefined && !Buffer.from(bytes).equals(sealed);
      if (forged) throw new Error("a seal that was not made with the key is taken");
      return open === undefined ? undefined : decodePulse(open);
    },
  },
  {
    name: "pulse, sealed by its pair",
    seeds: [sealedTwice, new Uint8Array([...sealedTwice, 1, 2, 3])],
    bytesMax: 2_000,
    run(bytes) {
      const told = decodePulse(bytes);
      if (told === undefined) return undefined;
      const sealed = hasSeal(pair, "192.0.2.1", { bytes, end: pulseEnd(told) });
      const same = Buffer.from(bytes.subarray(0, claimsEnd)).equals(pulse);
      if (sealed && !same) throw new Error("a seal that was not made with the key is taken");
      return { ...told, sealed };
    },
  },
  { name: "caution", seeds: cautions, bytesMax: 256, run: decodeCaution },
  { name: "record", seeds: records, bytesMax: 600_000, run: decodeRecord, msMax: 80 },
  {
    name: "plain MessagePack",
    seeds: records,
    bytesMax: 600_000,
    run: isPlainMsgpack,
  },
  {
    name: "hello",
    seeds: [
      encodeHello({
        cluster: "test",
        self: { id: "00000000000000aa", name: "n1", addresses: ["192.0.2.1"], port: 6940 },
        members: [{ id: "00000000000000bb", name: "n2", addresses: ["2001:db8::1"], port: 1 }],
      }),
    ],
    bytesMax: 262_144,
    run: decodeHello,
  },
  { name: "document update, gate", seeds: updates, bytesMax: 1_048_576, run: updateProblem },
  {
    name: "document update, merged",
    seeds: updates,
    bytesMax: 65_536,
    run: merge,
    mayThrow: [BadUpdate],
    msMax: 150,
  },
  {
    name: "state vector",
    seeds: [...vectors, ...bytesOf("\0")],
    bytesMax: 65_536,
    run: (bytes) => missingChunk(full.doc, bytes).update,
    // Whoever asks with bytes that are none ends its own stream.
    mayThrow: [Error],
  },
  {
    name: "synchronization, last piece",
    seeds: updates,
    bytesMax: 65_536,
    run: (bytes) => {
      const [own, theirs] = [vectors[0]!, vectors[1]!];
      return [
        completes({ own, received: bytes, theirs }),
        completes({ own, received: updates[2]!, theirs: bytes }),
      ];
    },
    mayThrow: [Error],
  },
  {
    name: "journal",
    seeds: [encodeJournal(updates), encodeJournal([])],
    bytesMax: 65_536,
    run: decodeJournal,
  },
];
