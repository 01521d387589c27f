/** Checks that the schema takes and that can never work. */
import { expect, test } from "bun:test";
import { type Check, checkKinds, checkSchema, parseCheck } from "../../../src/core/check.ts";
import { impossibleCheck } from "../../../src/core/check/impossible.ts";
import { checkText } from "../../../src/core/check/kinds.ts";

test.each<[object, string]>([
  [
    { kind: "http", expect: "(" },
    'option expect: "(" is not a regular expression: missing closing ): `(`',
  ],
  [
    { kind: "chat", steps: [{ expect: "[", regex: true }] },
    'option expect-regex: "[" is not a regular expression: missing closing ]: `[`',
  ],
  [
    { kind: "chat", steps: [{ send: "\\q" }] },
    'option send: "\\q" is no escape: write \\r \\n \\t \\0 \\\\ or \\xHH',
  ],
  [
    { kind: "chat", steps: [{ expect: "\\q", regex: false }] },
    'option expect: "\\q" is no escape: write \\r \\n \\t \\0 \\\\ or \\xHH',
  ],
  [
    { kind: "udp", send: "\\q" },
    'option send: "\\q" is no escape: write \\r \\n \\t \\0 \\\\ or \\xHH',
  ],
  [
    { kind: "external", command: ["check"] },
    'the program "check" must be named by its absolute path',
  ],
  [
    { kind: "external", command: ["/x", "a\0b"] },
    "option arg: an argument cannot have a zero byte",
  ],
  [
    { kind: "external", command: ["a", "b"], shell: true },
    "option arg: a command for the shell is one text",
  ],
  [{ kind: "external", command: [" "], shell: true }, "the command for the shell is empty"],
  [
    { kind: "http", method: "HEAD", expect: "x" },
    "option expect: a reply to HEAD has no body",
  ],
  [{ kind: "http", body: "x" }, "option body: it needs method=POST"],
  [{ kind: "https", host: "bücher.example" }, "option host: write it in ASCII (xn--...)"],
  [
    { kind: "http", headers: [{ name: "Host", value: "x" }] },
    "option header: name the host as option host",
  ],
  [
    { kind: "https", headers: [{ name: "Transfer-Encoding", value: "chunked" }] },
    "option header: the check sets Transfer-Encoding itself",
  ],
  [
    { kind: "http", headers: [{ name: "X-A", value: "日" }] },
    "option header: the value of X-A has characters that no header can have",
  ],
  [{ kind: "ldap", user: "cn=probe" }, "option user: it needs a password"],
  [{ kind: "ldap", user: "cn=probe", password: "" }, "option user: it needs a password"],
  ...["uid=x", "(uid=x", "(uid=x))", "(a=1)(b=2)", "()", ""].map((filter): [object, string] => [
    { kind: "ldap", filter },
    `option filter: "${filter}" is no search filter, such as (uid=probe)`,
  ]),
  [
    { kind: "dns", name: "www..org" },
    '"www..org" is not a domain name: it has parts of 1 to 63 bytes, 253 in all',
  ],
  [
    { kind: "dns", name: `${"x".repeat(64)}.org` },
    `"${"x".repeat(64)}.org" is not a domain name: it has parts of 1 to 63 bytes, 253 in all`,
  ],
  [{ kind: "imap", password: "x" }, "option password: it needs a user"],
  [{ kind: "https", key: "/k" }, "option key: it needs a certificate"],
  [{ kind: "imap", verify: false }, "option verify: it needs TLS, say security=tls"],
  [{ kind: "redis", authority: "/a" }, "option authority: it needs TLS, say security=tls"],
])("%j: %s", (fields, problem) => {
  expect(impossibleCheck(checkSchema.parse(fields))).toBe(problem);
});

test.each<object>([
  { kind: "http", method: "POST", body: "x", headers: [{ name: "X-A", value: "é 1" }] },
  { kind: "redis", password: "x" },
  { kind: "ldap", user: "cn=probe", password: "x", filter: "(&(uid=probe)(!(ou=x)))" },
  { kind: "https", verify: false, certificate: "/c", key: "/k" },
  { kind: "external", command: ["exit 0"], shell: true },
  { kind: "imap", security: "starttls", verify: false },
])("%j can work", (fields) => {
  expect(impossibleCheck(checkSchema.parse(fields))).toBeNull();
});

test.each([...checkKinds])("the example of %s can work", (kind) => {
  const [url, ...settings] = checkText(kind).example;
  expect(impossibleCheck(parseCheck(url, settings) as Check)).toBeNull();
});
