/**
 * Finds the files of one node on this machine, and makes the folders they need.
 */
import { chmodSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Home, homeIn, SYSTEM_HOME } from "../../core/home.ts";
import { Refusal } from "../../core/refusal.ts";

/** Mode of the state folder: the node's private key lies there. */
const STATE_MODE = 0o700;
/** Mode of other folders troop makes. What is secret in them has its own mode. */
const FOLDER_MODE = 0o755;

/** The home a person asked for: the option wins over TROOP_HOME, and without both it is the system's. */
export function findHome(
  option: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Home {
  // An empty variable is how shells and unit files say "not set"; an empty option is a mistake.
  const folder = option ?? (env["TROOP_HOME"] || undefined);
  if (folder === undefined) return SYSTEM_HOME;
  if (folder === "") {
    throw new Refusal({
      attempted: "find the files of this node",
      problem: `--home is empty`,
      remedy: "give it the folder of this node, for example --home /srv/n1",
      kind: "usage",
    });
  }
  return homeIn(resolve(folder));
}

/** Makes the state folder and the socket's folder. Throws a {@link Refusal} that names the folder. */
export function prepareHome(home: Home): void {
  makeFolder(dirname(home.socket), FOLDER_MODE);
  makeFolder(home.state, STATE_MODE);
  try {
    // A folder that was there before may be open to others.
    chmodSync(home.state, STATE_MODE);
  } catch (error) {
    throw folderRefusal(home.state, error);
  }
}

/** Makes a folder and its parents; one that is there is done. */
export function makeFolder(path: string, mode: number = FOLDER_MODE): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    throw folderRefusal(path, error);
  }
}

function folderRefusal(path: string, cause: unknown): Refusal {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  return new Refusal({
    attempted: `make the folder ${path}`,
    problem: code === "EACCES" || code === "EPERM" ? "permission denied" : (cause as Error).message,
    remedy: "run as root, or keep this node elsewhere with --home DIR",
  }, { cause });
}
