/**
 * The folder in which a node keeps what must survive its agent: key, boot number, document, peers.
 *
 * A write is atomic: a temporary file is written, flushed, renamed over the old one, and the folder is
 * flushed, so a power cut leaves the old content or the new one and never a mixture. Only what is appended can
 * be cut off in the middle: whoever appends must recognise that. A file that cannot be understood is set aside
 * under a new name, never deleted and never a reason to crash.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from "node:fs";
import { mkdirSync, readdirSync, rmSync, writeSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { Refusal } from "../core/refusal.ts";
import { errorCode, errorText, NO_NOTICES, type Notices } from "./notices.ts";

/** Largest file read back, bytes: twice the largest document; more is not ours. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Files set aside that are kept, per name: enough to see what happened, too few to fill a disk. */
const SET_ASIDE_MAX = 4;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Named files in one folder. Names are plain file names chosen by the program. */
export interface StateFolder {
  readonly path: string;
  /** The content; null when there is no such file. Throws a {@link Refusal} when it cannot be read. */
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
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    // The key lies here: a folder others can read is closed rather than trusted.
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, FOLDER_MODE);
  });
  flushNames(path, notices);
  return {
    path,
    read: (name) => readState(join(path, name)),
    writeNow: (name, bytes) => writeNow(path, name, bytes),
    write: (name, bytes) => writeAsync(path, name, bytes),
    append: (name, bytes) => append(path, name, bytes),
    setAside: (name, problem) => setAside(path, name, { problem, notices, wallMs }),
  };
}

/**
 * What an earlier run renamed and had no time to flush stays from now on: else a power cut brings the old file back,
 * without what was meanwhile appended to the new one.
 */
function flushNames(path: string, notices: Notices): void {
  try {
    flushFolder(path);
  } catch (error) {
    notices.warn({ folder: path, problem: errorText(error) }, "cannot flush the state folder");
  }
}

function flushFolder(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function readState(file: string): Uint8Array | null {
  try {
    if (statSync(file).size > FILE_BYTES_MAX) throw new Error("the file is too big");
    return new Uint8Array(readFileSync(file));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw refusal(`read "${file}"`, error);
  }
}

function writeNow(folder: string, name: string, bytes: Uint8Array): void {
  const file = join(folder, name);
  refuseErrors(`write "${file}"`, () => {
    const handle = openSync(`${file}.tmp`, "w", FILE_MODE);
    try {
      let offset = 0;
      while (offset < bytes.length) offset += writeSync(handle, bytes, offset);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(`${file}.tmp`, file);
    flushFolder(folder);
  });
}

async function writeAsync(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const file = join(folder, name);
  try {
    const handle = await open(`${file}.tmp`, "w", FILE_MODE);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.tmp`, file);
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

interface SetAside {
  readonly problem: string;
  readonly notices: Notices;
  readonly wallMs: () => number;
}

function setAside(folder: string, name: string, { problem, notices, wallMs }: SetAside): void {
  const aside = `${name}.corrupt-${wallMs()}`;
  refuseErrors(`set aside "${join(folder, name)}"`, () => {
    renameSync(join(folder, name), join(folder, aside));
    const old = readdirSync(folder).filter((entry) => entry.startsWith(`${name}.corrupt-`)).sort();
    for (const entry of old.slice(0, -SET_ASIDE_MAX)) rmSync(join(folder, entry));
  });
  notices.warn(
    { file: join(folder, name), keptAs: aside, problem },
    "set aside a damaged state file",
  );
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
