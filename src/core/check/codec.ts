/**
 * How the values of a check's options are read from a command line and written again.
 */
import { formatPlainDuration, parseDuration } from "../duration.ts";
import { compilePattern } from "../regex.ts";
import { escapeProblem } from "./escapes.ts";

/** What a text says, or in words why it says nothing; the words follow the option's name. */
export type Reading = { readonly value: unknown } | { readonly problem: string };

/** Reads and writes the values of an option. What the schema checks anyway is not checked here. */
export interface Codec {
  /** What stands for the value in help. */
  readonly hint: string;
  read(text: string): Reading;
  /** The text of a value; undefined when the value is another option's (steps of a conversation). */
  write(value: unknown): string | undefined;
}

/** Makes a codec of functions that know their type: the table gives each field its own. */
function codec<Value>(
  hint: string,
  read: (text: string) => Reading,
  write: (value: Value) => string | undefined = String,
): Codec {
  return { hint, read, write: (value) => write(value as Value) };
}

/** Text as it is. */
export function textAs(hint: string): Codec {
  return codec<string>(hint, (value) => ({ value }));
}

/** Text with escapes; kept as it was typed. */
export const escapedText = codec<string>("TEXT", (text) => {
  const problem = escapeProblem(text);
  return problem === null ? { value: text } : { problem };
});

/** A regular expression. */
export const expression = codec<string>("REGEX", (text) => {
  const pattern = compilePattern(text);
  return typeof pattern === "string" ? { problem: pattern } : { value: text };
});

/** One of a few words; the schema knows which. */
export function wordOf(...words: readonly string[]): Codec {
  return codec<string>(words.join("|"), (value) => ({ value }));
}

/** A whole number, with its unit behind it or not. */
export function numberOf(unit = ""): Codec {
  return codec<number>(`N${unit}`, (text) => {
    const digits = unit !== "" && text.endsWith(unit) ? text.slice(0, -unit.length) : text;
    if (/^\d{1,10}$/.test(digits)) return { value: Number(digits) };
    return { problem: `"${text}" is not a whole number` };
  }, (value) => `${value}${unit}`);
}

/** A time. */
export const time = codec<number>("TIME", (text) => {
  const value = parseDuration(text);
  if (value !== undefined) return { value };
  return { problem: `"${text}" is not a time: write for example 500ms, 1s or 2m` };
}, formatPlainDuration);

const SWITCH: Readonly<Record<string, boolean>> = {
  on: true,
  yes: true,
  true: true,
  off: false,
  no: false,
  false: false,
};

/** Yes or no. */
export const onOff = codec<boolean>("on|off", (text) => {
  const value = Object.hasOwn(SWITCH, text) ? SWITCH[text] : undefined;
  return value === undefined ? { problem: `"${text}" is neither on nor off` } : { value };
}, (value) => value ? "on" : "off");

/** `200-299,301`. */
export const statuses = codec<readonly (readonly [number, number])[]>(
  "LIST",
  (text) => {
    const ranges = text.split(",").map((item) => /^(\d{3})(?:-(\d{3}))?$/.exec(item.trim()));
    if (ranges.includes(null)) {
      return { problem: `"${text}" is not a list of statuses: write for example 200-299,301` };
    }
    return { value: ranges.map((match) => [Number(match?.[1]), Number(match?.[2] ?? match?.[1])]) };
  },
  (ranges) =>
    ranges.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`).join(","),
);

/** `Name: value`. */
export const headerLine = codec<{ readonly name: string; readonly value: string }>(
  "'NAME: VALUE'",
  (text) => {
    const match = /^([^:]*):[ \t]*(.*)$/s.exec(text);
    if (!match) return { problem: `"${text}" is not NAME: VALUE` };
    return { value: { name: match[1], value: match[2] } };
  },
  ({ name, value }) => `${name}: ${value}`,
);

type Step = { readonly send: string } | { readonly expect: string; readonly regex: boolean };

/** The three kinds of steps of a conversation. */
export const steps = {
  send: codec<Step>("TEXT", (text) => {
    const problem = escapeProblem(text);
    return problem === null ? { value: { send: text } } : { problem };
  }, (step) => "send" in step ? step.send : undefined),
  expect: codec<Step>("TEXT", (text) => {
    const problem = escapeProblem(text);
    return problem === null ? { value: { expect: text, regex: false } } : { problem };
  }, (step) => "expect" in step && !step.regex ? step.expect : undefined),
  expectRegex: codec<Step>("REGEX", (text) => {
    const pattern = compilePattern(text);
    if (typeof pattern === "string") return { problem: pattern };
    return { value: { expect: text, regex: true } };
  }, (step) => "expect" in step && step.regex ? step.expect : undefined),
};
