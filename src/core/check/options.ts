/**
 * Every option of a check: how it is named on a command line, and where the schema keeps it. The kinds that have a
 * field of the schema have its option; nothing else says which kind takes what.
 */
import {
  type Codec,
  escapedText,
  expression,
  headerLine,
  numberOf,
  onOff,
  statuses,
  steps,
  textAs,
  time,
  wordOf,
} from "./codec.ts";
import { type CheckKind, checkKinds, checkShape } from "./schema.ts";
import { checkText } from "./kinds.ts";

/** One option. */
export interface CheckOption {
  readonly name: string;
  /** Its field in the schema. */
  readonly field: string;
  readonly codec: Codec;
  /** What it is for, in one line. */
  readonly help: string;
  /** Never shown. */
  readonly secret?: true;
  /** May be given several times: the field is a list. */
  readonly list?: true;
  /** Means something only in a check that is told as a whole. */
  readonly whole?: true;
}

const FILE = textAs("FILE");
const NAME = textAs("NAME");

/** What every check can be told. */
const common: readonly CheckOption[] = [
  {
    name: "port",
    field: "port",
    codec: numberOf(),
    help: "port to ask, as in the URL; the service's own without",
  },
  {
    name: "interval",
    field: "intervalMs",
    codec: time,
    help: "time between the starts of two checks",
  },
  {
    name: "fast-interval",
    field: "fastMs",
    codec: time,
    help: "the same while the server is down or about to change",
  },
  {
    name: "jitter",
    field: "jitter",
    codec: numberOf("%"),
    help: "part of the interval by which a check may come earlier or later",
  },
  {
    name: "timeout",
    field: "timeoutMs",
    codec: time,
    help: "time after which a check has failed, for the whole exchange",
  },
  { name: "rise", field: "rise", codec: numberOf(), help: "successes in a row until it is up" },
  { name: "fall", field: "fall", codec: numberOf(), help: "failures in a row until it is down" },
  {
    name: "initial",
    field: "initial",
    codec: wordOf("down", "up"),
    help: "what a server counts as before its first result",
  },
  {
    name: "at",
    field: "at",
    codec: wordOf("server", "vip"),
    help: "vip: a member asks its own server at the VIP, as clients do (not with nat)",
  },
  { name: "source", field: "source", codec: textAs("ADDRESS"), help: "own address to ask from" },
  { name: "device", field: "device", codec: textAs("INTERFACE"), help: "interface to ask through" },
];

const trust: readonly CheckOption[] = [
  {
    name: "security",
    field: "security",
    codec: wordOf("none", "tls", "starttls"),
    help: "TLS from the first byte, by STARTTLS (mail, ftp, nntp, ldap), or none",
  },
  {
    name: "verify",
    field: "verify",
    codec: onOff,
    help: "whether the certificate must be valid and for the name",
  },
  {
    name: "server-name",
    field: "serverName",
    codec: NAME,
    help: "name in the TLS handshake and the certificate; the URL's host without",
  },
  {
    name: "authority",
    field: "authority",
    codec: FILE,
    help: "authorities to trust instead of the system's, PEM",
  },
  { name: "certificate", field: "certificate", codec: FILE, help: "certificate to show, PEM" },
  { name: "key", field: "key", codec: FILE, help: "its private key, PEM" },
  {
    name: "warn-days",
    field: "warnDays",
    codec: numberOf(),
    help: "warn when the server's certificate ends within so many days; 0: never",
  },
];

const login: readonly CheckOption[] = [
  { name: "user", field: "user", codec: NAME, help: "who logs in; external: whom it runs as" },
  {
    name: "password",
    field: "password",
    codec: textAs("TEXT"),
    secret: true,
    help: "password; @FILE takes the first line of a file of this machine",
  },
  {
    name: "secret",
    field: "secret",
    codec: textAs("TEXT"),
    secret: true,
    help: "secret shared with the RADIUS server; @FILE as for password",
  },
];

