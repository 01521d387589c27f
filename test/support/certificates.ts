/** Certificates for tests of TLS, made once per run by the openssl command and kept in memory only. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** An authority's certificate, and certificates by name; see the table in {@link make}. */
export interface Certificates {
  readonly authority: string;
  readonly pairs: Readonly<Record<string, Pair>>;
}

let made: Promise<Certificates> | undefined;

/** The certificates of this run. */
export function certificates(): Promise<Certificates> {
  return made ??= make();
}

async function make(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), "troop-test-"));
  try {
    await sign(folder, { name: "authority", days: 1 });
    await sign(folder, { name: "foreign", days: 1 });
    const host = "DNS:www.example.org";
    await sign(folder, { name: "good", alt: `${host},IP:127.0.0.1`, by: "authority", days: 1 });
    await sign(folder, { name: "other", alt: "DNS:other.example.org", by: "authority", days: 1 });
    await sign(folder, { name: "vip", alt: "IP:192.0.2.240", by: "authority", days: 1 });
    await sign(folder, { name: "expired", alt: host, by: "authority", days: -1 });
    await sign(folder, { name: "stranger", alt: host, by: "foreign", days: 1 });
    await sign(folder, { name: "selfsigned", alt: host, days: 1 });
    const names = ["good", "other", "vip", "expired", "stranger", "selfsigned"];
    const pairs = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await read(folder, name)] as const)),
    );
    return { authority: (await read(folder, "authority")).cert, pairs };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function read(folder: string, name: string): Promise<Pair> {
  return {
    cert: await readFile(join(folder, `${name}.pem`), "utf8"),
    key: await readFile(join(folder, `${name}.key`), "utf8"),
  };
}

interface Wanted {
  readonly name: string;
  readonly days: number;
  /** Subject alternative names. */
  readonly alt?: string;
  /** Name of the signing authority; it signs itself without one. */
  readonly by?: string;
}

async function sign(folder: string, { name, days, alt, by }: Wanted): Promise<void> {
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    `${name}.key`,
  ];
  const subject = ["-subj", `/CN=${name}`];
  if (by === undefined) {
    const names = alt === undefined ? [] : ["-addext", `subjectAltName=${alt}`];
    await openssl(folder, [
      "req",
      "-x509",
      ...key,
      ...subject,
      ...names,
      "-days",
      String(days),
      "-out",
      `${name}.pem`,
    ]);
    return;
  }
  await openssl(folder, ["req", ...key, ...subject, "-out", `${name}.csr`]);
  await writeFile(join(folder, `${name}.ext`), `subjectAltName=${alt}\n`);
  const signer = [
    "-CA",
    `${by}.pem`,
    "-CAkey",
    `${by}.key`,
    "-CAcreateserial",
    "-extfile",
    `${name}.ext`,
  ];
  await openssl(folder, [
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    ...signer,
    "-days",
    String(days),
    "-out",
    `${name}.pem`,
  ]);
}

async function openssl(folder: string, args: string[]): Promise<void> {
  const child = Bun.spawn({
    cmd: ["openssl", ...args],
    cwd: folder,
    stdout: "ignore",
    stderr: "pipe",
  });
  const words = await new Response(child.stderr).text();
  if (await child.exited !== 0) throw new Error(`openssl ${args.join(" ")}: ${words}`);
}
