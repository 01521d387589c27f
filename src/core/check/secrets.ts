/**
 * Secrets that a text leaves out: `***` stands for the one that is there.
 */
import { optionsOf } from "./options.ts";
import type { Check } from "./schema.ts";
import { HIDDEN, isSecretHeader } from "./text.ts";

/** The check with the secrets of the one before in place of {@link HIDDEN}; or in words which one there is none of. */
export function keepSecrets(check: Check, before: Check | undefined): Check | string {
  const kept: Record<string, unknown> = { ...check };
  const known = (before ?? {}) as Readonly<Record<string, unknown>>;
  for (const { name, field, secret } of optionsOf(check.kind)) {
    if (!secret || kept[field] !== HIDDEN) continue;
    if (typeof known[field] !== "string") return missing(name);
    kept[field] = known[field];
  }
  if (!("headers" in check)) return kept as Check;
  const headers = before !== undefined && "headers" in before ? [...before.headers] : [];
  for (const [index, { name, value }] of check.headers.entries()) {
    if (value !== HIDDEN || !isSecretHeader(name)) continue;
    const at = headers.findIndex((header) => header.name === name);
    const [found] = at < 0 ? [] : headers.splice(at, 1);
    if (found === undefined) return missing(`header ${name}`);
    kept["headers"] = (kept["headers"] as readonly object[]).with(index, found);
  }
  return kept as Check;
}

/** The texts of the secrets of a check: what nobody may be shown. */
export function secretsOf(check: Check): string[] {
  const fields = check as Readonly<Record<string, unknown>>;
  const texts = optionsOf(check.kind).filter(({ secret }) => secret).map(({ field }) =>
    fields[field]
  );
  const headers = "headers" in check
    ? check.headers.filter(({ name }) => isSecretHeader(name)).map(({ value }) => value)
    : [];
  return [...texts, ...headers].filter((text): text is string => typeof text === "string");
}

function missing(option: string): string {
  return `option ${option}: there is no secret here that ${HIDDEN} could stand for: write it`;
}
