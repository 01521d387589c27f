/**
 * What is wrong with a check that its schema takes, in words. Asked where an operator enters one, for expressions take
 * time to compile; the probes of a check that came another way say it as their reason.
 */
import { compilePattern } from "../regex.ts";
import { escapeProblem } from "./escapes.ts";
import { pageProblem } from "./impossible_page.ts";
import { defaultOf, optionsOf } from "./options.ts";
import type { Check, CheckKind, CheckOf } from "./schema.ts";

/** Why the check can never work, naming the option; null when nothing is known against it. */
export function impossibleCheck(check: Check): string | null {
  return textProblem(check) ?? requestProblem(check) ?? stepsProblem(check) ??
    commandProblem(check) ?? nameProblem(check) ?? loginProblem(check) ?? trustProblem(check);
}

function textProblem(check: Check): string | null {
  if ("expect" in check && check.expect !== null) {
    const problem = patternProblem("expect", check.expect);
    if (problem !== null) return problem;
  }
  for (const field of ["send", "body"] as const) {
    const text = (check as Readonly<Record<string, unknown>>)[field];
    const problem = typeof text === "string" ? escapeProblem(text) : null;
    if (problem !== null) return `option ${field}: ${problem}`;
  }
  return null;
}

function requestProblem(check: Check): string | null {
  return check.kind === "http" || check.kind === "https" ? pageProblem(check) : null;
}

function stepsProblem(check: Check): string | null {
  if (check.kind !== "chat") return null;
  for (const step of check.steps) {
    if ("expect" in step && step.regex) {
      const problem = patternProblem("expect-regex", step.expect);
      if (problem !== null) return problem;
      continue;
    }
    const [option, text] = "send" in step ? ["send", step.send] : ["expect", step.expect];
    const problem = escapeProblem(text);
    if (problem !== null) return `option ${option}: ${problem}`;
  }
  return null;
}

function patternProblem(option: string, source: string): string | null {
  const pattern = compilePattern(source);
  return typeof pattern === "string" ? `option ${option}: ${pattern}` : null;
}

function commandProblem(check: Check): string | null {
  if (check.kind !== "external") return null;
  const [program = "", ...rest] = check.command;
  if (check.command.some((word) => word.includes("\0"))) {
    return "option arg: an argument cannot have a zero byte";
  }
  if (check.shell) {
    if (rest.length > 0) return "option arg: a command for the shell is one text";
    return program.trim() === "" ? "the command for the shell is empty" : null;
  }
  return program.startsWith("/")
    ? null
    : `the program "${program}" must be named by its absolute path`;
}

/** Longest label and longest name, bytes, without the dot at the end (RFC 1035, 2.3.4). */
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 253;

function nameProblem(check: Check): string | null {
  if (check.kind !== "dns" || check.name === ".") return null;
  const name = check.name.replace(/\.$/, "");
  const bytes = (text: string): number => new TextEncoder().encode(text).length;
  const fits = name.split(".").every((label) => label !== "" && bytes(label) <= LABEL_BYTES_MAX);
  if (fits && bytes(name) <= NAME_BYTES_MAX) return null;
  return `"${check.name}" is not a domain name: it has parts of 1 to ${LABEL_BYTES_MAX} bytes, ${NAME_BYTES_MAX} in all`;
}

/** Kinds that log in only if there is a user: a password alone would never be used. */
const USER_FIRST: readonly CheckKind[] = ["smtp", "imap", "pop3", "ftp", "nntp", "ldap"];

function loginProblem(check: Check): string | null {
  if (check.kind === "ldap") {
    const problem = bindProblem(check) ?? filterProblem(check.filter);
    if (problem !== null) return problem;
  }
  if (!("password" in check) || check.password === null || check.user !== null) return null;
  return USER_FIRST.includes(check.kind) ? "option password: it needs a user" : null;
}

/** A name without a password binds as nobody, and many directories take that for a login (RFC 4513, 5.1.2). */
function bindProblem({ user, password }: CheckOf<"ldap">): string | null {
  return user !== null && (password === null || password === "")
    ? "option user: it needs a password"
    : null;
}

/** Whether the parentheses of a search filter fit (RFC 4515, 3); those in values are escaped. What is between them the directory judges. */
function filterProblem(filter: string): string | null {
  const problem = `option filter: "${filter}" is no search filter, such as (uid=probe)`;
  if (!/^\(.+\)$/s.test(filter)) return problem;
  let depth = 0;
  for (const character of filter.slice(0, -1)) {
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (depth === 0) return problem;
  }
  return depth === 1 ? null : problem;
}

function trustProblem(check: Check): string | null {
  if (!("verify" in check)) return null;
  if (check.key !== null && check.certificate === null) {
    return "option key: it needs a certificate";
  }
  if (!("security" in check) || check.security !== "none") return null;
  const fields: Readonly<Record<string, unknown>> = check;
  const useless = ["verify", "authority", "certificate", "warnDays"].find((field) =>
    fields[field] !== defaultOf(check.kind, field)
  );
  if (useless === undefined) return null;
  const name = optionsOf(check.kind).find(({ field }) => field === useless)?.name ?? useless;
  return `option ${name}: it needs TLS, say security=tls`;
}
