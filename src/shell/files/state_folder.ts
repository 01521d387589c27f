/**
 * The folder in which a node keeps what must survive its agent: key, boot number, document, peers.
 *
 * A write is atomic: a temporary file is written, flushed, renamed over the old one, and the folder is
 * flushed, so a power cut leaves the old content or the new one and never a mixture. Only what is appended can
 * be cut off in the middle: whoever appends must recognise that. A file that cannot be read or understood is set aside
 * under a new name with a word on what happens now, never deleted and never a reason to crash.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from "node:fs";
import { mkdirSync, readdirSync, rmSync, writeSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Refusal } from "../../core/refusal.ts";
import { errorCode, errorText, NO_NOTICES, type Notices } from "../log/notices.ts";
import { flushFolder } from "./whole_file.ts";
import { stateFiles } from "./state_files.ts";

/** Largest file read back, bytes: twice the largest document; more is not ours. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Files set aside that are kept, per name: enough to see what happened, too few to fill a disk. */
const SET_ASIDE_MAX = 4;
/** Behind the name of a file set aside, before the time in ms; earlier versions had `.corrupt-`. */
const ASIDE = ".damaged-";
const ASIDE_NAMES = /\.(?:damaged|corrupt)-\d+$/;
const TEMPORARY = ".tmp";
/**
 * Errors by which the thing under the name itself is of no use: a folder or a pipe, closed to this user, bad blocks, a
 * chain of links. Others, as too many open files, say nothing about it.
 */
const USELESS = [
  "EISDIR",
  "EACCES",
  "EPERM",
  "EIO",
  "ELOOP",
  "ENOTDIR",
  "ENXIO",
  "EUCLEAN",
  "EBADMSG",
];
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Named files in one folder. Names are plain file names chosen by the program. */
export interface StateFolder {
  readonly path: string;
  /**
   * The content; null when there is no such file, or it cannot be read and was set aside. Throws a {@link Refusal} when
   * this machine cannot read now.
   */
  read(name: string): Uint8Array | null;
  /** Replaces the file; returns when it is on disk. Throws a {@link Refusal} when the disk refuses. */
  writeNow(name: string, bytes: Uint8Array): void;
  /** As {@link StateFolder.writeNow}, without stopping the event loop. One call per name at a time. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Adds to the end of a file that is there; resolves when it is on disk. After a rejection nobody knows what the
   * file's end is: replace it. One call per name at a time.
   */
  append(name: string, bytes: Uint8Array): Promise<void>;
  /** Renames a file that cannot be understood, and says so. `problem`: why, in words. */
  setAside(name: string, problem: string): void;
  /** The same for one of which a part is of use: it stays until it is replaced, and what was is kept beside it. */
  keepAside(name: string, problem: string): void;
  /** Whether the file was damaged and set aside since the folder was opened. */
  wasLost(name: string): boolean;
}

/** See {@link openStateFolder}. */
export interface StateFolderOptions {
  readonly notices?: Notices;
  /** Wall clock, ms since 1970: part of the name of a file set aside. */
  readonly wallMs?: () => number;
}

/** Opens the folder and makes it, with parents, when it is missing. Throws a {@link Refusal} when it cannot. */
export function openStateFolder(path: string, options: StateFolderOptions = {}): StateFolder {
  const { notices = NO_NOTICES, wallMs = Date.now } = options;
  refuseErrors(`open the state folder "${path}"`, () => {
    const made = mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    if (made !== undefined) flushParents(path, made, notices);
    // The key lies here: a folder others can read is closed rather than trusted.
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, FOLDER_MODE);
  });
  removeTemporary(path);
  flushNames(path, notices);
  const lost = new Set<string>();
  const putAside = (move: Move) => (name: string, problem: string) => {
    lost.add(name);
    setAside(path, name, { problem, notices, wallMs, move });
  };
  return {
    path,
    read: (name) => {
      const found = readState(join(path, name));
      if (found === null || found instanceof Uint8Array) return found;
      putAside(renameSync)(name, found.problem);
      return null;
    },
    writeNow: (name, bytes) => writeNow(path, name, bytes),
    write: (name, bytes) => writeAsync(path, name, bytes),
    append: (name, bytes) => append(path, name, bytes),
    setAside: putAside(renameSync),
    keepAside: putAside(linkOrRename),
    wasLost: (name) => lost.has(name),
  };
}

/** A folder that was made is there after a power cut when the one it is in was flushed. `first`: the outermost that was made. */
function flushParents(path: string, first: string, notices: Notices): void {
  const parent = dirname(path);
  flushNames(parent, notices);
  if (parent.startsWith(first)) flushParents(parent, first, notices);
}

