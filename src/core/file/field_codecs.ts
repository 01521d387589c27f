/**
 * How single values of a file are read: the same words as on the command line, with what would be right where they are
 * not.
 */
import { formatPlainDuration, parseDuration } from "../duration.ts";
import type { Reading } from "../check/codec.ts";

export type { Reading } from "../check/codec.ts";

/** One of a few words. */
export function wordField(words: readonly string[]): (text: string) => Reading {
  return (text) =>
    words.includes(text)
      ? { value: text }
      : { problem: `"${text}" is not known: use one of ${words.join(", ")}` };
}

/** A whole number within bounds. */
export function numberField(min: number, max: number): (text: string) => Reading {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return { value };
    return { problem: `"${text}" is not a number from ${min} to ${max}` };
  };
}

/** Whole seconds, as a bare number or with a unit. */
export function secondsField(min: number, max: number): (text: string) => Reading {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : (parseDuration(text) ?? NaN) / 1_000;
    if (Number.isInteger(value) && value >= min && value <= max) return { value };
    return {
      problem: `"${text}" is not a time of ${min} to ${max} whole seconds: write for example 5m`,
    };
  };
}

/** Writes seconds as {@link secondsField} reads them. */
export function secondsText(seconds: number): string {
  return seconds === 0 ? "0s" : formatPlainDuration(seconds * 1_000);
}

/** A switch. */
export function onOffField(text: string): Reading {
  if (["true", "on", "yes"].includes(text)) return { value: true };
  if (["false", "off", "no"].includes(text)) return { value: false };
  return { problem: `"${text}" is neither true nor false` };
}

/** A moment with its time zone, as wall-clock ms since 1970. */
export function momentField(text: string): Reading {
  const form = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/;
  const value = form.test(text) ? Date.parse(text.replace(" ", "T")) : NaN;
  if (Number.isFinite(value) && value >= 0) return { value };
  return { problem: `"${text}" is not a moment: write for example 2026-01-31T18:30:00Z` };
}

/** Writes a moment as {@link momentField} reads it. */
export function momentText(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(".000Z", "Z");
}
