/**
 * The text form of a check: a URL whose host may be left out, because the host is whichever real server is being
 * asked, and `OPTION=VALUE` for everything else: `http://:80/index.html` with `status=200-299,301`.
 */
import { completeCheck, fieldProblem, optionName } from "./change.ts";
import { aliases, checkText } from "./kinds.ts";
import { type CheckOption, checkOptions, defaultOf, optionsOf } from "./options.ts";
import { type Check, type CheckKind, checkKinds } from "./schema.ts";
import { quoteWord, splitWords } from "./shell_words.ts";

/** What is shown in place of a secret. */
export const HIDDEN = "***";
/** Names of headers whose values let somebody in. */
const SECRET_HEADER = /auth|cookie|token|secret|key|password/i;

/** Whether the value of a header of this name is a secret. */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADER.test(name);
}

/** What is named of a check, by field. */
export type CheckFields = Readonly<Record<string, unknown>>;

/** A text that says nothing useful, and why. */
class Misread extends Error {}

/**
 * Reads a URL (undefined: it stays) and options. The fields they name, or in words what is wrong. An option without
 * a value goes back to its standard.
 */
export function readCheckText(
  url: string | undefined,
  settings: readonly string[] = [],
): CheckFields | string {
  try {
    const named = settings.map(splitSetting);
    const located = url === undefined ? {} : readUrl(url, shellIsOn(named));
    return readSettings(located, named);
  } catch (error) {
    if (error instanceof Misread) return error.message;
    throw error;
  }
}

/** Reads a whole check, or says in words what is wrong with the texts. */
export function parseCheck(url: string, settings: readonly string[] = []): Check | string {
  const fields = readCheckText(url, settings);
  return typeof fields === "string" ? fields : completeCheck(fields);
}

/** A check as {@link parseCheck} reads it: secrets and all. */
export function checkTexts(check: Check): { readonly url: string; readonly settings: string[] } {
  const { url, inUrl } = writeUrl(check);
  const fields: CheckFields = check;
  const settings: string[] = [];
  for (const [field, value] of Object.entries(fields)) {
    if (field === "kind" || inUrl.includes(field)) continue;
    if (JSON.stringify(value) === JSON.stringify(defaultOf(check.kind, field))) continue;
    const options = optionsOf(check.kind).filter((option) => option.field === field);
    for (const item of options[0]?.list ? value as unknown[] : [value]) {
      settings.push(
        ...options.flatMap(({ name, codec }) => {
          const text = codec.write(item);
          return text === undefined ? [] : [`${name}=${text}`];
        }).slice(0, 1),
      );
    }
  }
  return { url, settings };
}

/** A check on one line, as an operator would type it, without its secrets. */
export function formatCheck(check: Check): string {
  const { url, settings } = checkTexts(hideSecrets(check));
  return [check.kind === "external" ? quoteWord(url) : url, ...settings.map(quoteSetting)].join(
    " ",
  );
}

/** The same check with {@link HIDDEN} for every secret. */
export function hideSecrets<Some extends Check>(check: Some): Some {
  const hidden: Record<string, unknown> = { ...check };
  for (const { field, secret } of optionsOf(check.kind)) {
    if (secret && typeof hidden[field] === "string") hidden[field] = HIDDEN;
  }
  if ("headers" in check) {
    hidden["headers"] = check.headers.map(({ name, value }) => (
      { name, value: isSecretHeader(name) ? HIDDEN : value }
    ));
  }
  return hidden as Some;
}

interface Setting {
  readonly name: string;
  readonly text: string;
}

function splitSetting(setting: string): Setting {
  const match = /^([a-z-]+)=(.*)$/s.exec(setting);
  if (match) return { name: match[1] ?? "", text: match[2] ?? "" };
  throw new Misread(`"${setting}" is not OPTION=VALUE: write for example rise=2`);
}