/**
 * What an earlier run renamed and had no time to flush stays from now on: else a power cut brings the old file back,
 * without what was meanwhile appended to the new one.
 */
function flushNames(path: string, notices: Notices): void {
  try {
    flushFolder(path);
  } catch (error) {
    notices.warn({ folder: path, problem: errorText(error) }, `cannot flush the folder ${path}`);
  }
}

/** What a power cut left half written is in nobody's way: without this a folder of that name would be. */
function removeTemporary(path: string): void {
  try {
    for (const name of readdirSync(path)) {
      if (name.endsWith(TEMPORARY)) rmSync(join(path, name), { recursive: true, force: true });
    }
  } catch {
    // A disk that is read-only; whoever writes is told.
  }
}

/** The content; null when there is none; in words what is wrong with what is there instead. */
function readState(file: string): Uint8Array | null | { readonly problem: string } {
  try {
    // Not opened before it is known to be a file: a named pipe would hold the program for ever.
    const found = statSync(file);
    if (!found.isFile()) return { problem: "it is not a file" };
    if (found.size > FILE_BYTES_MAX) return { problem: "it is too big" };
    return new Uint8Array(readFileSync(file));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    if (USELESS.includes(errorCode(error))) return { problem: errorText(error) };
    throw refusal(`read "${file}"`, error);
  }
}

function writeNow(folder: string, name: string, bytes: Uint8Array): void {
  const file = join(folder, name);
  const temporary = file + TEMPORARY;
  refuseErrors(`write "${file}"`, () => {
    try {
      const handle = openSync(temporary, "w", FILE_MODE);
      try {
        let offset = 0;
        while (offset < bytes.length) offset += writeSync(handle, bytes, offset);
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
      renameSync(temporary, file);
    } catch (error) {
      // Half a file takes room on a disk that has none.
      rmSync(temporary, { force: true });
      throw error;
    }
    flushFolder(folder);
  });
}

async function writeAsync(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const file = join(folder, name);
  const temporary = file + TEMPORARY;
  try {
    try {
      const handle = await open(temporary, "w", FILE_MODE);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    // Without this a power cut can undo the rename (fsync(2), notes on directories).
    const folderHandle = await open(folder, "r");
    try {
      await folderHandle.sync();
    } finally {
      await folderHandle.close();
    }
  } catch (error) {
    throw refusal(`write "${file}"`, error);
  }
}

async function append(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const file = join(folder, name);
  try {
    // Not made when it is missing: its name would not be on disk.
    const handle = await open(file, constants.O_WRONLY | constants.O_APPEND);
    try {
      await handle.writeFile(bytes);
      // The file's length is flushed with the data (fdatasync(2)); its times need not be.
      await handle.datasync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw refusal(`write "${file}"`, error);
  }
}

/** Gives a file another name. */
type Move = (from: string, to: string) => void;

/** Gives a file a second name, which takes no room on a full disk. Some file systems have no links (vfat). */
function linkOrRename(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    renameSync(from, to);
  }
}

interface SetAside {
  readonly move: Move;
  readonly problem: string;
  readonly notices: Notices;
  readonly wallMs: () => number;
}

function setAside(
  folder: string,
  name: string,
  { problem, notices, wallMs, move }: SetAside,
): void {
  const aside = `${name}${ASIDE}${wallMs()}`;
  refuseErrors(`set aside "${join(folder, name)}"`, () => {
    move(join(folder, name), join(folder, aside));
    const old = readdirSync(folder)
      .filter((entry) => ASIDE_NAMES.test(entry) && entry.replace(ASIDE_NAMES, "") === name)
      .sort((a, b) => timeOf(a) - timeOf(b));
    for (const entry of old.slice(0, -SET_ASIDE_MAX)) {
      rmSync(join(folder, entry), { recursive: true });
    }
  });
  const lost = stateFiles[name]?.lost;
  notices.warn(
    { file: join(folder, name), keptAs: aside, problem },
    `the state file ${name} is damaged (${problem}) and kept as ${aside}${
      lost === undefined ? "" : `: ${lost}`
    }`,
  );
}

function timeOf(aside: string): number {
  return Number(aside.slice(aside.lastIndexOf("-") + 1));
}

function refuseErrors(attempted: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw refusal(attempted, error);
  }
}

function refusal(attempted: string, error: unknown): Refusal {
  return new Refusal({
    attempted,
    problem: errorText(error),
    remedy: "check the free space, the permissions and the health of that disk",
  }, { cause: error });
}
