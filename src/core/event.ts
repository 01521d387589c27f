/**
 * Events: what changed on a node, as its log keeps it and as hooks are told.
 */
import { z } from "zod";

/** What an event is about. `hook`: people could not be told of others. */
export const eventKinds = ["phase", "vip", "node", "server", "service", "hook"] as const;
/** See {@link eventKinds}. */
export type EventKind = (typeof eventKinds)[number];

/** Longest text of an event; a reason that travels between nodes has 300 characters. */
export const EVENT_TEXT_MAX = 600;

/** Most events anybody can ask for: more than the files hold. */
export const EVENTS_LIMIT_MAX = 1_000_000;

const fieldsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

/** One event. Its number grows by one from event to event of a node, over restarts too. */
export const eventSchema = z.object({
  id: z.int().min(1),
  time: z.string().describe("ISO 8601"),
  kind: z.enum(eventKinds),
  level: z.enum(["info", "warn"]),
  text: z.string(),
  fields: fieldsSchema,
});
/** See {@link eventSchema}. */
export type TroopEvent = z.infer<typeof eventSchema>;

/** What happened, before it has a number and a time. */
export type News = Pick<TroopEvent, "kind" | "level" | "text" | "fields">;

/** Which events are asked for. */
export interface EventQuery {
  /** The last so many; null: all there are. */
  readonly limit: number | null;
  /** Not before this, ms since 1970; null: from the beginning. */
  readonly sinceMs: number | null;
  /** Goes on with those to come. */
  readonly follow: boolean;
}

/** Reads a line of the log; null for one that is none, such as the last one before a power cut. */
export function parseEventLine(line: string): TroopEvent | null {
  try {
    return eventSchema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