function quoteSetting(setting: string): string {
  const at = setting.indexOf("=") + 1;
  return setting.slice(0, at) + (at === setting.length ? "" : quoteWord(setting.slice(at)));
}

function shellIsOn(settings: readonly Setting[]): boolean {
  return settings.some(({ name, text }) =>
    name === "shell" && ["on", "yes", "true"].includes(text)
  );
}

/** `kind://[HOST][:PORT][/PATH]`; the host of an IPv6 address is no name and is not taken. */
const URL_FORM = /^([a-z][a-z0-9]*):\/\/([^/:?#[\]]*)(?::(\d{1,5}))?(\/.*)?$/su;
/** `external:PROGRAM ARGUMENT...`, `file:/PATH`. */
const PATH_FORM = /^(external|file):(?!\/\/)(.+)$/su;

function readUrl(url: string, shell: boolean): CheckFields {
  if (url === "none") return { kind: "none" };
  const short = PATH_FORM.exec(url);
  const [, word = "", host = "", port, path = ""] = short === null
    ? URL_FORM.exec(url) ?? []
    : ["", short[1], "", undefined, short[2]];
  const known = Object.hasOwn(aliases, word) ? aliases[word] : undefined;
  const kind = known?.kind ?? checkKinds.find((item) => item === word && item !== "none");
  if (kind === undefined) {
    throw new Misread(
      `"${url}" is not a check: write KIND://[HOST][:PORT][/PATH] or none; kinds are ${
        checkKinds.join(", ")
      }`,
    );
  }
  const fields = {
    kind,
    ...(known?.security === undefined ? {} : { security: known.security }),
    ...readPort(url, kind, port),
    ...readHost(url, kind, host),
    ...(kind === "external"
      ? { command: readCommand(url, path, shell) }
      : readPath(url, kind, path)),
  };
  for (const [field, value] of Object.entries(fields)) {
    const problem = fieldProblem(kind, field, value);
    if (problem !== null) throw new Misread(`"${url}": ${optionName(field)}: ${problem}`);
  }
  return fields;
}

function readPort(url: string, kind: CheckKind, port: string | undefined): CheckFields {
  if (!optionsOf(kind).some(({ field }) => field === "port")) {
    if (port === undefined) return {};
    throw new Misread(`"${url}": a ${kind} check has no port`);
  }
  return { port: port === undefined ? null : Number(port) };
}

function readHost(url: string, kind: CheckKind, host: string): CheckFields {
  const { host: field } = checkText(kind);
  if (field !== undefined) return { [field]: host === "" ? null : host };
  if (host === "") return {};
  throw new Misread(
    `"${url}": a ${kind} check has no host: it goes to every server of the service`,
  );
}

function readPath(url: string, kind: CheckKind, path: string): CheckFields {
  const field = checkText(kind).path?.field;
  if (field === undefined) {
    if (path === "" || path === "/") return {};
    throw new Misread(`"${url}": a ${kind} check has no path`);
  }
  if (field === "path") {
    return { path: kind === "file" ? decodePath(url, path) : path === "" ? "/" : path };
  }
  const text = decodePath(url, path.slice(1));
  return { [field]: text === "" ? defaultOf(kind, field) : text };
}

/** Percent-encoding (RFC 3986, 2.1), so that a base DN can be copied from an LDAP URL. */
function decodePath(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Misread(`"${url}": a % must be followed by two hexadecimal digits; write %25 for %`);
  }
}

function readCommand(url: string, text: string, shell: boolean): string[] {
  if (shell) return [text];
  const words = splitWords(text);
  if (words !== null) return words;
  throw new Misread(`"${url}": a quote is not closed`);
}

function readSettings(located: CheckFields, settings: readonly Setting[]): CheckFields {
  const kind = (located["kind"] ?? null) as CheckKind | null;
  const fields: Record<string, unknown> = { ...located };
  const lists = new Map<string, unknown[]>();
  if (kind === "external") lists.set("command", fields["command"] as unknown[]);
  const seen = new Set<string>();
  for (const { name, text } of settings) {
    const option = optionNamed(kind, name);
    const { field } = option;
    if (option.list) {
      const before = lists.get(field) ?? [];
      const cleared = text === "" && !option.whole;
      lists.set(field, cleared ? [] : [...before, readValue(option, text)]);
      fields[field] = lists.get(field);
    } else {
      if (seen.has(name)) throw new Misread(`option ${name} is given twice`);
      fields[field] = text === "" ? standardOf(kind, option) : readValue(option, text);
    }
    seen.add(name);
    const problem = fieldProblem(kind, field, fields[field]);
    if (problem !== null) throw new Misread(`option ${name}: ${problem}`);
  }
  return fields;
}

function readValue({ name, codec }: CheckOption, text: string): unknown {
  const reading = codec.read(text);
  if ("problem" in reading) throw new Misread(`option ${name}: ${reading.problem}`);
  return reading.value;
}

function optionNamed(kind: CheckKind | null, name: string): CheckOption {
  const options = (kind === null ? checkOptions : optionsOf(kind))
    .filter((option) => option.name === name);
  const option = kind === null ? options.find(({ whole }) => !whole) : options[0];
  if (option !== undefined) return option;
  if (options.length > 0) throw new Misread(`option ${name} needs the URL of its check beside it`);
  if (!checkOptions.some((known) => known.name === name)) {
    throw new Misread(`there is no option ${name} of a check`);
  }
  throw new Misread(`a ${kind} check has no option ${name}`);
}

function standardOf(kind: CheckKind | null, { name, field }: CheckOption): unknown {
  const kinds = kind === null ? checkKinds : [kind];
  const value = kinds.map((item) => defaultOf(item, field)).find((found) => found !== undefined);
  if (value === undefined) throw new Misread(`option ${name}: must not be empty`);
  return value;
}

/** The URL of a check, and which fields it tells. What does not fit into a URL is left to the options. */
function writeUrl(check: Check): { readonly url: string; readonly inUrl: readonly string[] } {
  const { kind } = check;
  if (kind === "none") return { url: "none", inUrl: [] };
  if (kind === "external") {
    const text = check.shell ? check.command[0] ?? "" : check.command.map(quoteWord).join(" ");
    return { url: shortUrl(kind, text), inUrl: ["command"] };
  }
  const fields: CheckFields = check;
  const { host: hostField, path: pathField } = checkText(kind);
  const inUrl: string[] = [];
  const tell = (field: string | undefined, fits: (text: string) => boolean): string => {
    const value = field === undefined ? undefined : fields[field];
    if (field === undefined || value === null || value === undefined) return "";
    if (typeof value !== "string" || !fits(value)) return "";
    inUrl.push(field);
    return value;
  };
  const host = tell(hostField, (text) => /^[^/:?#[\]\s\p{Cc}]+$/u.test(text));
  const port = check.port === null ? "" : `:${check.port}`;
  const page = kind === "http" || kind === "https";
  const path = tell(
    pathField?.field,
    (text) => text.isWellFormed() && (page || kind === "file" ? text.startsWith("/") : text !== ""),
  );
  if (kind === "file") return { url: shortUrl(kind, encodePath(path)), inUrl };
  const slash = page || path === "" ? "" : "/";
  return {
    url: `${kind}://${host}${port}${slash}${page ? path : encodePath(path)}`,
    inUrl: [...inUrl, "port"],
  };
}

/** Two slashes alone would begin a host. */
function shortUrl(kind: CheckKind, text: string): string {
  return text === "" || text.startsWith("//") ? `${kind}://${text}` : `${kind}:${text}`;
}

/** What {@link decodePath} reads back; only what would not stay in one word is encoded. */
function encodePath(text: string): string {
  return text.replace(/[%\s\p{Cc}]/gu, encodeURIComponent);
}
