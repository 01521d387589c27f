/**
 * The kinds of health checks and their options as a person reads them. All of it comes from the tables that read
 * and write checks.
 */
import { type CheckKind, checkKinds, checkShape } from "../core/check.ts";
import { checkText } from "../core/check/kinds.ts";
import { type CheckOption, commonOptions, defaultOf, optionsOf } from "../core/check/options.ts";
import { quoteWord } from "../core/check/shell_words.ts";
import { tableText, type TextStyle } from "./table_text.ts";

/** Help is read in a pager and in a mail as well. */
const PLAIN: TextStyle = { colour: false, width: undefined };
/** Width of the lists of options. */
const COLUMNS = 80;
const INDENT = "    ";

/** All kinds: what each asks, its own options, an example; then the options all of them have. */
export function kindsText(): string {
  return [
    ...checkKinds.map((kind) => {
      const own = ownOptions(kind).map(({ name }) => name);
      return `${urlForm(kind)}\n` +
        wrapped(`${INDENT}asks: `, checkText(kind).asks.split(" ")) +
        (own.length === 0 ? "" : wrapped(`${INDENT}options: `, own.map((name) => `${name}=`))) +
        exampleText(kind);
    }),
    `Options of every kind (none has none; not all go with ping, file and external):\n${
      optionsText("tcp", commonOptions)
    }`,
    "Give options with --check-set OPTION=VALUE, once for each; without a value, an option\n" +
    "goes back to its standard. `troop check kinds KIND` explains those of one kind.\n",
  ].join("\n");
}

/** One kind with every option it has. */
export function kindText(kind: CheckKind): string {
  const own = ownOptions(kind);
  const others = optionsOf(kind).filter((option) => !own.includes(option));
  return [
    `${urlForm(kind)}\n${wrapped(`${INDENT}asks: `, checkText(kind).asks.split(" "))}${
      exampleText(kind)
    }`,
    ...(own.length === 0 ? [] : [optionsText(kind, own)]),
    ...(others.length === 0 ? [] : [`As every check:\n${optionsText(kind, others)}`]),
  ].join("\n");
}

function ownOptions(kind: CheckKind): readonly CheckOption[] {
  return optionsOf(kind).filter((option) => !commonOptions.includes(option));
}

/** `https://[HOST][:PORT]/PATH`. */
function urlForm(kind: CheckKind): string {
  if (kind === "none") return "none";
  if (kind === "external") return "external:/PROGRAM [ARGUMENT...]";
  if (kind === "file") return "file:/PATH";
  const { host, path, without = [] } = checkText(kind);
  return `${kind}://${host === undefined ? "" : "[HOST]"}${
    without.includes("port") ? "" : "[:PORT]"
  }${path === undefined ? "" : `[/${path.hint}]`}`;
}

function exampleText(kind: CheckKind): string {
  const [url, ...settings] = checkText(kind).example;
  return wrapped(`${INDENT}--check `, [
    quoteWord(url),
    ...settings.map((setting) => `--check-set ${quoteWord(setting)}`),
  ]);
}

function optionsText(kind: CheckKind, options: readonly CheckOption[]): string {
  return tableText({
    heading: ["OPTION", "STANDARD", "MEANING"],
    rows: options.map((option) => [
      `${option.name}=${hintOf(kind, option)}`,
      standardText(kind, option),
      option.help,
    ]),
  }, PLAIN);
}

/** Of several words those this kind takes: not everybody speaks STARTTLS. */
function hintOf(kind: CheckKind, { field, codec }: CheckOption): string {
  const words = codec.hint.split("|").filter((word) =>
    checkShape(kind)[field]?.safeParse(word).success
  );
  return words.length > 1 ? words.join("|") : codec.hint;
}

function standardText(kind: CheckKind, { field, codec }: CheckOption): string {
  const value = defaultOf(kind, field);
  if (value === undefined) return "(must be told)";
  if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) return "-";
  return codec.write(value) ?? "-";
}

/** Words on lines of their own below each other, behind a beginning. */
function wrapped(begin: string, words: readonly string[]): string {
  const indent = " ".repeat(begin.length);
  const lines: string[] = [];
  let line = begin.trimEnd();
  for (const word of words) {
    if (line.length + 1 + word.length > COLUMNS && line.trim() !== "") {
      lines.push(line);
      line = indent.slice(1);
    }
    line += ` ${word}`;
  }
  return [...lines, line].map((text) => `${text}\n`).join("");
}
