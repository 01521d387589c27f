/** Rows of checks whose words the operator chooses: a conversation, a program, and what a server says of itself. */
import { etcd } from "../launchers/etcd.ts";
import { ncat } from "../launchers/ncat.ts";
import { nginx } from "../launchers/nginx.ts";
import { PAGE_TEXT } from "../launchers/page.ts";
import { postfix } from "../launchers/postfix.ts";
import type { Row } from "../row.ts";
import { CERTIFICATE_NAME } from "../server_certificates.ts";

/** ldirectord's four arguments follow: address and port of the service, then of the server. */
const script = (text: string): string[] => [
  "/bin/sh",
  "-c",
  `curl --silent --show-error --fail "http://$3:$4/" | grep -q "${text}"`,
  "check",
];

/** What a mail server says first, and what it says to EHLO. */
const greeting = (first: string) => [
  { expect: first, regex: true },
  { send: "EHLO www.example.org\\r\\n" },
  { expect: "250 ", regex: false },
  { send: "QUIT\\r\\n" },
];

/** The server may say more: only the timeout ends the wait for the right words. */
const unanswered = /(timed out).* while waiting for .*Sendmail.*Postfix/;
const unknownService = /(does not know) this service/;
/** An agent that cannot be asked says nothing about its server: the probe has no result. */
const none = /^(nothing): the probe gave up$/;

/** See the file's head. */
export const ownRows: readonly Row[] = [
  {
    name: "chat",
    launcher: postfix,
    port: "smtp",
    check: { kind: "chat", steps: greeting("^220 .*ESMTP") },
    changes: { "wrong answer": { steps: greeting("^220 .*Sendmail") } },
    words: { flood: /(\d+ bytes came without)/, "wrong answer": unanswered },
  },
  {
    name: "chat tls",
    launcher: postfix,
    port: "smtps",
    check: {
      kind: "chat",
      security: "tls",
      serverName: CERTIFICATE_NAME,
      steps: greeting("^220 .*ESMTP"),
    },
    changes: { "wrong answer": { steps: greeting("^220 .*Sendmail") } },
    words: { "wrong answer": unanswered },
    secure: true,
  },
  {
    name: "agent",
    launcher: ncat,
    port: "agent",
    check: { kind: "agent" },
    words: {
      killed: none,
      "port closed": none,
      stopped: none,
      reset: none,
      slow: none,
      stalled: none,
      // A shorter line is a line.
      "cut off": "up",
      garbage: none,
      flood: none,
    },
  },
  {
    name: "grpc",
    launcher: etcd,
    port: "grpc",
    check: { kind: "grpc" },
    changes: { "wrong answer": { service: "no.such.service" } },
    words: { flood: /(HTTP.2 failed)/, "wrong answer": unknownService },
  },
  {
    name: "grpc tls",
    launcher: etcd,
    port: "grpcs",
    check: { kind: "grpc", security: "tls", serverName: CERTIFICATE_NAME },
    changes: { "wrong answer": { service: "no.such.service" } },
    words: { "wrong answer": unknownService },
    secure: true,
  },
  {
    name: "external",
    launcher: nginx,
    port: "http",
    check: { kind: "external", command: script(PAGE_TEXT) },
    changes: { "wrong answer": { command: script("no such text") } },
    words: {
      killed: /(status 1)/,
      "port closed": /(status 1)/,
      reset: /(status 1)/,
      "cut off": /(status 1)/,
      garbage: /(status 1)/,
      flood: /(status 1)/,
      "wrong answer": /(status 1)/,
    },
    floodHead: "HTTP/1.1 200 OK\r\nX-A: ",
  },
];
