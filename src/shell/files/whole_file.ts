/**
 * Files that are written whole or not at all: written beside their place, flushed, renamed into it, and the folder is
 * flushed too (rename(2), fsync(2)).
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** Whose a file is, and who may read it. */
export type Ownership = Pick<Stats, "mode" | "uid" | "gid">;

/** Where a file is written before it has its place. */
export function temporaryOf(path: string): string {
  return `${path}.${process.pid}.new`;
}

/**
 * Writes a new file with this mode, less the umask, or with the mode and owner of another; on disk when this returns.
 * What is there is removed first: a killed process of the same number left it, as the first of a container's always has.
 */
export function writeWhole(path: string, text: string, as: number | Ownership): void {
  rmSync(path, { force: true });
  const file = openSync(path, "wx", typeof as === "number" ? as : 0o600);
  try {
    // Not writeSync: on a disk that is nearly full it writes a part and says so only by a number.
    writeFileSync(file, text);
    if (typeof as !== "number") giveTo(file, as);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The owner first: a change of it takes bits of the mode away (chown(2)). */
function giveTo(file: number, { mode, uid, gid }: Ownership): void {
  const own = fstatSync(file);
  if (own.uid !== uid || own.gid !== gid) fchownSync(file, uid, gid);
  fchmodSync(file, mode & 0o777);
}

/** Puts a file with this text in the place of what is there, which must be no link. Throws what the system says. */
export function replaceWhole(path: string, text: string, as: number | Ownership): void {
  const temporary = temporaryOf(path);
  try {
    writeWhole(temporary, text, as);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  flushFolder(dirname(path));
}

/** Flushes the names in a folder. */
export function flushFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
