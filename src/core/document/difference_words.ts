/**
 * Changes of entries in an operator's words. Secrets are told as changed, never as what they are.
 */
import type { EntryChange } from "./difference.ts";
import { drainTargetText } from "./drain.ts";
import { serverText } from "../file/entries.ts";
import type { NodeNames } from "../file/names.ts";
import { serviceText } from "../file/read.ts";
import { writeServiceEntry } from "../file/service_entry.ts";
import type { FileMap, FileValue } from "../file/tree.ts";
import { writeDrain, writeServer, writeVip } from "../file/write.ts";
import { canonicalJson } from "../canonical.ts";
import { keyedService } from "../service/server.ts";
import type { Service } from "../service/service.ts";
import { formatCheck } from "../check.ts";

/** What stands for a value that an entry does not say. */
export const STANDARD = "(standard)";

/** What a change does to its entry. */
export type ChangeSign = "+" | "-" | "~";

/** A change in words. */
export interface ChangeWords {
  readonly sign: ChangeSign;
  /** `service 192.0.2.100:80`. */
  readonly what: string;
  /** What it says, line by line; of a removed entry nothing. Undefined: not said, so as the standard. */
  readonly fields: readonly {
    readonly name: string;
    readonly before: string | undefined;
    readonly after: string | undefined;
  }[];
}

/** What the words need to know. */
export interface WordContext {
  readonly names: NodeNames;
  /** Services by key, those before and after. */
  readonly services: ReadonlyMap<string, Service>;
}

/** Puts a change into words. */
export function changeWords(change: EntryChange, context: WordContext): ChangeWords {
  const { before, after } = change;
  const sign = before === undefined ? "+" : after === undefined ? "-" : "~";
  const was = before === undefined
    ? {}
    : describe({ ...change, after: before } as EntryChange, context);
  const is = after === undefined ? {} : describe(change, context);
  const names = [...new Set([...Object.keys(is), ...Object.keys(was)])];
  const fields = sign === "-" ? [] : names.flatMap((name) => {
    const field = { name, before: textOf(was[name]), after: textOf(is[name]) };
    return field.before === field.after ? [] : [field];
  });
  return { sign, what: whatOf(change, context), fields: [...fields, ...secretFields(change)] };
}

/** A change in one line: `~ service 192.0.2.100:80: scheduler wlc -> rr`. */
export function changeLine(change: EntryChange, context: WordContext): string {
  const { sign, what, fields } = changeWords(change, context);
  const words = fields.map(({ name, before, after }) =>
    sign === "+" ? `${name} ${after}` : `${name} ${before ?? STANDARD} -> ${after ?? STANDARD}`
  );
  return `${sign} ${what}${words.length === 0 ? "" : `: ${words.join(", ")}`}`;
}

/** The entry after the change as the file has it. */
function describe(change: EntryChange, { names, services }: WordContext): FileMap {
  switch (change.part) {
    case "settings":
      return { value: change.after ?? "" };
    case "vips":
      return change.after === undefined ? {} : writeVip(change.after, names);
    case "services": {
      if (change.after === undefined) return {};
      const { check: _, "check-set": __, ...lines } = writeServiceEntry(change.after, false);
      return { ...lines, check: formatCheck(change.after.check) };
    }
    case "servers":
      return change.after === undefined ? {} : writeServer(change.after);
    case "drains": {
      if (change.after === undefined) return {};
      const { server: _, service: __, ...lines } = writeDrain(
        change.after,
        services,
        names,
      );
      return lines;
    }
    default:
      return {};
  }
}

function whatOf(change: EntryChange, { names, services }: WordContext): string {
  const { key } = change;
  switch (change.part) {
    case "settings":
      return `setting ${key}`;
    case "vips":
      return `VIP ${key}`;
    case "services":
      return `service ${serviceText(key, services)}`;
    case "servers": {
      const entry = change.after ?? change.before;
      const service = services.get(keyedService(key));
      if (entry === undefined || service === undefined) return `server ${key}`;
      return `server ${serviceText(entry.service, services)} ${serverText(entry, service, names)}`;
    }
    case "drains": {
      const drain = change.after ?? change.before;
      if (drain === undefined) return `drain ${key}`;
      const { target, service } = drain;
      const server = "node" in target ? names.nameOf(target.node) : drainTargetText(target);
      return `drain ${server}${service === null ? "" : ` for ${serviceText(service, services)}`}`;
    }
    case "moves":
      return `move of VIP ${key}${
        change.after === undefined ? "" : ` to ${names.nameOf(change.after.to)}`
      }`;
    case "nodes":
      return `node ${change.after?.name ?? names.nameOf(key)}${
        change.after?.left ? " has left" : ""
      }`;
  }
}

/** A check that is another one and reads the same differs in a secret. */
function secretFields({ part, before, after }: EntryChange): ChangeWords["fields"] {
  if (part !== "services" || before === undefined || after === undefined) return [];
  const same = canonicalJson(before.check) === canonicalJson(after.check);
  if (same || formatCheck(before.check) !== formatCheck(after.check)) return [];
  return [{ name: "check", before: "***", after: "*** (another secret)" }];
}

function textOf(value: FileValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value.join(",") : String(value);
}
