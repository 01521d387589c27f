/**
 * The netlink libraries for a short look, by programs that run no agent.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Libraries, openLibraries } from "../../../ffi/mod.ts";
import type { Home } from "../../core/home.ts";

/** Opens the libraries. An embedded copy goes to the state folder when there is one, else to a folder that is removed. */
export async function withLibraries<Result>(
  home: Home,
  use: (libraries: Libraries) => Result,
): Promise<Result> {
  if (existsSync(home.state)) return use(await openLibraries({ privateFolder: home.state }));
  const folder = mkdtempSync(join(tmpdir(), "troop-"));
  try {
    return use(await openLibraries({ privateFolder: folder }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
