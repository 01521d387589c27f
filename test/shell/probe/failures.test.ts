/**
 * Every kind of check that talks over TCP, with every way a server can fail that needs no knowledge of the protocol.
 * A new kind is one row, a new failure one more.
 */
import { describe, expect, test } from "bun:test";
import { type Check, type CheckKind, checkKinds, checkSchema } from "../../../src/core/check.ts";
import type { ProbeResult } from "../../../src/ports.ts";
import { createProbe } from "../../../src/shell/probe/probes.ts";
import { certificates } from "../../support/certificates.ts";
import { closedPort, countDescriptors, type Script, serve } from "./scripted_server.ts";

const TIMEOUT_MS = 250;
/** No reason may have it. */
const SECRET = "s3cr3t-w0rd";
const LOGIN = { user: "probe", password: SECRET };
/** What no probe may take on a busy machine, ms. */
const LATE_MS = 3_000;
const clock = { now: () => performance.now(), wallMs: () => Date.now() };

interface Failure {
  readonly script: Script;
  readonly reason: RegExp;
}

/** Sends again and again, as fast as it is taken. */
function pour(bytes: Uint8Array): Script {
  return (socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(bytes));
    };
    socket.on("drain", more);
    more();
  };
}

/** Sends a byte now and then, never a whole answer. */
function drip(byte: number): Script {
  return (socket) => {
    const timer = setInterval(() => socket.write(Buffer.of(byte)), 10);
    socket.on("close", () => clearInterval(timer));
  };
}

const failures: Record<string, Failure> = {
  "silent accept": { script: () => {}, reason: /^timed out after 250 ms (while|during|after)/ },
  "close at once": { script: (socket) => socket.end(), reason: /closed|reset|ended/ },
  "reset after connect": { script: (socket) => socket.resetAndDestroy(), reason: /closed|reset/ },
  "reset after the request": {
    script: (socket) => {
      // Some protocols have the server speak first: those never ask.
      socket.once("data", () => socket.resetAndDestroy());
      setTimeout(() => socket.resetAndDestroy(), 100);
    },
    reason: /closed|reset/,
  },
  "garbage": {
    script: (socket) =>
      socket.write(Buffer.from("\x00\xff\xfe\x80garbage\r\n\r\n".repeat(9), "latin1")),
    reason: /./,
  },
  "zeros": { script: (socket) => socket.write(Buffer.alloc(5_000)), reason: /./ },
  "oversized line": { script: pour(Buffer.alloc(65_536, "x")), reason: /./ },
  "endless lines": { script: pour(Buffer.from("what?\r\n".repeat(5_000))), reason: /./ },
  "endless ones": { script: pour(Buffer.alloc(65_536, 0xff)), reason: /./ },
  "slow drip": { script: drip(0x78), reason: /./ },
  "slow drip of zeros": { script: drip(0), reason: /./ },
  "wrong protocol": {
    script: (socket) => socket.write("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    reason: /./,
  },
};

/** What a kind needs to be asked at all, and which failures it cannot see, because it does not look so far. */
interface Row {
  readonly kind: CheckKind;
  readonly options?: object;
  readonly content?: readonly string[];
  /** It holds no server for down because of them: no result. */
  readonly ignores?: true;
}

const secure = { security: "tls", serverName: "www.example.org" };
const rows: Record<string, Row> = {
  tcp: { kind: "tcp", content: Object.keys(failures) },
  tls: { kind: "tls" },
  http: { kind: "http" },
  "http, version 2": { kind: "http", options: { version: "2" } },
  https: { kind: "https" },
  "https, version 2": { kind: "https", options: { version: "2" } },
  chat: { kind: "chat", options: { steps: [{ expect: "^220 ready", regex: true }] } },
  "chat over TLS": { kind: "chat", options: { ...secure, steps: [{ expect: "y", regex: false }] } },
  agent: { kind: "agent", ignores: true },
  grpc: { kind: "grpc" },
  "grpc over TLS": { kind: "grpc", options: secure },
  smtp: { kind: "smtp", options: LOGIN },
  "smtp, STARTTLS": { kind: "smtp", options: { ...LOGIN, security: "starttls" } },
  imap: { kind: "imap", options: LOGIN },
  "imap over TLS": { kind: "imap", options: { ...LOGIN, ...secure } },
  pop3: { kind: "pop3", options: LOGIN },
  ftp: { kind: "ftp", options: LOGIN },
  nntp: { kind: "nntp", options: LOGIN },
  ldap: { kind: "ldap", options: LOGIN },
  mysql: { kind: "mysql", options: LOGIN },
  postgresql: { kind: "postgresql", options: LOGIN },
  redis: { kind: "redis", options: LOGIN },
  "sip over TCP": { kind: "sip", options: { transport: "tcp" } },
  "dns over TCP": { kind: "dns", options: { transport: "tcp" } },
};
/** Kinds that speak no TCP, tested where they are. */
const ELSEWHERE: readonly CheckKind[] = ["none", "udp", "ping", "radius", "external", "file"];

const probe = createProbe();

async function probeAt(port: number, row: Row): Promise<ProbeResult | null> {
  const check: Check = checkSchema.parse({
    kind: row.kind,
    timeoutMs: TIMEOUT_MS,
    ...row.options,
  });
  const target = { key: "k", address: "127.0.0.1", port, check };
  return await probe(target, { clock, signal: new AbortController().signal });
}

test("the table has every kind that speaks TCP", () => {
  const here = new Set<CheckKind>(Object.values(rows).map(({ kind }) => kind));
  expect(checkKinds.filter((kind) => !here.has(kind))).toEqual(
    checkKinds.filter((kind) => ELSEWHERE.includes(kind)),
  );
});

/** What is wrong with a result; null when nothing is. */
function problem(row: Row, failure: string, result: ProbeResult | null): string | null {
  if (row.ignores) return result === null ? null : `result ${result.reason}`;
  if (result === null) return "no result";
  const { ok, reason, tookMs } = result;
  if (ok) return row.content?.includes(failure) ? null : `well: ${reason}`;
  if (row.content?.includes(failure)) return `not well: ${reason}`;
  const wanted = failures[failure]?.reason ?? /^connection refused$/;
  if (!wanted.test(reason) || /\p{Cc}/u.test(reason)) return `reason ${reason}`;
  if (reason.includes(SECRET)) return "the reason has a secret";
  return tookMs < LATE_MS ? null : `took ${tookMs} ms`;
}

/** Probes all kinds at once; what is wrong, by kind. */
async function problemsOf(failure: string, port: number): Promise<Record<string, string>> {
  const found = await Promise.all(
    Object.entries(rows).map(async ([kind, row]) => {
      const result = await probeAt(port, row);
      return [kind, problem(row, failure, result)] as const;
    }),
  );
  return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== null));
}

