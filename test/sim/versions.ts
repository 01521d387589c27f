/**
 * What an agent of another version says, as it comes out of this version's decoders: a later one says more than is known
 * here, an earlier one does not know what was added since.
 */
import { Packr } from "msgpackr/pack";
import { decodePulse, encodePulse, type Pulse } from "../../src/core/cluster/pulse.ts";
import type { NodeRecord } from "../../src/core/cluster/record.ts";
import { decodeRecord } from "../../src/shell/gossip/record_codec.ts";

/** The version of an agent, beside that of the others. */
export type Speaks = "same" | "later" | "earlier";

/** Flags of a pulse that mean nothing to this version. */
const LATER_FLAGS = 0xc0;
/** Bytes a later version puts behind the claims of a pulse. */
const LATER_BYTES = 48;
/** What a later version could say anywhere. */
const MORE = { colour: "blue", mood: { level: 3, words: ["a", "b"] } };

/** Fields of the first records. */
const FIRST_FIELDS = [
  "format",
  "cluster",
  "id",
  "name",
  "peer",
  "version",
  "boot",
  "sequence",
  "paths",
  "port",
  "director",
  "realServer",
  "priority",
  "vips",
  "phase",
  "claims",
  "document",
] as const;

const packr = new Packr({ useRecords: false, moreTypes: false });

/** A pulse as it is understood; null when it is dropped. */
export function pulseHeard(pulse: Pulse, speaks: Speaks): Pulse | null {
  if (speaks === "same") return pulse;
  const own = encodePulse(pulse);
  if (speaks === "earlier") return decodePulse(own) ?? null;
  const bytes = new Uint8Array(own.length + LATER_BYTES).fill(0x5a);
  bytes.set(own);
  bytes[4] = (bytes[4] ?? 0) | LATER_FLAGS;
  return decodePulse(bytes) ?? null;
}

/** A record as it is understood; null when it is dropped. */
export function recordHeard(record: NodeRecord, speaks: Speaks): NodeRecord | null {
  if (speaks === "same") return record;
  // The simulator's digests are whole documents, too long for the wire.
  const { document } = record;
  const short = { ...record, document: "" };
  const read = decodeRecord(packr.pack(speaks === "later" ? later(short) : earlier(short)));
  return typeof read === "string" ? null : { ...read, document };
}

function later(record: NodeRecord): object {
  return {
    ...record,
    ...MORE,
    format: record.format + 1,
    paths: record.paths.map((path) => ({ ...path, ...MORE })),
    verdicts: Object.fromEntries(
      Object.entries(record.verdicts).map(([key, verdict]) => [key, {
        ...verdict,
        ...MORE,
        advice: { words: "resting", state: "resting", ...MORE },
      }]),
    ),
  };
}

/** Without all that the first records did not have. */
function earlier(record: NodeRecord): object {
  const { verdicts } = record;
  return {
    ...Object.fromEntries(FIRST_FIELDS.map((name) => [name, record[name]])),
    verdicts: Object.fromEntries(
      Object.entries(verdicts).map(([key, { held: _, advice: __, ...verdict }]) => [key, verdict]),
    ),
  };
}
