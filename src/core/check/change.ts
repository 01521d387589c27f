/**
 * A check that is told in part: what is named changes, all else stays.
 */
import { z } from "zod";
import { formatPlainDuration } from "../duration.ts";
import { checkOptions, defaultOf, optionsOf } from "./options.ts";
import { type Check, type CheckKind, checkKinds, checkShape, strictCheckSchema } from "./schema.ts";

/**
 * Some options of a check: what is not named stays as it is, unless the kind changes. Only that it is no nonsense is
 * looked at here; {@link changeCheck} looks at the whole.
 */
export const checkChangeSchema = z.looseObject({
  kind: z.enum(checkKinds as [CheckKind, ...CheckKind[]]).optional(),
});
/** See {@link checkChangeSchema}. */
export type CheckChange = z.infer<typeof checkChangeSchema>;

/** What stays when a check becomes one of another kind: how often, how long, how many times. */
const TIMING = ["intervalMs", "fastMs", "jitter", "timeoutMs", "rise", "fall", "initial"] as const;

/** The changed check, or in words why it cannot be. A field that is null goes back to its standard. */
export function changeCheck(check: Check, change: CheckChange): Check | string {
  const named = Object.entries(change).filter(([, value]) => value !== undefined);
  const kept = change.kind === undefined || change.kind === check.kind
    ? check
    : Object.fromEntries(TIMING.map((key) => [key, check[key]]));
  return completeCheck({ ...kept, ...Object.fromEntries(named) });
}

/** A check with its standards where it says nothing, or in words what is wrong with it. */
export function completeCheck(fields: Readonly<Record<string, unknown>>): Check | string {
  const parsed = strictCheckSchema.safeParse(fields);
  if (!parsed.success) return checkIssue(parsed.error, fields);
  return uselessOption(parsed.data) ?? parsed.data;
}

/** An option that is set and means nothing to this kind, in words; null when there is none. */
function uselessOption(check: Check): string | null {
  const known = new Set(["kind", ...optionsOf(check.kind).map(({ field }) => field)]);
  // A check that asks nothing keeps its times for the day on which it asks again.
  if (check.kind === "none") { for (const field of TIMING) known.add(field); }
  const odd = Object.entries(check).find(([field, value]) =>
    !known.has(field) && value !== defaultOf(check.kind, field)
  );
  return odd === undefined ? null : `a ${check.kind} check has no option ${optionName(odd[0])}`;
}

/** The first thing that is wrong with the fields of a check, in words: option and reason. */
export function checkIssue(
  error: z.ZodError,
  { kind }: { readonly kind?: unknown } = {},
): string {
  const issue = error.issues[0];
  if (issue === undefined) return "not a check";
  if (issue.code === "unrecognized_keys" && issue.path.length === 0) {
    const names = issue.keys.map((key) => optionName(key));
    const whole = optionsOf(kind as CheckKind).find((option) =>
      option.whole && names.includes(option.name)
    );
    if (whole !== undefined) return `option ${whole.name} needs the URL of its check beside it`;
    return `a ${String(kind)} check has no option ${names.join(", ")}`;
  }
  const [field] = issue.path;
  if (field === undefined) return issueWords(issue);
  if (field === "kind") return `there is no kind of check ${JSON.stringify(kind)}`;
  return `option ${optionName(String(field))}: ${issueWords(issue, String(field))}`;
}

/** What is wrong with one value of a field, in words; null when nothing is. `kind` null: in a check of any kind. */
export function fieldProblem(
  kind: CheckKind | null,
  field: string,
  value: unknown,
): string | null {
  const kinds = kind === null ? checkKinds : [kind];
  const schema = kinds.map((item) => checkShape(item)[field]).find((found) => found !== undefined);
  const issue = schema?.safeParse(value).error?.issues[0];
  return issue === undefined ? null : issueWords(issue, field);
}

/** The option that sets a field, as an operator names it. */
export function optionName(field: string): string {
  return checkOptions.find((option) => option.field === field)?.name ?? field;
}

function issueWords(issue: z.core.$ZodIssue, field = ""): string {
  const amount = (limit: number | bigint): string =>
    field.endsWith("Ms") ? formatPlainDuration(Number(limit)) : String(limit);
  switch (issue.code) {
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "too_big":
      return issue.origin === "string"
        ? `has more than ${issue.maximum} characters`
        : issue.origin === "array"
        ? `may be given ${issue.maximum} times at most`
        : `must be at most ${amount(issue.maximum)}`;
    case "too_small":
      return issue.origin === "string" || issue.origin === "array"
        ? "must not be empty"
        : `must be at least ${amount(issue.minimum)}`;
    case "invalid_type":
    case "invalid_union":
      return issue.input === undefined ? "must be told" : "is not what this option takes";
    default:
      return issue.message;
  }
}
