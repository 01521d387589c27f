/**
 * A node's own record: what it tells the cluster about itself, by gossip, on change and about once a
 * second. For one node the record with the highest (boot, sequence) is the true one.
 */
import { z } from "zod";
import { parseIp, PORT_MAX } from "../address.ts";
import { nameSchema, type NodeId, nodeIdSchema } from "../document/document.ts";
import {
  BOOT_MAX,
  EPOCH_MAX,
  INTERFACE_LENGTH_MAX,
  NODE_PATHS_MAX,
  REASON_LENGTH_MAX,
  SERVICE_KEY_LENGTH_MAX,
  SERVICES_MAX,
  TOLD_DRAINS_MAX,
  VIPS_MAX,
  WEIGHT_MAX,
} from "../limits.ts";
import { vipSchema } from "../service/service.ts";
import { tokenFactsSchema } from "./token_facts.ts";

/** Version of the record's format; a record of a higher version is read for the fields known here. */
export const RECORD_VERSION = 1;
/** Largest encoded record: SERVICES_MAX verdicts of about 120 bytes each. */
export const RECORD_BYTES_MAX = 512 * 1024;

/** Longest name of a phase, of whatever version. */
const PHASE_LENGTH_MAX = 32;
/** Largest percentage of its weight a server can ask for: what a weight of 1 can become. */
const ADVICE_PERCENT_MAX = 100 * WEIGHT_MAX;

/** An address of a node on one network path, as the kernel has it on an interface. */
export const pathSchema = z.object({
  interface: z.string().min(1).max(INTERFACE_LENGTH_MAX),
  address: z.string().refine((text) => parseIp(text) === text, "is not a canonical address"),
  prefixLength: z.int().min(0).max(128),
});
/** See {@link pathSchema}. */
export type Path = z.infer<typeof pathSchema>;

/** A node's own verdict about the server it runs for one virtual service. */
export const verdictSchema = z.object({
  up: z.boolean(),
  /** In words, for people: "200 in 3 ms", "connection refused". */
  reason: z.string().max(REASON_LENGTH_MAX),
  /** Wall-clock time of the last change, ms since 1970. */
  sinceMs: z.number(),
  /** How long the last probe took, ms. */
  tookMs: z.number(),
  /** It works, and is held down because it went down too often. */
  held: z.boolean().optional(),
  /** What it says of its own weight and state. */
  advice: z.object({
    weightPercent: z.number().min(0).max(ADVICE_PERCENT_MAX).optional(),
    weight: z.int().min(0).max(WEIGHT_MAX).optional(),
    // A state of a later version says nothing here.
    state: z.enum(["up", "down", "drain", "maint"]).optional().catch(undefined),
    words: z.string().max(REASON_LENGTH_MAX),
  }).optional(),
});
/** See {@link verdictSchema}. */
export type Verdict = z.infer<typeof verdictSchema>;

const count = z.int().min(0);
const epochsSchema = z.record(vipSchema, z.int().min(0).max(EPOCH_MAX)).refine((epochs) =>
  Object.keys(epochs).length <= VIPS_MAX
);
const openSchema = z.object({ active: count, inactive: count });

/** See the head of this file. Unknown fields are dropped, so that newer nodes can add some. */
export const recordSchema = z.object({
  format: z.int().min(1),
  cluster: nameSchema,
  id: nodeIdSchema,
  name: nameSchema,
  /** libp2p peer id; `id` is derived from its public key. */
  peer: z.string().max(128),
  /** Public key of its pulses (X25519, hexadecimal): with it nobody else can pulse in its name. Earlier versions leave it out. */
  pulseKey: z.string().regex(/^[0-9a-f]{64}$/).optional(),
  /** Version of the program. */
  version: z.string().max(64),
  /** Grows with every start of the agent: the wall clock in ms, or one more than the last boot if that is higher. */
  boot: z.int().min(0).max(BOOT_MAX),
  sequence: z.int().min(0),
  /** Network paths; the first is the primary one: where the node's real servers are reached. */
  paths: z.array(pathSchema).min(1).max(NODE_PATHS_MAX),
  /** UDP port of pulses and TCP port of gossip. */
  port: z.int().min(1).max(PORT_MAX),
  director: z.boolean(),
  realServer: z.boolean(),
  /** Higher is preferred when a VIP has no holder. */
  priority: z.int().min(0).max(255),
  /** VIPs this node knows of: why it cannot hold each now ("eth0 has no carrier"), or null when it can. */
  vips: z.record(vipSchema, z.string().max(REASON_LENGTH_MAX).nullable()).refine(
    (vips) => Object.keys(vips).length <= VIPS_MAX,
    "has too many VIPs",
  ),
  /** Silence after which this node takes others for dead, ms; earlier versions leave it out. */
  deadMs: z.int().min(0).optional(),
  /** `leaving`: hands over and is going to stop, or does what only a later version knows; `left`: has stopped on purpose. */
  phase: z.union([
    z.enum(["running", "leaving", "left"]),
    z.string().max(PHASE_LENGTH_MAX).transform(() => "leaving" as const),
  ]),
  /** VIPs held, with the epoch of the claim. */
  claims: epochsSchema,
  /**
   * The highest epochs seen of VIPs that nobody is known to hold: whoever takes one must know which orders are spent. Left
   * out where there are none, and by earlier versions.
   */
  epochs: epochsSchema.optional(),
  /** Own verdicts by service key. */
  verdicts: z.record(z.string(), verdictSchema).refine((all) =>
    Object.keys(all).length <= SERVICES_MAX
  ),
  /** Free part of its processors, percent, where a service asks for it. */
  free: z.number().min(0).max(100).optional(),
  /** Open connections of drained servers, by key of the drain, of the VIPs this node holds; see drained_connections.ts. */
  open: z.record(z.string().max(2 * SERVICE_KEY_LENGTH_MAX), openSchema).refine((open) =>
    Object.keys(open).length <= TOLD_DRAINS_MAX
  ).optional(),
  /** Which tokens it has, by fingerprint. Left out by versions that cannot change theirs. */
  token: tokenFactsSchema.optional(),
  /** Its wall clock when it made the record, ms since 1970. */
  wallMs: z.number().min(0).optional(),
  /** Digest of the cluster document this node has; differing digests make two nodes synchronize. */
  document: z.string().max(64),
});
/** See {@link recordSchema}. */
export type NodeRecord = z.infer<typeof recordSchema>;

/** The key of pulses that a node has told; null when it has told none, undefined when the node is not known. */
export function keyOf(
  state: { readonly peers: ReadonlyMap<NodeId, { readonly record: NodeRecord }> } | undefined,
  id: NodeId,
): string | null | undefined {
  const record = state?.peers.get(id)?.record;
  return record === undefined ? undefined : record.pulseKey ?? null;
}

/** Whether `a` replaces `b` for the same node. */
export function isNewer(
  a: Pick<NodeRecord, "boot" | "sequence">,
  b: Pick<NodeRecord, "boot" | "sequence">,
): boolean {
  return a.boot !== b.boot ? a.boot > b.boot : a.sequence > b.sequence;
}