const answers: readonly CheckOption[] = [
  {
    name: "host",
    field: "host",
    codec: NAME,
    help: "Host header and TLS name, as in the URL; the server's address without",
  },
  { name: "path", field: "path", codec: textAs("PATH"), help: "page or file, as in the URL" },
  {
    name: "method",
    field: "method",
    codec: wordOf("GET", "HEAD", "OPTIONS", "POST"),
    help: "method of the request",
  },
  {
    name: "header",
    field: "headers",
    codec: headerLine,
    list: true,
    help: "header of the request; once for each",
  },
  { name: "body", field: "body", codec: escapedText, help: "body of a POST; escapes as in send" },
  {
    name: "status",
    field: "status",
    codec: statuses,
    help: "right answers, for example 200-299,301",
  },
  {
    name: "expect",
    field: "expect",
    codec: expression,
    help: "what the answer must match (RE2 syntax)",
  },
  {
    name: "version",
    field: "version",
    codec: wordOf("1.1", "2"),
    help: "version of HTTP",
  },
];

const conversation: readonly CheckOption[] = [
  {
    name: "send",
    field: "steps",
    codec: steps.send,
    list: true,
    whole: true,
    help: "what is sent next; escapes \\r \\n \\t \\0 \\\\ \\xHH",
  },
  {
    name: "expect",
    field: "steps",
    codec: steps.expect,
    list: true,
    whole: true,
    help: "text that must come next; escapes as in send",
  },
  {
    name: "expect-regex",
    field: "steps",
    codec: steps.expectRegex,
    list: true,
    whole: true,
    help: "what must come next (RE2 syntax)",
  },
  {
    name: "send",
    field: "send",
    codec: escapedText,
    help: "what is sent; escapes \\r \\n \\t \\0 \\\\ \\xHH",
  },
];

const special: readonly CheckOption[] = [
  { name: "name", field: "name", codec: NAME, help: "name to ask for, as in the URL" },
  {
    name: "type",
    field: "type",
    codec: wordOf("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"),
    help: "type of the record",
  },
  { name: "transport", field: "transport", codec: wordOf("udp", "tcp"), help: "how it is asked" },
  {
    name: "hello",
    field: "hello",
    codec: NAME,
    help: "name in EHLO; this node's without",
  },
  { name: "base", field: "base", codec: textAs("DN"), help: "DN to search at, as in the URL" },
  { name: "filter", field: "filter", codec: textAs("FILTER"), help: "LDAP filter" },
  {
    name: "scope",
    field: "scope",
    codec: wordOf("base", "one", "sub"),
    help: "how deep the search goes",
  },
  { name: "database", field: "database", codec: NAME, help: "database, as in the URL" },
  { name: "query", field: "query", codec: textAs("SQL"), help: "must answer at least one row" },
  {
    name: "role",
    field: "role",
    codec: wordOf("master", "slave"),
    help: "what ROLE must answer",
  },
  {
    name: "reply",
    field: "reply",
    codec: wordOf("accept", "reject", "any", "status"),
    help: "which answer is right; status: Status-Server, nobody logs in",
  },
  { name: "uri", field: "uri", codec: textAs("URI"), help: "address in the OPTIONS request" },
  {
    name: "arg",
    field: "command",
    codec: textAs("TEXT"),
    list: true,
    whole: true,
    help: "further argument of the program; once for each",
  },
  {
    name: "shell",
    field: "shell",
    codec: onOff,
    whole: true,
    help: "the text behind external: is for sh -c",
  },
  {
    name: "dynamic",
    field: "dynamic",
    codec: onOff,
    help: "exit status 2 to 255 means up with weight 0 to 253",
  },
  {
    name: "when",
    field: "when",
    codec: wordOf("present", "absent"),
    help: "whether the file must be there or must not",
  },
  { name: "service", field: "service", codec: NAME, help: "name of the gRPC service" },
];

/** Every option there is, in the order of the help. */
export const checkOptions: readonly CheckOption[] = [
  ...answers,
  ...conversation,
  ...special,
  ...login,
  ...trust,
  ...common,
];
/** Those that (nearly) every kind has: they are not repeated for each. */
export const commonOptions: readonly CheckOption[] = common;

/** The options of a kind. */
export function optionsOf(kind: CheckKind): readonly CheckOption[] {
  return byKind.get(kind) ?? [];
}

const byKind = new Map<CheckKind, readonly CheckOption[]>(checkKinds.map((kind) => {
  const shape = checkShape(kind);
  const without = checkText(kind).without ?? [];
  return [
    kind,
    checkOptions.filter(({ field }) => Object.hasOwn(shape, field) && !without.includes(field)),
  ];
}));

/** What a field is when nothing is said of it; undefined when something must be said. */
export function defaultOf(kind: CheckKind, field: string): unknown {
  const parsed = checkShape(kind)[field]?.safeParse(undefined);
  return parsed?.success === true ? parsed.data : undefined;
}