describe("no kind of check is taken in by", () => {
  test.each(Object.entries(failures))("%s", async (failure, { script }) => {
    using server = await serve(script);
    const before = countDescriptors();
    expect(await problemsOf(failure, server.port)).toEqual({});
    while (server.open.size > 0 || countDescriptors() > before) await Bun.sleep(5);
  });

  test("a refused connection", async () => {
    expect(await problemsOf("refused", await closedPort())).toEqual({});
  });
});

describe("a certificate that is not right fails", () => {
  const certificateCases: [certificate: string, reason: RegExp][] = [
    ["good", /^certificate is signed by an authority this node does not trust$/],
    ["selfsigned", /^certificate is self-signed and not trusted by this node$/],
  ];
  const known: [certificate: string, reason: RegExp][] = [
    ["expired", /^certificate has expired$/],
    ["other", /^certificate is not for www\.example\.org$/],
    ["stranger", /^certificate is signed by an authority this node does not trust$/],
  ];
  const secured = Object.entries(rows).filter(([, { kind, options }]) =>
    kind === "https" || kind === "tls" || (options as { security?: string })?.security === "tls"
  );
  test.each(secured)("%s", async (_kind, row) => {
    const { authority, pairs } = await certificates();
    const trusting = createProbe([authority]);
    const cases = [
      ...certificateCases.map((one) => [probe, ...one] as const),
      ...known.map((one) => [trusting, ...one] as const),
    ];
    for (const [ask, name, reason] of cases) {
      using server = await serve(() => {}, { tls: pairs[name]! });
      const options = { timeoutMs: 2_000, ...row.options, serverName: "www.example.org" };
      const check: Check = checkSchema.parse({ kind: row.kind, ...options });
      const target = { key: "k", address: "127.0.0.1", port: server.port, check };
      const result = await ask(target, { clock, signal: new AbortController().signal });
      expect(result?.reason).toMatch(reason);
    }
  });
});
