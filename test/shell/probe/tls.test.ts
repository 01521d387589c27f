/** TLS probes: what the certificate, the files of the check and the server's own demands make of a handshake. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { TlsOptions } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CheckOf } from "../../../src/core/check.ts";
import { probeTls } from "../../../src/shell/probe/tls.ts";
import { certificates } from "../../support/certificates.ts";
import { serve, targetAt } from "./scripted_server.ts";
import { talkContext } from "./talk_context.ts";

const DAY_MS = 86_400_000;
const NAME = "www.example.org";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "troop-test-"));
  const { authority, pairs } = await certificates();
  await writeFile(join(folder, "authority.pem"), authority);
  for (const [name, { cert, key }] of Object.entries(pairs)) {
    await writeFile(join(folder, `${name}.pem`), cert);
    await writeFile(join(folder, `${name}.key`), key);
  }
});
afterAll(() => rm(folder, { recursive: true }));

interface Case {
  /** Certificate of the server. */
  readonly server?: string;
  readonly options?: TlsOptions;
  /** Names of files stand for files in the folder of the test. */
  readonly check?: Partial<CheckOf<"tls">>;
  readonly nowMs?: number;
  readonly reason: RegExp;
  readonly ok?: true;
}

const PASS = { ok: true, reason: /^TLSv1\.3 handshake in \d+ ms/ } as const;
const MINE = { certificate: "good.pem", key: "good.key" };

const cases: Record<string, Case> = {
  "a good certificate": PASS,
  "TLS 1.2": { options: { maxVersion: "TLSv1.2" }, ok: true, reason: /^TLSv1\.2 handshake in/ },
  "a certificate that has run out": { server: "expired", reason: /^certificate has expired$/ },
  "one that has run out, not verified": {
    server: "expired",
    check: { verify: false },
    ok: true,
    reason: /^TLSv1\.3 handshake in \d+ ms; certificate has expired$/,
  },
  "another name": {
    server: "other",
    reason: /^certificate is not for www\.example\.org$/,
  },
  "another name, without one in the check": {
    server: "other",
    check: { serverName: null },
    reason: /^certificate is not for 127\.0\.0\.1 \(name the server in the check\)$/,
  },
  "a self-signed certificate": {
    server: "selfsigned",
    reason: /^certificate is self-signed and not in .*authority\.pem$/,
  },
  "a self-signed certificate that is the authority": {
    server: "selfsigned",
    check: { authority: "selfsigned.pem" },
    ...PASS,
  },
  "a self-signed certificate, not verified": {
    server: "selfsigned",
    check: { verify: false },
    ...PASS,
  },
  "the authority of somebody else": {
    server: "stranger",
    reason: /^certificate is signed by an authority that is not in .*authority\.pem$/,
  },
  "no authority of the system's": {
    check: { authority: null },
    reason: /^certificate is signed by an authority this node does not trust$/,
  },
  "an end far away": { check: { warnDays: 0 }, ok: true, reason: /handshake in \d+ ms$/ },
  "an end nine hours away": { ok: true, reason: /; certificate ends in less than a day$/ },
  "an end one and a half days away": {
    nowMs: Date.now() - DAY_MS / 2,
    ok: true,
    reason: /; certificate ends in 1 day$/,
  },
  "an end beyond the warning": {
    nowMs: Date.now() - 9 * DAY_MS,
    check: { warnDays: 9 },
    ok: true,
    reason: /handshake in \d+ ms$/,
  },
  "a demand for a certificate": {
    options: { requestCert: true, rejectUnauthorized: true },
    reason: /^server wants a certificate of this node$/,
  },
  "a demand that is met": {
    options: { requestCert: true, rejectUnauthorized: true },
    check: MINE,
    ...PASS,
  },
  "a file that is not there": {
    check: { authority: "missing.pem" },
    reason: /^cannot ask: .*missing\.pem cannot be read: ENOENT$/,
  },
};

function inFolder(check: Partial<CheckOf<"tls">>): Partial<CheckOf<"tls">> {
  const files = (["authority", "certificate", "key"] as const).flatMap((option) => {
    const name = check[option];
    return name === undefined || name === null ? [] : [[option, join(folder, name)] as const];
  });
  return { ...check, ...Object.fromEntries(files) };
}

describe("probeTls judges", () => {
  test.each(Object.entries(cases))("%s", async (_what, row) => {
    const { authority, pairs } = await certificates();
    const tls = { ...pairs[row.server ?? "good"]!, ca: authority, ...row.options };
    using server = await serve((socket) => socket.resume(), { tls });
    const check = inFolder({ authority: "authority.pem", serverName: NAME, ...row.check });
    const target = targetAt(server.port, { kind: "tls", timeoutMs: 2_000, ...check });
    const result = await probeTls(target, talkContext({ nowMs: row.nowMs ?? Date.now() }));
    expect(result?.reason).toMatch(row.reason);
    expect(result?.ok).toBe(row.ok ?? false);
  });

  test("a certificate the server does not accept", async () => {
    // The runtime's own server ends such a connection without saying why.
    const child = Bun.spawn({
      cmd: [
        "openssl",
        "s_server",
        "-accept",
        "127.0.0.1:0",
        "-cert",
        "good.pem",
        "-key",
        "good.key",
      ]
        .concat(["-Verify", "1", "-verify_return_error", "-CAfile", "authority.pem"]),
      cwd: folder,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
    });
    try {
      const port = await acceptingPort(child.stdout);
      const probe = (name: string) => {
        const files = {
          certificate: `${name}.pem`,
          key: `${name}.key`,
          authority: "authority.pem",
        };
        const check = inFolder({ ...files, serverName: NAME, timeoutMs: 2_000 });
        return probeTls(targetAt(port, { kind: "tls", ...check }), talkContext());
      };
      expect((await probe("stranger"))?.reason).toBe(
        "server does not accept the certificate of this node: unknown ca",
      );
      expect(await probe("other")).toMatchObject({ ok: true });
    } finally {
      child.kill();
      await child.exited;
    }
  });

  const silences: [what: string, script: Parameters<typeof serve>[0], reason: RegExp][] = [
    ["silence", () => {}, /^timed out after 300 ms during the TLS handshake$/],
    ["plain text", (socket) => socket.end("220 ready\r\n"), /^does not speak TLS$/],
    [
      "a close",
      (socket) => socket.end(),
      /^connection closed( or reset)? during the TLS handshake$/,
    ],
    [
      "a reset",
      (socket) => socket.resetAndDestroy(),
      /^connection (closed or )?reset during the TLS handshake$/,
    ],
    [
      "a reset after the first flight",
      (socket) => socket.once("data", () => socket.resetAndDestroy()),
      /^connection reset during the TLS handshake$/,
    ],
  ];
  test.each(silences)("%s", async (_what, script, reason) => {
    using server = await serve(script);
    const result = await probeTls(targetAt(server.port, { kind: "tls" }), talkContext());
    expect(result?.reason).toMatch(reason);
    while (server.open.size > 0) await Bun.sleep(5);
  });
});

/** The port in "ACCEPT 127.0.0.1:40123", the first line of s_server that has one. */
async function acceptingPort(output: ReadableStream<Uint8Array>): Promise<number> {
  let text = "";
  for await (const chunk of output) {
    text += new TextDecoder().decode(chunk);
    const port = /ACCEPT \S+:(\d+)\n/.exec(text)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`openssl s_server said: ${text}`);
}
