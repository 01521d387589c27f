/**
 * The text of `troop.yaml`: written with a comment for every knob, and read with every problem named.
 */
import { LineCounter, parseDocument, stringify } from "yaml";
import type { z } from "zod";
import { parseEndpoint, parseIp } from "../../core/address.ts";
import { type Config, configSchema } from "../../core/config.ts";
import { hookSchema } from "../../core/hook.ts";

/** What a person may write: everything that has a default can be left out. */
export type ConfigDraft = z.input<typeof configSchema>;

/** Something wrong in the file: where, what, and what to write instead. */
export interface ConfigProblem {
  /** The key, as `port` or `join[1]`; `line 3` when the text is no YAML at all. */
  readonly path: string;
  readonly problem: string;
  readonly remedy: string;
}

/** What a knob means, and a value to show. A sample of undefined is never shown. */
interface Knob {
  readonly comment: string;
  readonly sample: unknown;
}

/** Every knob in the order of the file. The type makes a knob without words an error. */
const knobs: { readonly [Key in keyof Config]-?: Knob } = {
  cluster: {
    comment: "Name of the cluster. Nodes of another cluster are ignored.",
    sample: "troop",
  },
  name: { comment: "Name of this node, unique in the cluster.", sample: "n1" },
  interface: { comment: "The interface that carries VIPs.", sample: "eth0" },
  address: {
    comment:
      "This node's own address on that interface: peers and its real servers are reached here.",
    sample: "192.0.2.11",
  },
  heartbeat: {
    comment:
      "Own addresses on further networks. Pulses go there too, so that one broken network is no death.",
    sample: ["10.0.0.11"],
  },
  syncInterface: {
    comment:
      "Interface by which directors tell each other of connections; `interface` if left out.",
    sample: "eth1",
  },
  witness: {
    comment:
      "Whom this node asks whether it still has its public network: auto (the default gateway of\n" +
      "# `interface`), off, or a list of addresses there. A node that is cut off hands its VIPs over.",
    sample: "auto",
  },
  port: { comment: "TCP port of gossip and UDP port of pulses.", sample: 6940 },
  http: {
    comment: "Where status and metrics can be read, IP:PORT, or off.",
    sample: "127.0.0.1:6941",
  },
  token: { comment: "The cluster's secret. Who has it is a member.", sample: undefined },
  join: {
    comment: "Members to begin with. Others are learnt from them and remembered.",
    sample: ["192.0.2.12"],
  },
  director: { comment: "Whether this node may hold VIPs.", sample: true },
  realServer: {
    comment: "Whether this node's own servers are candidates for every service.",
    sample: true,
  },
  priority: {
    comment: "Preference when a VIP has no holder, 0 to 255; higher wins.",
    sample: 100,
  },
  pulseMs: {
    comment:
      "Time between two pulses, ms. Lower finds a dead node sooner and costs packets; the same on every node.",
    sample: 100,
  },
  deadMs: {
    comment:
      "Silence on every path after which a node is dead, ms. Four pulses forgive lost packets.",
    sample: 400,
  },
  hooks: {
    comment: "Programs (JSON on standard input) and webhooks that are told what changes here.",
    sample: "[{ name: mail, events: [vip, service], command: [/etc/troop/mail, root] }]",
  },
  privileges: {
    comment:
      "What an agent started as root keeps: `drop` (CAP_NET_ADMIN and CAP_NET_RAW alone) or `keep` (for checks with `user`).",
    sample: "drop",
  },
  log: { comment: "Log level: trace, debug, info, warn or error.", sample: "info" },
};

/** Writes the file. Knobs that were left out stand in it as comments, with their default or a sample. */
export function printConfig(draft: ConfigDraft): string {
  const blocks = Object.entries(knobs).flatMap(([key, knob]) => {
    const value = draft[key as keyof Config];
    if (value !== undefined) return [`# ${knob.comment}\n${stringify({ [key]: value })}`];
    if (knob.sample === undefined) return [];
    return [`# ${knob.comment}\n#${key}: ${sampleText(knob.sample)}\n`];
  });
  const head = "# This node of a troop. After a change, restart the agent.\n" +
    "# VIPs and services are not here: add them with `troop service add` on any node.\n";
  return [head, ...blocks].join("\n");
}

/** Problems of YAML that are told: a bracket that is missing can make every later line one. */
const PROBLEMS_MAX = 20;

