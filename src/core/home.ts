/**
 * Where one node keeps its files.
 */

/** Paths of one node. */
export interface Home {
  /** The folder asked for, or null for the system's own places. */
  readonly folder: string | null;
  /** The file of this node. */
  readonly config: string;
  /** The folder of what the agent remembers: identity, cluster document, boot number. */
  readonly state: string;
  /** The Unix socket over which a running agent takes orders. */
  readonly socket: string;
}

/** Longest path of a Unix socket, bytes: `sun_path` has 108 with its closing zero (unix(7)). */
export const SOCKET_PATH_BYTES_MAX = 107;

/** The places when no folder is asked for (Filesystem Hierarchy Standard 3.0: /etc, /var/lib, /run). */
export const SYSTEM_HOME: Home = {
  folder: null,
  config: "/etc/troop/troop.yaml",
  state: "/var/lib/troop",
  socket: "/run/troop/troop.sock",
};

/** The paths of a node that keeps everything under one folder. `folder` is absolute. */
export function homeIn(folder: string): Home {
  const base = folder === "/" ? "" : folder.replace(/\/+$/, "");
  return {
    folder: base || "/",
    config: `${base}/troop.yaml`,
    state: `${base}/state`,
    socket: `${base}/troop.sock`,
  };
}

/** How a person calls the program for this node: `troop`, or `troop --home DIR`. */
export function callOf(home: Home): string {
  return home.folder === null ? "troop" : `troop --home ${shellWord(home.folder)}`;
}

/** Quotes a word for a POSIX shell when it needs it, so that a printed command can be pasted. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
