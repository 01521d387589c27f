/** Rows of checks of databases and directories: with a login, and a query where there is one. */
import type { CheckKind } from "../../../src/core/check.ts";
import { mariadb, MARIADB_LOGIN } from "../launchers/mariadb.ts";
import { postgresql, POSTGRESQL_LOGIN } from "../launchers/postgresql.ts";
import { redis, REDIS_PASSWORD } from "../launchers/redis.ts";
import { LDAP_LOGIN, LDAP_SUFFIX, slapd } from "../launchers/slapd.ts";
import type { Row } from "../row.ts";
import { CERTIFICATE_NAME } from "../server_certificates.ts";

const wrong = { "wrong password": { password: "wrong" } };
const secure = { serverName: CERTIFICATE_NAME };

function queryOf(kind: CheckKind, launcher: Row["launcher"], login: object): Row[] {
  const row: Row = {
    name: kind,
    launcher,
    port: kind,
    check: { kind, ...login, query: "SELECT 42", expect: "^42$" },
    changes: { ...wrong, "wrong answer": { query: "SELECT 43" } },
  };
  const check = { ...row.check, security: "tls", ...secure };
  return [row, { ...row, name: `${kind} tls`, check, secure: true }];
}

const directory: Row = {
  name: "ldap",
  launcher: slapd,
  port: "ldap",
  check: {
    kind: "ldap",
    ...LDAP_LOGIN,
    base: `ou=people,${LDAP_SUFFIX}`,
    scope: "sub",
    expect: "Ada",
  },
  changes: { ...wrong, "wrong answer": { expect: "Bob" } },
  words: { "wrong answer": /(none of 3 entries)/, "wrong password": /(bind refused)/ },
};
const store: Row = {
  name: "redis",
  launcher: redis,
  port: "redis",
  check: { kind: "redis", password: REDIS_PASSWORD, role: "master" },
  changes: { ...wrong, "wrong answer": { role: "slave" } },
  words: { "wrong password": /(WRONGPASS)/ },
};

/** See the file's head. */
export const dataRows: readonly Row[] = [
  directory,
  {
    ...directory,
    name: "ldap starttls",
    check: { ...directory.check, security: "starttls", ...secure },
    secure: true,
  },
  {
    ...directory,
    name: "ldaps",
    port: "ldaps",
    check: { ...directory.check, security: "tls", ...secure },
    secure: true,
  },
  ...queryOf("mysql", mariadb, MARIADB_LOGIN),
  ...queryOf("postgresql", postgresql, POSTGRESQL_LOGIN),
  store,
  {
    ...store,
    name: "redis tls",
    port: "rediss",
    check: { ...store.check, security: "tls", ...secure },
    secure: true,
  },
];
