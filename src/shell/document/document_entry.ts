/**
 * What one entry of a replica must be to count: valid by its schema, and under the key that is its own.
 */
import type { z } from "zod";
import { documentParts, nodeIdSchema } from "../../core/document/document.ts";
import { drainKey } from "../../core/document/drain.ts";
import { readKnown } from "../../core/known_fields.ts";
import { NODES_MAX } from "../../core/limits.ts";
import { keyedService, serverKey } from "../../core/service/server.ts";
import { serviceKey } from "../../core/service/service.ts";
import { isSettingName, settingSpecs } from "../../core/document/settings.ts";

/** A part of the document, by name. */
export type Part = keyof typeof documentParts;
/** What a part has under a key: of a setting its text alone. */
export type Entry<P extends Part> = P extends "settings" ? string
  : z.infer<(typeof documentParts)[P]>;

/** The names of all parts. */
export const partNames = Object.keys(documentParts) as Part[];

/** Entries about nodes, those who left included: four times what a cluster can have at once. */
export const NODE_ENTRIES_MAX = 4 * NODES_MAX;

/** The entry, or what is wrong with it in words. */
export type Judgement<P extends Part> = { readonly entry: Entry<P> } | { readonly problem: string };

/** The key an entry must have; undefined when it can have none. */
const keyOf: {
  readonly [P in Part]: (entry: z.infer<(typeof documentParts)[P]>, key: string) => unknown;
} = {
  services: serviceKey,
  // A service's name with a bar in it would be another service's in the key.
  servers: (entry) =>
    keyedService(serverKey(entry)) === entry.service ? serverKey(entry) : undefined,
  vips: ({ address }) => address,
  settings: (_entry, key) => isSettingName(key) ? key : undefined,
  moves: ({ vip }) => vip,
  nodes: (_entry, key) => nodeIdSchema.safeParse(key).data,
  drains: drainKey,
};

/** Judges what stands under a key. */
export function judge<P extends Part>(part: P, key: string, value: unknown): Judgement<P> {
  if (typeof value !== "object" || value === null) return { problem: "is not an object" };
  const read = readKnown<unknown>(documentParts[part], value);
  if ("problem" in read) return read;
  if ((keyOf[part] as (entry: unknown, key: string) => unknown)(read.value, key) !== key) {
    return { problem: "stands under a key that is not its own" };
  }
  if (part !== "settings") return { entry: read.value as Entry<P> };
  const text = canonicalSetting(key, (read.value as { value: string }).value);
  return text === undefined
    ? { problem: "is not a value of this setting" }
    : { entry: text as Entry<P> };
}

/** What an entry has outermost that this version does not know: fields of a later one. */
export function unknownOf(part: Part, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return {};
  const read = readKnown<unknown>(documentParts[part], value);
  if ("problem" in read) return {};
  const names = read.unknown.filter((path) => path.length === 1).map(([name]) => name);
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
}

/** The canonical text of a setting's value; undefined when there is no such setting or it does not take the value. */
export function canonicalSetting(name: string, value: string): string | undefined {
  return isSettingName(name) ? settingSpecs[name].read(value) : undefined;
}
