/**
 * Reads and writes the file of one node on disk. It holds the cluster's secret: it is written for its
 * owner alone, and a reader is told when others could read it too.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Config } from "../../core/config.ts";
import { callOf, type Home, shellWord } from "../../core/home.ts";
import { Refusal } from "../../core/refusal.ts";
import { type ConfigDraft, type ConfigProblem, parseConfig, printConfig } from "./config_text.ts";
import { makeFolder } from "./home.ts";
import { flushFolder, temporaryOf, writeWhole } from "./whole_file.ts";

/** Largest file read: hundreds of times what all knobs need, and small enough to read at once. */
export const CONFIG_BYTES_MAX = 65_536;
/** Owner reads and writes, nobody else. */
const CONFIG_MODE = 0o600;
/** Any right of group or others. */
const OTHERS = 0o077;

/** A file that was read, and what its owner should know about it, one line each. */
export interface ReadConfig {
  readonly config: Config;
  readonly warnings: readonly string[];
}

/**
 * Reads and validates the node's file. Throws a {@link Refusal}; when the content is wrong in several
 * places its `cause` is the list of all of them, one line each.
 */
export function readConfigFile(home: Home): ReadConfig {
  const { text, mode } = readText(home);
  const parsed = parseConfig(text);
  if ("cluster" in parsed) return { config: parsed, warnings: modeWarnings(home, mode) };
  throw contentRefusal(home, parsed);
}

function contentRefusal(home: Home, problems: readonly ConfigProblem[]): Refusal {
  const [first] = problems;
  const attempted = `read ${home.config}`;
  if (first !== undefined && problems.length === 1) {
    const { path, problem, remedy } = first;
    return new Refusal({ attempted, problem: `${path}: ${problem}`, remedy });
  }
  return new Refusal({
    attempted,
    problem: `${problems.length} problems, first ${first?.path}: ${first?.problem}`,
    remedy: "mend all of them, listed below",
  }, { cause: problems.map(({ path, problem, remedy }) => `${path}: ${problem}; ${remedy}`) });
}

function modeWarnings(home: Home, mode: number): string[] {
  if ((mode & OTHERS) === 0) return [];
  return [
    `${home.config} holds the cluster's secret and others can read or change it; run chmod 600 ${
      shellWord(home.config)
    }`,
  ];
}

function readText(home: Home): { text: string; mode: number } {
  const attempted = `read ${home.config}`;
  let descriptor: number | undefined;
  try {
    // Without blocking: a named pipe in this place would otherwise hold the program for ever.
    descriptor = openSync(home.config, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.size > CONFIG_BYTES_MAX) {
      const problem = stat.isFile()
        ? `the file has more than ${CONFIG_BYTES_MAX} bytes`
        : "it is not a file";
      throw new Refusal({ attempted, problem, remedy: "move it away and begin with `troop init`" });
    }
    return { text: readFileSync(descriptor, "utf8"), mode: stat.mode };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw readRefusal(home, error as NodeJS.ErrnoException);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function readRefusal(home: Home, cause: NodeJS.ErrnoException): Refusal {
  const attempted = `read ${home.config}`;
  const call = callOf(home);
  if (cause.code === "ENOENT" || cause.code === "ENOTDIR") {
    return new Refusal({
      attempted,
      problem: "there is no such file",
      remedy: `run \`${call} init\` for a new cluster, or \`${call} join ADDRESS --token TOKEN\``,
    }, { cause });
  }
  const denied = cause.code === "EACCES" || cause.code === "EPERM";
  return new Refusal({
    attempted,
    problem: denied ? "permission denied" : cause.message,
    remedy: denied ? "run as root, or as the user who owns it" : "make it readable",
  }, { cause });
}

/**
 * Writes a new file, all or nothing, on disk when this returns. A file that is there is never
 * overwritten: it may hold the only copy of a cluster's secret. `attempted` begins the refusal.
 */
export function createConfigFile(home: Home, draft: ConfigDraft, attempted: string): void {
  refuseExisting(home, attempted);
  makeFolder(dirname(home.config));
  const temporary = temporaryOf(home.config);
  try {
    writeWhole(temporary, printConfig(draft), CONFIG_MODE);
    publish(temporary, home.config);
    flushFolder(dirname(home.config));
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    if (cause.code === "EEXIST") refuseExisting(home, attempted);
    const denied = cause.code === "EACCES" || cause.code === "EPERM";
    throw new Refusal({
      attempted,
      problem: denied ? `no permission to write ${home.config}` : cause.message,
      remedy: "run as root, or keep this node elsewhere with --home DIR",
    }, { cause });
  } finally {
    if (existsSync(temporary)) unlinkSync(temporary);
  }
}

/** A link, not a rename: it fails when somebody else made the file meanwhile. */
function publish(temporary: string, path: string): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    // File systems without hard links (vfat, some network ones): link(2) says EPERM or EOPNOTSUPP.
    const { code } = error as NodeJS.ErrnoException;
    if (existsSync(path) || !["EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS"].includes(code ?? "")) {
      throw error;
    }
    renameSync(temporary, path);
  }
}

/** Refuses when the node's file is there already; `attempted` begins the refusal. */
export function refuseExisting(home: Home, attempted: string): void {
  if (!existsSync(home.config)) return;
  const path = shellWord(home.config);
  throw new Refusal({
    attempted,
    problem: `${home.config} exists, so this node is set up already`,
    remedy: `start it with \`${callOf(home)} run\`, or begin anew after \`mv ${path} ${path}.old\``,
  });
}
