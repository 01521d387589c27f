/**
 * Judges the lock file by a copy of the GitLab Advisory Database, for where no registry answers `npm audit`: one YAML
 * file an advisory, in `npm/NAME/`. The format is told in that database's README.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Verdict } from "./report.ts";

const advisorySchema = z.object({
  identifier: z.string(),
  title: z.string(),
  affected_range: z.string(),
});
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ name: z.string().optional(), version: z.string().default("") }),
  ),
});
/** When an advisory was last changed. Read without a YAML parser: all of them are asked for it. */
const DATE = /^date: "?(\d{4}-\d\d-\d\d)/m;

/** A package of the lock file, at the version that is installed. */
export interface Locked {
  readonly name: string;
  readonly version: string;
}

/** The packages a lock file of npm (version 3) installs, those for development too; its root is none of them. */
export function lockedPackages(lock: string): readonly Locked[] {
  const { packages } = lockSchema.parse(JSON.parse(lock));
  return Object.entries(packages)
    .filter(([path]) => path !== "")
    .map(([path, { name, version }]) => ({
      name: name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
      version,
    }));
}

/** Judges the packages by the database in this folder; one that holds no advisories proves nothing. */
export function judgePackages(packages: readonly Locked[], folder: string): Verdict {
  const advisories = readAdvisories(join(folder, "npm"));
  if (advisories.length === 0) {
    const text = `audit: ${folder} holds no advisories (npm/NAME/*.yml), nothing is proved`;
    return { text, status: 3 };
  }
  const known = packages.flatMap((locked) =>
    advisories
      .filter(({ file }) => dirname(file) === locked.name)
      .map(({ file, text }) => findingOf(locked, file, text))
  );
  const found = known.filter((finding) => finding !== null);
  const newest = advisories.map(({ text }) => DATE.exec(text)?.[1] ?? "").sort().at(-1);
  const heard = `${packages.length} packages, ${known.length} advisories on them ` +
    `of ${advisories.length} in all, the newest of ${newest}`;
  return found.length === 0
    ? { text: `audit: nothing is known against any dependency (${heard})`, status: 0 }
    : { text: [`audit: ${found.length} findings (${heard})`, ...found].join("\n"), status: 1 };
}

/** What an advisory says against this package, in one line; null when its version is not affected. */
function findingOf({ name, version }: Locked, file: string, text: string): string | null {
  const advisory = advisorySchema.safeParse(parseYaml(text)).data;
  if (advisory === undefined) {
    return `  ${name} ${version}: npm/${file} cannot be read; see yourself`;
  }
  const { identifier, title, affected_range: range } = advisory;
  return isAffected(version, range)
    ? `  ${identifier}: ${name} ${version} (${range}): ${title}`
    : null;
}

/**
 * Whether the version is in the range; an unreadable range has all. One before a release counts as that release, too,
 * and as affected by a range that names the release: whether a mend was in it already, no number says.
 */
function isAffected(version: string, range: string): boolean {
  const release = version.replace(/[-+].*$/, "");
  return [version, release].some((one) => Bun.semver.satisfies(one, range)) ||
    (release !== version && range.includes(release));
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** All advisories under a folder, by their path in it. */
function readAdvisories(
  folder: string,
): readonly { readonly file: string; readonly text: string }[] {
  let files: readonly string[];
  try {
    files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return [];
  }
  return files
    .filter((file) => file.endsWith(".yml"))
    .map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));
}

if (import.meta.main) {
  const [folder = ""] = process.argv.slice(2);
  const packages = lockedPackages(readFileSync("package-lock.json", "utf8"));
  const { text, status } = judgePackages(packages, folder);
  process.stdout.write(`${text}\n`);
  process.exit(status);
}
