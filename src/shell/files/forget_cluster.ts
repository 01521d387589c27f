/**
 * Forgets a cluster this node has left: what it knew of it, and the file that made it a member. The file
 * is kept under another name, so that nothing an operator wrote is lost.
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../core/home.ts";
import { IDENTITY_FILE } from "./identity.ts";
import { stateFiles } from "./state_files.ts";
import type { StateFolder } from "./state_folder.ts";

/** See the head of this file. */
export function forgetCluster(
  home: Home,
  folder: StateFolder,
  { newIdentity = false }: { readonly newIdentity?: boolean } = {},
): void {
  // The cluster never believes an identity again that it has forgotten, and that of a copy is another machine's. The
  // boot number stays: it is this machine's.
  if (newIdentity) rmSync(join(folder.path, IDENTITY_FILE), { force: true });
  for (const [name, { ofCluster }] of Object.entries(stateFiles)) {
    if (ofCluster) rmSync(join(folder.path, name), { force: true });
  }
  if (existsSync(home.config)) renameSync(home.config, `${home.config}.left`);
}
