/** The files a check over TLS names: what is wrong with them, and that changed ones are read again. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createTrust,
  TRUST_FILE_BYTES_MAX,
  type TrustFiles,
  trustProblem,
} from "../../../src/shell/probe/trust.ts";
import { certificates } from "../../support/certificates.ts";

let folder: string;
const NONE: TrustFiles = { authority: null, certificate: null, key: null };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "troop-test-"));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  const { authority, pairs } = await certificates();
  const good = pairs.good!;
  await write("authority.pem", authority);
  await write("good.pem", good.cert);
  await write("good.key", good.key);
  await write("both.pem", good.cert + good.key);
  await write("other.key", pairs.other!.key);
  await write("text.pem", "hello");
  await write("broken.pem", authority + authority.replace(/\n[A-Za-z]{8}/, "\nAAAAAAAA"));
  await write("huge.pem", "x".repeat(TRUST_FILE_BYTES_MAX + 1));
});

/** Renamed into place, as tools that renew certificates do. */
async function write(name: string, text: string): Promise<void> {
  await writeFile(join(folder, `${name}.new`), text);
  await rename(join(folder, `${name}.new`), join(folder, name));
}

function files(names: Partial<TrustFiles>): TrustFiles {
  const entries = Object.entries(names).map(([option, name]) => [option, join(folder, name!)]);
  return { ...NONE, ...Object.fromEntries(entries) };
}

describe("trustProblem", () => {
  const cases: [what: string, names: Partial<TrustFiles>, problem: RegExp | undefined][] = [
    ["no file", {}, undefined],
    ["an authority", { authority: "authority.pem" }, undefined],
    ["a certificate and its key", { certificate: "good.pem", key: "good.key" }, undefined],
    ["both in one file", { certificate: "both.pem" }, undefined],
    ["a file that is not there", { authority: "none.pem" }, /none\.pem cannot be read: ENOENT$/],
    ["a folder", { authority: "." }, /is not a file$/],
    ["a file without certificates", { authority: "text.pem" }, /has no certificate in PEM form$/],
    ["a broken certificate", { authority: "broken.pem" }, /^certificate 2 in .*broken\.pem cannot/],
    ["a file that is too long", { authority: "huge.pem" }, /has more than 262144 bytes$/],
    ["a key alone", { key: "good.key" }, /^key .*good\.key has no certificate/],
    ["a certificate alone", { certificate: "good.pem" }, /good\.pem has no private key/],
    ["no key in its file", { certificate: "good.pem", key: "text.pem" }, /has no private key/],
    [
      "the key of another",
      { certificate: "good.pem", key: "other.key" },
      /^the key in .*other\.key is not that of the certificate in .*good\.pem$/,
    ],
  ];
  test.each(cases)("%s", (_what, names, problem) => {
    const found = trustProblem(files(names));
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(problem);
  });
});

describe("createTrust", () => {
  test("gives one context to all checks without files, and one to each set of files", () => {
    const trust = createTrust({ now: () => 0 });
    expect(trust({ ...NONE })).toBe(trust({ ...NONE }));
    const own = files({ authority: "authority.pem" });
    expect(trust(own)).toBe(trust({ ...own }));
    expect(trust(own)).not.toBe(trust(NONE));
  });

  test("reads a changed file again, and not more often than it looks", async () => {
    let nowMs = 0;
    const trust = createTrust({ now: () => nowMs });
    const own = files({ authority: "authority.pem" });
    const first = trust(own);
    const { pairs } = await certificates();
    await write("authority.pem", pairs.selfsigned!.cert);
    expect(trust(own)).toBe(first);
    nowMs = 5_000;
    const second = trust(own);
    expect(second).not.toBe(first);
    nowMs = 10_000;
    expect(trust(own)).toBe(second);
  });

  test("goes on for a while when a file is gone, then says so", async () => {
    let nowMs = 0;
    const trust = createTrust({ now: () => nowMs });
    const own = files({ authority: "authority.pem" });
    const first = trust(own);
    await rm(own.authority!);
    for (nowMs = 5_000; nowMs < 60_000; nowMs += 5_000) expect(trust(own)).toBe(first);
    nowMs = 90_000;
    expect(() => trust(own)).toThrow(/authority\.pem cannot be read: ENOENT/);
    await write("authority.pem", (await certificates()).authority);
    nowMs = 95_000;
    expect(trust(own)).toBeDefined();
    nowMs = 100_000;
    expect(trust(own)).toBeDefined();
  });

  test("does not believe a file it never could read", () => {
    const trust = createTrust({ now: () => 0 });
    expect(() => trust(files({ authority: "text.pem" }))).toThrow(/has no certificate/);
  });
});
