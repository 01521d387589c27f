/**
 * The kinds of health checks and what each can be told, as the cluster document keeps them.
 *
 * Times are in milliseconds. Names of files and programs are those of the node that checks.
 */
import { z } from "zod";
import { parseIp, PORT_MAX } from "../address.ts";

/** Shortest accepted interval, ms: below it a probe costs more than the fault it finds. */
export const CHECK_INTERVAL_MS_MIN = 100;
/** Longest accepted interval, ms (one hour): longer is a mistyped unit. */
export const CHECK_INTERVAL_MS_MAX = 3_600_000;
/** Longest accepted expected-text expression, in characters. */
export const EXPECT_LENGTH_MAX = 1_000;
/** Longest accepted path, name, query and other single text of a check, in characters. */
export const TEXT_LENGTH_MAX = 2_000;
/** Most steps of a conversation, arguments of a program and headers of a request: what a person types by hand. */
export const ITEMS_MAX = 32;
/** Largest part of the interval by which a probe may come earlier or later, percent. */
export const JITTER_PERCENT_MAX = 50;
/** Longest time before its end in which a certificate can be complained about, days (ten years). */
const WARN_DAYS_MAX = 3_650;

/** Control characters would let a path or host split the request (RFC 9112, 11.1). */
const requestText = z.string().max(TEXT_LENGTH_MAX).regex(
  /^[^\s\p{Cc}]*$/u,
  "has a space or control character",
);
const line = z.string().max(TEXT_LENGTH_MAX).regex(/^\P{Cc}*$/u, "has a control character");
const name = line.min(1);
const anyText = z.string().max(TEXT_LENGTH_MAX);
const absolutePath = line.regex(/^\//, "is not an absolute path");
const interval = z.int().min(CHECK_INTERVAL_MS_MIN).max(CHECK_INTERVAL_MS_MAX);
/** An expression in RE2 syntax, see compilePattern in regex.ts. */
const expression = z.string().max(EXPECT_LENGTH_MAX);
const expect = expression.nullable().default(null);

/** What every check has. */
const common = {
  /** Port to probe; null means the service's own. */
  port: z.int().min(1).max(PORT_MAX).nullable().default(null),
  /** Time between the starts of two probes of one target. */
  intervalMs: interval.default(1_000),
  /** The same while the server is down or about to change; null: no other. */
  fastMs: interval.nullable().default(null),
  /** How much earlier or later than its turn a probe may start, percent of the interval. */
  jitter: z.int().min(0).max(JITTER_PERCENT_MAX).default(0),
  /** Time after which a probe has failed: the whole exchange, body included. */
  timeoutMs: interval.default(1_000),
  /** Successes in a row before a server that was down counts as up. */
  rise: z.int().min(1).max(100).default(1),
  /** Failures in a row before a server that was up counts as down. */
  fall: z.int().min(1).max(100).default(2),
  /** What a server counts as until its first result. */
  initial: z.enum(["down", "up"]).default("down"),
  /** What is connected to: the server's own address, or the VIP on that server, as clients do (direct routing). */
  at: z.enum(["server", "vip"]).default("server"),
  /** Own address to probe from; null: the kernel's choice. */
  source: z.string().refine((text) => parseIp(text) === text, "is not an IP address").nullable()
    .default(null),
  /** Interface to probe through (SO_BINDTODEVICE); null: the route's. */
  device: z.string().regex(/^[^\s/]{1,15}$/, "is not the name of an interface").nullable()
    .default(null),
};

/** How a server shows who it is. */
const trust = {
  /** Whether its certificate must be valid and for `serverName`. */
  verify: z.boolean().default(true),
  /** Name in the TLS handshake (RFC 6066) and in the certificate; null: the host, else the address. */
  serverName: requestText.min(1).nullable().default(null),
  /** Authorities to trust instead of the system's, a PEM file. */
  authority: absolutePath.nullable().default(null),
  /** This node's certificate and key, PEM files. */
  certificate: absolutePath.nullable().default(null),
  key: absolutePath.nullable().default(null),
  /** The reason warns when the certificate ends within so many days; 0: never. */
  warnDays: z.int().min(0).max(WARN_DAYS_MAX).default(14),
};

/** TLS from the first byte, asked for in the protocol, or not at all. */
const security = z.enum(["none", "tls", "starttls"]).default("none");
/** Null: does not log in. */
const login = {
  user: line.nullable().default(null),
  password: line.nullable().default(null),
};

const statusRange = z.tuple([z.int().min(100).max(599), z.int().min(100).max(599)])
  .refine(([first, last]) => first <= last, "ends before it begins");
const header = z.strictObject({
  name: z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, "is not the name of a header"),
  value: line,
});