/** Reads the file's text. All problems come back at once, in the order of the file's checks. */
export function parseConfig(text: string): Config | readonly ConfigProblem[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return document.errors.slice(0, PROBLEMS_MAX).map((error) => ({
      path: `line ${lines.linePos(error.pos[0]).line}`,
      problem: error.message.split("\n")[0] ?? "is not YAML",
      remedy: "write one `key: value` per line",
    }));
  }
  const raw = plainValue(document);
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return [{
      path: "file",
      problem: raw === null ? "is empty" : "is not a list of `key: value` lines without aliases",
      remedy: "begin anew with `troop init` or `troop join`",
    }];
  }
  const parsed = configSchema.safeParse(raw);
  if (!parsed.success) return parsed.error.issues.flatMap((issue) => explain(issue, raw));
  const problems = addressProblems(parsed.data);
  return problems.length > 0 ? problems : parsed.data;
}

/** The content as plain data; undefined where it uses aliases: nothing here needs them, and they can make a small file huge. */
function plainValue(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    return undefined;
  }
}

/** What the schema leaves open: texts that must be addresses, and addresses that must differ. */
function addressProblems(config: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (config.http !== "off" && !parseEndpoint(config.http)?.port) {
    problems.push({
      path: "http",
      problem: `"${config.http}" is not IP:PORT`,
      remedy: "write for example 127.0.0.1:6941, [::1]:6941 or off",
    });
  }
  config.join.forEach((text, index) => {
    if (parseIp(text) !== undefined || parseEndpoint(text)?.port) return;
    problems.push({
      path: `join[${index}]`,
      problem: `"${text}" is not IP or IP:PORT`,
      remedy: "write for example 192.0.2.12, 192.0.2.12:6940 or [2001:db8::12]:6940",
    });
  });
  config.heartbeat.forEach((text, index) => {
    if (text !== config.address && config.heartbeat.indexOf(text) === index) return;
    problems.push({
      path: `heartbeat[${index}]`,
      problem: `"${text}" is there already`,
      remedy: "name only own addresses on further networks, each once",
    });
  });
  return problems;
}

function explain(issue: z.core.$ZodIssue, raw: object): ConfigProblem[] {
  if (issue.code === "unrecognized_keys") {
    const inHook = issue.path[0] === "hooks";
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      problem: inHook ? "is not a key of a hook" : "is not a key of this file",
      remedy: `use ${Object.keys(inHook ? hookSchema.shape : knobs).join(", ")}`,
    }));
  }
  const path = pathText(issue.path);
  const knob = knobs[issue.path[0] as keyof Config] as Knob | undefined;
  const value = valueAt(raw, issue.path);
  // The secret is never repeated: errors end up in logs and questions to others.
  const secret = issue.path[0] === "token" || issue.path[0] === "hooks";
  const shown = secret || value === undefined ? "" : `${JSON.stringify(value)} `;
  const missing = value === undefined && issue.code === "invalid_type";
  const sample = knob?.sample === undefined
    ? "copy it from another member: `troop token` prints it there"
    : `write for example \`${String(issue.path[0])}: ${sampleText(knob.sample)}\``;
  return [{
    path,
    problem: missing ? "is missing" : `${shown}${issueText(issue)}`,
    remedy: issue.path[0] === "deadMs" && issue.code === "custom"
      ? "raise it or lower pulseMs"
      : sample,
  }];
}

function sampleText(sample: unknown): string {
  return Array.isArray(sample) ? `[${sample.join(", ")}]` : String(sample);
}

function issueText(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "too_small":
      return `is below ${issue.minimum}`;
    case "too_big":
      return issue.origin === "array"
        ? `has more than ${issue.maximum} entries`
        : issue.origin === "string"
        ? `has more than ${issue.maximum} characters`
        : `is above ${issue.maximum}`;
    case "invalid_type":
      return `is not ${article(issue.expected)}`;
    case "invalid_value":
      return `is not one of ${issue.values.join(", ")}`;
    default:
      return issue.message;
  }
}

function article(type: string): string {
  const words: Record<string, string> = {
    int: "a whole number",
    array: "a list",
    boolean: "true or false",
  };
  return words[type] ?? `a ${type}`;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.map((part, index) =>
    typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${String(part)}`
  ).join("");
}

function valueAt(raw: object, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    raw,
  );
}
