/**
 * How the URL of a check of each kind is read, and what each kind asks, for help.
 */
import type { CheckKind } from "./schema.ts";

/** The URL and the help of a kind. */
export interface CheckText {
  /** What makes a server pass, in one line. */
  readonly asks: string;
  /** `--check` and `--check-set` of an example each; the first is the URL. */
  readonly example: readonly [url: string, ...settings: string[]];
  /** The field that the URL's host is. */
  readonly host?: string;
  /** The field that the URL's path is, and how help names it. */
  readonly path?: { readonly field: string; readonly hint: string };
  /** Fields of every check that mean nothing here. */
  readonly without?: readonly string[];
}

const PLACE = ["at", "source", "device"];
/** Name in the certificate. */
const SECURE = { host: "serverName" };
const TIMES = ["intervalMs", "fastMs", "jitter", "timeoutMs", "rise", "fall", "initial"];

const texts: Readonly<Record<CheckKind, CheckText>> = {
  none: {
    asks: "nothing: the server is taken to be well",
    example: ["none"],
    without: ["port", ...TIMES, ...PLACE],
  },
  tcp: { asks: "the connection is accepted", example: ["tcp://:3306"] },
  tls: {
    asks: "the TLS handshake succeeds, with a valid certificate",
    example: ["tls://www.example.org:8443", "warn-days=30"],
    ...SECURE,
  },
  http: {
    asks: "the page comes whole, with a right status, and matches expect",
    example: ["http://www.example.org:80/index.html", "status=200-299,301", "expect=Test Page"],
    host: "host",
    path: { field: "path", hint: "PATH" },
  },
  https: {
    asks: "the same over TLS, with a valid certificate",
    example: ["https://www.example.org/", "authority=/etc/ssl/own.pem", "header=X-Probe: troop"],
    host: "host",
    path: { field: "path", hint: "PATH" },
  },
  chat: {
    asks: "every text that is expected comes, in order",
    example: ["chat://:6379", "send=PING\\r\\n", "expect=+PONG"],
    ...SECURE,
  },
  udp: {
    asks: "a datagram is answered as expected; without expect, not refused",
    example: ["udp://:123", "send=\\x1b\\0\\0", "expect=."],
  },
  dns: {
    asks: "the name server answers the question, and one answer matches",
    example: ["dns://:53/www.example.org", "type=A", "expect=^192\\.0\\.2\\."],
    path: { field: "name", hint: "NAME" },
  },
  ping: { asks: "an ICMP echo is answered", example: ["ping://"], without: ["port"] },
  smtp: {
    asks: "greeting, EHLO, and login if there is a user",
    example: ["smtp://:25", "security=starttls", "hello=probe.example.org"],
    ...SECURE,
  },
  imap: {
    asks: "greeting, and login if there is a user",
    example: ["imap://:993", "security=tls", "user=probe", "password=@/etc/troop/probe"],
    ...SECURE,
  },
  pop3: {
    asks: "greeting, and login if there is a user",
    example: ["pop3://:110", "user=probe", "password=@/etc/troop/probe"],
    ...SECURE,
  },
  ftp: {
    asks: "greeting, and login if there is a user",
    example: ["ftp://:21", "user=anonymous", "password=probe@example.org"],
    ...SECURE,
  },
  nntp: { asks: "greeting, and login if there is a user", example: ["nntp://:119"], ...SECURE },
  ldap: {
    asks: "bind and search find an entry whose DN matches",
    example: ["ldap://:389/dc=example,dc=org", "user=cn=probe,dc=example,dc=org", "password=x"],
    ...SECURE,
    path: { field: "base", hint: "BASE-DN" },
  },
  mysql: {
    asks: "login and query answer at least one row, and one matches",
    example: ["mysql://:3306/shop", "user=probe", "password=@/etc/troop/probe"],
    ...SECURE,
    path: { field: "database", hint: "DATABASE" },
  },
  postgresql: {
    asks: "login and query answer at least one row, and one matches",
    example: ["postgresql://:5432/shop", "user=probe", "query=SELECT 1"],
    ...SECURE,
    path: { field: "database", hint: "DATABASE" },
  },
  redis: {
    asks: "PING is answered; with role, ROLE too",
    example: ["redis://:6379", "role=master"],
    ...SECURE,
  },
  radius: {
    asks: "the request for access is answered with the right reply",
    example: ["radius://:1812", "secret=@/etc/troop/radius", "user=probe", "password=x"],
  },
  sip: {
    asks: "OPTIONS is answered with a right status",
    example: ["sip://:5060", "uri=sip:ping@example.org"],
  },
  external: {
    asks: "the program ends with exit status 0",
    example: ["external:/usr/local/lib/check_shop --fast", "user=nobody", "timeout=5s"],
    without: ["at", "source", "device"],
  },
  agent: {
    asks: "the server says itself: up, down, drain, maint, 50% (HAProxy's agent-check)",
    example: ["agent://:9999", "interval=5s"],
  },
  file: {
    asks: "the file is there, or is not; members only",
    example: ["file:/run/maintenance", "when=absent"],
    path: { field: "path", hint: "FILE" },
    without: ["port", ...PLACE],
  },
  grpc: {
    asks: "grpc.health.v1.Health/Check answers SERVING",
    example: ["grpc://:50051", "service=shop.Orders"],
    ...SECURE,
  },
};

/** See {@link CheckText}. */
export function checkText(kind: CheckKind): CheckText {
  return texts[kind];
}

/** Names that people know for a kind, and what they imply. */
export const aliases: Readonly<
  Record<string, { readonly kind: CheckKind; readonly security?: "tls" }>
> = {
  smtps: { kind: "smtp", security: "tls" },
  submission: { kind: "smtp" },
  imaps: { kind: "imap", security: "tls" },
  pop3s: { kind: "pop3", security: "tls" },
  ftps: { kind: "ftp", security: "tls" },
  nntps: { kind: "nntp", security: "tls" },
  ldaps: { kind: "ldap", security: "tls" },
  rediss: { kind: "redis", security: "tls" },
  grpcs: { kind: "grpc", security: "tls" },
  mariadb: { kind: "mysql" },
  postgres: { kind: "postgresql" },
  pgsql: { kind: "postgresql" },
  icmp: { kind: "ping" },
};