const page = {
  ...common,
  /** Request target. */
  path: requestText.default("/"),
  /** Host header and TLS server name; null means the address probed. */
  host: requestText.nullable().default(null),
  method: z.enum(["GET", "HEAD", "OPTIONS", "POST"]).default("GET"),
  headers: z.array(header).max(ITEMS_MAX).default([]),
  /** Sent as the body of a POST: escaped, see escapes.ts. */
  body: anyText.nullable().default(null),
  /** Statuses that are right, both ends included. */
  status: z.array(statusRange).min(1).max(ITEMS_MAX).default([[200, 299]]),
  /** What the body must contain; null: nothing. */
  expect,
  /** Version of HTTP: 2 by ALPN over TLS, by prior knowledge without (RFC 9113, 3.3). */
  version: z.enum(["1.1", "2"]).default("1.1"),
};

/** Bytes as typed: escapes and all, see escapedBytes in escapes.ts. */
const escaped = z.string().max(TEXT_LENGTH_MAX);

/** Literal texts are escaped ones; an expression is in RE2 syntax, which has escapes of its own. */
const step = z.union([
  z.strictObject({ send: escaped.min(1) }),
  z.strictObject({ expect: anyText.min(1).max(EXPECT_LENGTH_MAX), regex: z.boolean() }),
]);

const none = z.strictObject({ kind: z.literal("none"), ...common });
const tcp = z.strictObject({ kind: z.literal("tcp"), ...common });
const tls = z.strictObject({ kind: z.literal("tls"), ...common, ...trust });
const http = z.strictObject({ kind: z.literal("http"), ...page });
const https = z.strictObject({ kind: z.literal("https"), ...page, ...trust });
/** A conversation: what is sent and what must come, in order. */
const chat = z.strictObject({
  kind: z.literal("chat"),
  ...common,
  security: z.enum(["none", "tls"]).default("none"),
  ...trust,
  steps: z.array(step).min(1).max(ITEMS_MAX),
});
/** One datagram; without `expect` only an ICMP error is a failure. */
const udp = z.strictObject({
  kind: z.literal("udp"),
  ...common,
  send: escaped.default(""),
  expect,
});
const dns = z.strictObject({
  kind: z.literal("dns"),
  ...common,
  name: name.default("."),
  type: z.enum(["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"]).default("NS"),
  transport: z.enum(["udp", "tcp"]).default("udp"),
  /** What one of the answers must match, in its usual text form. */
  expect,
});
const ping = z.strictObject({ kind: z.literal("ping"), ...common });
const mail = { ...common, security, ...trust, ...login };
const smtp = z.strictObject({
  kind: z.literal("smtp"),
  ...mail,
  /** Name in EHLO; null: this node's. */
  hello: requestText.min(1).nullable().default(null),
});
const imap = z.strictObject({ kind: z.literal("imap"), ...mail });
const pop3 = z.strictObject({ kind: z.literal("pop3"), ...mail });
const ftp = z.strictObject({ kind: z.literal("ftp"), ...mail });
const nntp = z.strictObject({ kind: z.literal("nntp"), ...mail });
const ldap = z.strictObject({
  kind: z.literal("ldap"),
  ...common,
  security,
  ...trust,
  /** A DN, or anonymous. */
  ...login,
  base: line.default(""),
  filter: line.default("(objectClass=*)"),
  scope: z.enum(["base", "one", "sub"]).default("base"),
  /** What the DN of one of the entries must match. */
  expect,
});
const sql = {
  ...common,
  security: z.enum(["none", "tls"]).default("none"),
  ...trust,
  ...login,
  /** Without a login nothing is proved, and MySQL counts it against this host (max_connect_errors). */
  user: z.string({ error: "is needed: a check of a database logs in" }).pipe(name),
  database: line.nullable().default(null),
  query: anyText.min(1).default("SELECT 1"),
  /** What the first column of one of the rows must match; null: at least one row. */
  expect,
};
const mysql = z.strictObject({ kind: z.literal("mysql"), ...sql });
const postgresql = z.strictObject({ kind: z.literal("postgresql"), ...sql });
const redis = z.strictObject({
  kind: z.literal("redis"),
  ...common,
  security: z.enum(["none", "tls"]).default("none"),
  ...trust,
  ...login,
  /** What ROLE must answer first; null: PING is enough. */
  role: z.enum(["master", "slave"]).nullable().default(null),
});
const radius = z.strictObject({
  kind: z.literal("radius"),
  ...common,
  secret: name,
  ...login,
  /** Which answer is right; `status`: Status-Server (RFC 5997), nobody logs in. */
  reply: z.enum(["accept", "reject", "any", "status"]).default("accept"),
});
const sip = z.strictObject({
  kind: z.literal("sip"),
  ...common,
  transport: z.enum(["udp", "tcp"]).default("udp"),
  /** The address in the OPTIONS request; null: sip:ping@ADDRESS. */
  uri: requestText.min(1).nullable().default(null),
  status: z.array(statusRange).min(1).max(ITEMS_MAX).default([[200, 299]]),
});
/** A program of the operator's; see the documentation for its arguments and environment. */
const external = z.strictObject({
  kind: z.literal("external"),
  ...common,
  command: z.array(anyText).min(1).max(ITEMS_MAX),
  /** The one text of `command` is for `sh -c`. */
  shell: z.boolean().default(false),
  /** Whom it runs as; null: as troop does. */
  user: name.nullable().default(null),
  /** Whether exit status 2 to 255 means up with weight 0 to 253. */
  dynamic: z.boolean().default(false),
});
/** HAProxy's agent-check: one line from the server about its own weight and state. */
const agent = z.strictObject({
  kind: z.literal("agent"),
  ...common,
  send: escaped.default(""),
});
/** A file on the server itself; only members can be asked. */
const file = z.strictObject({
  kind: z.literal("file"),
  ...common,
  path: absolutePath,
  /** Which of both is well. */
  when: z.enum(["present", "absent"]).default("present"),
});
/** grpc.health.v1.Health/Check. */
const grpc = z.strictObject({
  kind: z.literal("grpc"),
  ...common,
  security: z.enum(["none", "tls"]).default("none"),
  ...trust,
  /** Name of the service; empty: the server as a whole. */
  service: line.default(""),
});

