/** Checks that log in and ask, against the real servers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type CheckKind, type CheckOf, checkSchema } from "../../src/core/check.ts";
import type { ProbeResult } from "../../src/ports.ts";
import { createProbe } from "../../src/shell/probe/probes.ts";
import { targetAt } from "../shell/probe/scripted_server.ts";
import type { Launcher } from "./launcher.ts";
import { mariadb, MARIADB_LOGIN } from "./launchers/mariadb.ts";
import { postgresql, POSTGRESQL_LOGIN } from "./launchers/postgresql.ts";
import { redis, REDIS_PASSWORD, REDIS_USER } from "./launchers/redis.ts";
import { LDAP_LOGIN, LDAP_SUFFIX, slapd } from "./launchers/slapd.ts";
import { type RealServer, startServer } from "./real_server.ts";
import { serverCertificate } from "./server_certificates.ts";

const clock = { now: () => performance.now(), wallMs: () => Date.now() };
type Options<Kind extends CheckKind> = { [Option in keyof CheckOf<Kind>]?: CheckOf<Kind>[Option] };
type Case = [port: string, options: Options<CheckKind>, ok: boolean, reason: RegExp];

/** A database that was killed first mends its files, and says so. */
async function answers(ask: () => Promise<ProbeResult | null>): Promise<void> {
  let result = await ask();
  for (let look = 0; look < 100 && result?.ok !== true; look++) {
    await Bun.sleep(100);
    result = await ask();
  }
  expect(result?.ok).toBeTrue();
}

/** One server, and what its checks must say. The certificate's authority is trusted. */
function prove<Kind extends CheckKind>(
  kind: Kind,
  launcher: Launcher,
  cases: readonly [port: string, options: Options<Kind>, ok: boolean, reason: RegExp][],
): void {
  describe(kind, () => {
    let server: RealServer;
    let probe: ReturnType<typeof createProbe>;
    beforeAll(async () => {
      const certificate = await serverCertificate("good");
      probe = createProbe([certificate.authority]);
      server = await startServer(launcher, certificate);
    }, 60_000);
    afterAll(() => server[Symbol.asyncDispose]());

    const ask = (port: string, options: Options<Kind>): Promise<ProbeResult | null> => {
      const check = checkSchema.parse({ kind, timeoutMs: 5_000, ...options });
      const target = { ...targetAt(server.port(port), { kind: "none" }), check };
      return probe(target, { clock, signal: new AbortController().signal });
    };

    test.each(cases as readonly Case[])("%s %j", async (port, options, ok, reason) => {
      const result = await ask(port, options as Options<Kind>);
      expect(result?.reason).not.toContain("secret");
      expect(result).toMatchObject({ ok, reason: expect.stringMatching(reason) });
    });

    test("killed, back, standing still", async () => {
      const [port, options] = cases[0]!;
      await server.kill();
      expect((await ask(port, options))?.reason).toBe("connection refused");
      await server.restart();
      await answers(() => ask(port, options));
      await server.stop();
      const stalled = await ask(port, { ...options, timeoutMs: 300 });
      server.goOn();
      expect(stalled?.reason).toStartWith("timed out after 300 ms while waiting for ");
      await answers(() => ask(port, options));
    }, 60_000);
  });
}

const WRONG_NAME = /^certificate is not for /;

prove("redis", redis, [
  ["redis", { password: REDIS_PASSWORD }, true, /^PONG in/],
  ["redis", { ...REDIS_USER }, true, /^PONG in/],
  ["redis", { password: REDIS_PASSWORD, role: "master" }, true, /^PONG of a master in/],
  ["redis", { password: REDIS_PASSWORD, role: "slave" }, false, /^role is master, want slave$/],
  ["redis", { password: "wrong" }, false, /^AUTH answered "-WRONGPASS /],
  ["redis", {}, false, /^PING answered "-NOAUTH /],
  ["rediss", { password: REDIS_PASSWORD, security: "tls" }, true, /^PONG in/],
  [
    "rediss",
    { password: REDIS_PASSWORD, security: "tls", serverName: "other.example.org" },
    false,
    WRONG_NAME,
  ],
  [
    "redis",
    { password: REDIS_PASSWORD, security: "tls", timeoutMs: 300 },
    false,
    /^timed out after 300 ms during the TLS handshake$/,
  ],
]);

const SQL = [
  [{}, true, /^query answered in/],
  [{ query: "SELECT 42, 'x'", expect: "^42$" }, true, /^query answered in/],
  [{ query: "SELECT 42", expect: "^43$" }, false, /^the row's first column lacks \/\^43\$\/$/],
  [{ query: "SELECT 1 WHERE 1 = 2" }, false, /^the query gave no row$/],
  [{ query: "SELECT NULL", expect: "x" }, false, /^the row's first column lacks/],
  [{ query: "SELEKT" }, false, /^query failed: .*(SELEKT|syntax)/],
  [{ password: "wrong" }, false, /^login refused: /],
  [{ password: null }, false, /^login refused: /],
  [{ user: "nobody" }, false, /^login refused: /],
  [{ database: "nothing" }, false, /^login refused: .*nothing/],
  [{ security: "tls" }, true, /^query answered in/],
  [{ security: "tls", password: "wrong" }, false, /^login refused: /],
  [{ security: "tls", serverName: "other.example.org" }, false, WRONG_NAME],
] as const;

prove(
  "mysql",
  mariadb,
  SQL.map(([options, ok, reason]) => ["mysql", { ...MARIADB_LOGIN, ...options }, ok, reason]),
);
prove(
  "postgresql",
  postgresql,
  SQL.map(([options, ok, reason]) => [
    "postgresql",
    { ...POSTGRESQL_LOGIN, ...options },
    ok,
    reason,
  ]),
);

const PEOPLE = `ou=people,${LDAP_SUFFIX}`;
prove("ldap", slapd, [
  ["ldap", {}, true, /^1 entry in/],
  ["ldap", { ...LDAP_LOGIN, base: LDAP_SUFFIX }, true, /^1 entry in/],
  ["ldap", { base: LDAP_SUFFIX, scope: "sub" }, true, /^1 entry in/],
  [
    "ldap",
    { base: PEOPLE, scope: "one", filter: "(cn=Grace*)", expect: "^cn=Grace Hopper," },
    true,
    /^1 entry in/,
  ],
  ["ldap", { base: PEOPLE, scope: "sub", expect: "Ada" }, true, /^3 entries in/],
  ["ldap", { base: PEOPLE, scope: "sub", expect: "Bob" }, false, /^none of 3 entries is \/Bob\/$/],
  ["ldap", { base: PEOPLE, expect: "Bob" }, false, /^found ou=people,.* want \/Bob\/$/],
  ["ldap", { base: PEOPLE, filter: "(cn=Bob)" }, false, /^the search found no entry$/],
  ["ldap", { base: "dc=nowhere" }, false, /^search refused: /],
  ["ldap", { filter: "(((" }, false, /^search refused: /],
  ["ldap", { ...LDAP_LOGIN, password: "wrong" }, false, /^bind refused: .*0x31/],
  ["ldap", { ...LDAP_LOGIN, security: "starttls" }, true, /^1 entry in/],
  ["ldap", { security: "starttls", serverName: "other.example.org" }, false, WRONG_NAME],
  ["ldaps", { ...LDAP_LOGIN, security: "tls" }, true, /^1 entry in/],
  ["ldaps", { security: "tls", serverName: "other.example.org" }, false, WRONG_NAME],
]);
