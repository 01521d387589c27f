/**
 * Maintenance: what operators took out of service for a while, with a comment and maybe an end.
 *
 * A drained server keeps its open connections and gets no new ones. A node that is drained as a whole also gives the
 * VIPs it holds to another fit director, so that it can be stopped then.
 */
import { z } from "zod";
import { formatEndpoint, parseIp, PORT_MAX } from "../address.ts";
import { SERVICE_KEY_LENGTH_MAX } from "../limits.ts";
import { nodeIdSchema } from "../node_id.ts";

/** Longest comment: one line on a terminal. */
export const COMMENT_LENGTH_MAX = 200;
/** Longest time a drain can be given, ms (a year): longer is a mistyped date. What has no end is entered without one. */
export const DRAIN_MS_MAX = 365 * 86_400_000;
/** Time for which a drain that has ended stays in the document, ms: every node has seen its end by then. */
export const DRAIN_KEPT_MS = 86_400_000;

/** Last moment a date can name, ms since 1970 (ECMA-262, time values). */
const DATE_MS_MAX = 8_640_000_000_000_000;
const moment = z.int().min(0).max(DATE_MS_MAX);

/** Who is drained: a member by its id, or a machine by address; port null: whatever the port. */
const targetSchema = z.union([
  z.strictObject({ node: nodeIdSchema }),
  z.strictObject({
    address: z.string().refine((text) => parseIp(text) === text, "is not an IP address"),
    port: z.int().min(0).max(PORT_MAX).nullable(),
  }),
]);
/** See {@link targetSchema}. */
export type DrainTarget = z.infer<typeof targetSchema>;

/** A comment of an operator. */
export const commentSchema = z.string().max(COMMENT_LENGTH_MAX).regex(
  /^\P{Cc}*$/u,
  "has a control character",
);

/** An entry of the document. Times are wall-clock ms since 1970. */
export const drainSchema = z.strictObject({
  /** Key of the only service that is meant; null: every one. */
  service: z.string().max(SERVICE_KEY_LENGTH_MAX).regex(/^[^|*]+$/, "is no key of a service")
    .nullable(),
  target: targetSchema,
  /** False: it was lifted. The entry stays for a while, so that every node learns of it. */
  on: z.boolean(),
  comment: commentSchema.default(""),
  sinceMs: moment,
  /** When it ends by itself; null: when it is lifted. */
  untilMs: moment.nullable(),
  /** Whether a node keeps the VIPs it holds. */
  keepVips: z.boolean().default(false),
});
/** See {@link drainSchema}. */
export type Drain = z.infer<typeof drainSchema>;

/** What identifies an entry: `tcp/192.0.2.1:80|192.0.2.21:80`, or `*` and a node's id. */
export type DrainKey = string;

/** The key of an entry. */
export function drainKey({ service, target }: Pick<Drain, "service" | "target">): DrainKey {
  return `${service ?? "*"}|${drainTargetText(target)}`;
}

/** The part of the key that tells targets apart. */
export function drainTargetText(target: DrainTarget): string {
  if ("node" in target) return target.node;
  const { address, port } = target;
  return port === null ? address : formatEndpoint({ address, port });
}

/** Whether the entry counts now, by the clock of the node that asks. */
export function isDraining({ on, untilMs }: Drain, wallMs: number): boolean {
  return on && (untilMs === null || wallMs < untilMs);
}

/** The drain in words, for people: why, and how long. */
export function drainWords({ comment, untilMs }: Drain): string {
  const end = untilMs === null ? "" : ` until ${isoSeconds(untilMs)}`;
  return `drained${end}${comment === "" ? "" : `: ${comment}`}`;
}

function isoSeconds(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, "Z");
}
