/**
 * The files of the event log: lines of JSON, the newest in `events.log`, older ones in `events.log.1` and on. A file that
 * is full is renamed; the oldest one goes.
 */
import { type FileHandle, open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseEventLine, type TroopEvent } from "../../core/event.ts";
import { errorCode } from "../log/notices.ts";

/** Size at which a file is full, bytes: some 4,000 events. */
export const EVENT_FILE_BYTES = 1_048_576;
/** Files that are kept, the one that is written included. */
export const EVENT_FILES = 4;
/** Lines read in one turn of the event loop: some 2 ms. */
const TURN_LINES = 200;
const FILE_MODE = 0o600;

/** See the head of this file. */
export class EventFiles {
  readonly #folder: string;
  readonly #fileBytes: number;
  /** Bytes of the present file; null before it was looked at, and after a failure. */
  #size: number | null = null;

  constructor(folder: string, fileBytes = EVENT_FILE_BYTES) {
    this.#folder = folder;
    this.#fileBytes = fileBytes;
  }

  #path(age: number): string {
    return join(this.#folder, age === 0 ? "events.log" : `events.log.${age}`);
  }

  /** Adds lines; resolves when they are on disk. One call at a time. */
  async append(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    try {
      this.#size ??= await this.#mend();
      if (this.#size > 0 && this.#size + bytes.length > this.#fileBytes) await this.#rotate();
      await this.#write(bytes);
      this.#size += bytes.length;
    } catch (error) {
      this.#size = null;
      throw error;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const handle = await open(this.#path(0), "a", FILE_MODE);
    try {
      await handle.writeFile(bytes);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  /** The size of the present file, whose last line is ended if a power cut or a full disk tore it. */
  async #mend(): Promise<number> {
    let handle: FileHandle;
    try {
      handle = await open(this.#path(0), "r+");
    } catch (error) {
      if (errorCode(error) === "ENOENT") return 0;
      throw error;
    }
    try {
      const { size } = await handle.stat();
      if (size === 0) return 0;
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
      if (buffer[0] === 0x0a) return size;
      await handle.write("\n", size);
      return size + 1;
    } finally {
      await handle.close();
    }
  }

  async #rotate(): Promise<void> {
    for (let age = EVENT_FILES - 1; age > 0; age--) {
      await rename(this.#path(age - 1), this.#path(age)).catch(ignoreMissing);
    }
    this.#size = 0;
  }

  /** Events in order; of more than `limit` the last ones. What is no event is left out. */
  async read({ limit, sinceMs }: {
    readonly limit: number | null;
    readonly sinceMs: number | null;
  }): Promise<TroopEvent[]> {
    const parts: TroopEvent[][] = [];
    let count = 0;
    for (let age = 0; age < EVENT_FILES && count < (limit ?? Infinity); age++) {
      const { events, older } = await this.#readFile(age, sinceMs);
      parts.push(events);
      count += events.length;
      if (older) break;
    }
    const all = parts.reverse().flat();
    return limit === null ? all : all.slice(Math.max(0, all.length - limit));
  }

  async #readFile(
    age: number,
    sinceMs: number | null,
  ): Promise<{ events: TroopEvent[]; older: boolean }> {
    const lines = (await this.#text(age)).split("\n");
    const events: TroopEvent[] = [];
    let older = false;
    for (const [index, line] of lines.entries()) {
      if (index % TURN_LINES === TURN_LINES - 1) await new Promise((next) => setImmediate(next));
      const event = parseEventLine(line);
      if (event === null) continue;
      if (sinceMs === null || Date.parse(event.time) >= sinceMs) events.push(event);
      else older = true;
    }
    return { events, older };
  }

  async #text(age: number): Promise<string> {
    try {
      const path = this.#path(age);
      // Nothing of troop's grows beyond this; whatever else it is, it is not read.
      if ((await stat(path)).size > 2 * Math.max(this.#fileBytes, EVENT_FILE_BYTES)) return "";
      return await readFile(path, "utf8");
    } catch (error) {
      if (errorCode(error) === "ENOENT") return "";
      throw error;
    }
  }
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== "ENOENT") throw error;
}
