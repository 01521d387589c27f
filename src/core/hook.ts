/**
 * Hooks: programs and webhooks of one node that are told of events.
 */
import { z } from "zod";
import { nameSchema } from "./document/document.ts";
import { eventKinds, type TroopEvent } from "./event.ts";

/** Hooks of one node: each may hold a process and a queue. */
export const HOOKS_MAX = 16;
/** Time a hook has for one event, ms. */
export const HOOK_MS_DEFAULT = 10_000;

/** What hooks can be told of: not of hooks that failed, or one would be told of itself for ever. */
export const hookEvents = eventKinds.filter((kind) => kind !== "hook");

/** One entry of `hooks` in troop.yaml. */
export const hookSchema = z.strictObject({
  /** Names it in logs. */
  name: nameSchema,
  /** What it is told of; left out: everything. */
  events: z.array(z.enum(hookEvents)).min(1).default([...hookEvents]),
  /** A program and its arguments. */
  command: z.tuple([z.string().startsWith("/", "must be an absolute path").max(1_024)], z.string())
    .refine((words) => words.length <= 64, "has more than 64 words").optional(),
  /** Where events are posted to as JSON. */
  webhook: z.string().max(2_048).refine(isWebUrl, "must be an http:// or https:// URL").optional(),
  /** Time for one event, ms; then the program is killed, or the request given up. */
  timeoutMs: z.int().min(100).max(300_000).default(HOOK_MS_DEFAULT),
}).refine(({ command, webhook }) => (command === undefined) !== (webhook === undefined), {
  message: "must have either a command or a webhook",
});
/** See {@link hookSchema}. */
export type Hook = z.infer<typeof hookSchema>;

function isWebUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:");
}

/** What a hook gets: as JSON on standard input, or as the body of a request. */
export interface HookMessage extends TroopEvent {
  readonly cluster: string;
  /** The node whose hook it is: it tells what it saw itself. */
  readonly node: string;
  /** Events since the last one that this hook was too slow for. */
  readonly dropped: number;
}

/** What a program finds in its environment: `TROOP_EVENT`, `TROOP_TEXT`, `TROOP_SERVICE` and so on. */
export function hookEnvironment(message: HookMessage): Record<string, string> {
  const { fields, kind, ...rest } = message;
  const values = { ...rest, event: kind, self: message.node, ...fields };
  return Object.fromEntries(
    Object.entries(values)
      // No byte of a name or a value may end it early (execve(2)).
      .map(([name, value]) => [`TROOP_${name.toUpperCase()}`, String(value).replaceAll("\0", "")]),
  );
}