/** A health check as this version writes it; {@link checkSchema} reads those of older versions too. */
export const strictCheckSchema = z.discriminatedUnion("kind", [
  none,
  tcp,
  tls,
  http,
  https,
  chat,
  udp,
  dns,
  ping,
  smtp,
  imap,
  pop3,
  ftp,
  nntp,
  ldap,
  mysql,
  postgresql,
  redis,
  radius,
  sip,
  external,
  agent,
  file,
  grpc,
]);

/** Versions before the kinds had options of their own wrote a page's options into every check. */
const PAGE_OPTIONS = ["path", "host", "expect"];

/** A health check. */
export const checkSchema = z.preprocess((value) => {
  const { kind } = (value ?? {}) as { kind?: unknown };
  if (kind !== "tcp" && kind !== "none") return value;
  const entries = Object.entries(value as object).filter(([key]) => !PAGE_OPTIONS.includes(key));
  return Object.fromEntries(entries);
}, strictCheckSchema);
/** See {@link checkSchema}. */
export type Check = z.infer<typeof strictCheckSchema>;
/** Name of a kind. */
export type CheckKind = Check["kind"];
/** A check of one kind. */
export type CheckOf<Kind extends CheckKind> = Extract<Check, { readonly kind: Kind }>;
/** A check that may speak TLS. */
export type SecureCheck = Extract<Check, { readonly verify: boolean }>;

/** Every kind, in the order in which people are told of them. */
export const checkKinds: readonly CheckKind[] = strictCheckSchema.options.map((option) =>
  option.shape.kind.value
);

/** The schema of every field of a kind. */
export function checkShape(kind: CheckKind): Readonly<Record<string, z.ZodType>> {
  const found = strictCheckSchema.options.find((option) => option.shape.kind.value === kind);
  return found?.shape ?? {};
}
