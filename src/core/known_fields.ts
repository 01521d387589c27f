/**
 * Reads what another version of the program has written: fields that this version does not know are passed over,
 * wherever they stand. Everything else must be as the schema says.
 *
 * So a later version may add fields that an earlier one can do without. What the earlier one must not do without
 * goes into a new value of a field it knows: that it refuses.
 */
import type { z } from "zod";

/** How often fields may turn up behind others that were passed over: an entry nests three levels deep. */
const TURNS_MAX = 8;

/** Where a field stands: names of fields and places in lists, from the outside in. */
export type FieldPath = readonly PropertyKey[];

/** What was read, and which fields were passed over; or what is wrong, in words. */
export type Known<Value> =
  | { readonly value: Value; readonly unknown: readonly FieldPath[] }
  | { readonly problem: string };

/** See the head of this file. The value itself is not changed. */
export function readKnown<Value>(schema: z.ZodType<Value>, value: unknown): Known<Value> {
  let rest = value;
  const unknown: FieldPath[] = [];
  for (let turn = 0;; turn++) {
    const parsed = schema.safeParse(rest);
    if (parsed.success) return { value: parsed.data, unknown };
    const found = turn < TURNS_MAX ? unknownFields(parsed.error.issues) : null;
    if (found === null) return { problem: parsed.error.issues[0]?.message ?? "is not valid" };
    for (const path of found) rest = without(rest, path);
    unknown.push(...found);
  }
}

/** The fields that are all that is wrong; null when something else is. */
function unknownFields(issues: readonly z.core.$ZodIssue[]): FieldPath[] | null {
  const found: FieldPath[] = [];
  for (const issue of issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) found.push([...issue.path, key]);
    } else if (issue.code === "invalid_union") {
      const branch = issue.errors.map(unknownFields).find((fields) => (fields ?? []).length > 0);
      if (branch === undefined || branch === null) return null;
      for (const path of branch) found.push([...issue.path, ...path]);
    } else {
      return null;
    }
  }
  return found.length > 0 ? found : null;
}

/** The value without one field. */
function without(value: unknown, [name, ...deeper]: FieldPath): unknown {
  if (typeof value !== "object" || value === null || name === undefined) return value;
  if (Array.isArray(value)) {
    return value.map((item, index) => index === name ? without(item, deeper) : item);
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      if (key !== name) return [[key, item]];
      return deeper.length === 0 ? [] : [[key, without(item, deeper)]];
    }),
  );
}
