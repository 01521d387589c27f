/**
 * Forgets a cluster this node has left: what it knew of it, and the file that made it a member. The file
 * is kept under another name, so that nothing an operator wrote is lost.
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../core/home.ts";
import type { StateFolder } from "./state_folder.ts";

/** What only makes sense inside the cluster. Identity and boot number stay: they are this machine's. */
const CLUSTER_FILES = [
  "document.bin",
  "document.journal",
  "peers.json",
  "records.json",
  "claims.json",
  "rows.json",
  "switches.json",
];

/** See the head of this file. */
export function forgetCluster(home: Home, folder: StateFolder): void {
  for (const name of CLUSTER_FILES) rmSync(join(folder.path, name), { force: true });
  if (existsSync(home.config)) renameSync(home.config, `${home.config}.left`);
}
