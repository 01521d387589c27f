/**
 * One simulated machine's disk, behind the StateFolder interface. It keeps apart what a reading program sees and
 * what a power cut leaves, as a real one does between write and fsync: a file that is replaced is the old or the new
 * one until its folder is flushed, and of what is appended any beginning may be there, with zeros behind it.
 */
import { Refusal } from "../../src/core/refusal.ts";
import type { StateFolder } from "../../src/shell/files/state_folder.ts";
import type { World } from "./world.ts";

/** Time one step of a write takes, virtual ms: to fill the file, and to flush it. */
const STEP_MS = 2;

/**
 * What the disk does with writes. `full`: nothing more fits, and of what is appended a part may. `late`: it does
 * what it is asked and then says that it failed, as a flush that reports an error of the medium.
 */
export type DiskMood = "well" | "full" | "late";

interface SimFile {
  /** What a read sees; null: no such file. */
  seen: Uint8Array | null;
  /** What is under this name for sure; null: nothing may be. */
  safe: Uint8Array | null;
  /** Whether the name may still lead to what is safe instead of what is seen. */
  moved: boolean;
  /** Bytes of what is seen whose content is flushed. */
  flushed: number;
}

/** See the head of this file. */
export class SimDisk {
  readonly #world: World;
  readonly #files = new Map<string, SimFile>();
  mood: DiskMood = "well";
  /** Reads fail. */
  unreadable = false;
  /** What every step of a write takes longer, ms. */
  slowMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Names of the files a program sees. */
  names(): string[] {
    return [...this.#files].filter(([, { seen }]) => seen !== null).map(([name]) => name);
  }

  /** The folder of one run of a program. When `alive` says no, what the run has begun is done no further. */
  open(alive: () => boolean = () => true): StateFolder {
    // As openStateFolder() does: what an earlier run renamed and could not flush stays from now on.
    for (const file of this.#files.values()) settleName(file);
    const lost = new Set<string>();
    return {
      path: "disk",
      wasLost: (name) => lost.has(name),
      read: (name) => this.#read(name),
      writeNow: (name, bytes) => {
        if (this.mood === "full") throw refusal(name, "no space left on device");
        const file = this.#file(name);
        replace(file, bytes);
        settleName(file);
        if (this.mood === "late") throw refusal(name, "input/output error");
      },
      write: (name, bytes) => this.#write(name, bytes, alive),
      append: (name, bytes) => this.#append(name, bytes, alive),
      setAside: (name) => {
        lost.add(name);
        const file = this.#file(name);
        const kept = file.seen;
        Object.assign(file, { seen: null, moved: true, flushed: 0 });
        if (kept !== null) replace(this.#file(`${name}.damaged-${this.#world.nowMs}`), kept);
      },
      keepAside: (name) => {
        lost.add(name);
        const { seen } = this.#file(name);
        if (seen !== null) replace(this.#file(`${name}.damaged-${this.#world.nowMs}`), seen);
      },
    };
  }

  /** The power is gone: everything that was not flushed is there or not, as chance will have it. */
  powerCut(): void {
    for (const file of this.#files.values()) {
      const left = this.#leftOf(file);
      Object.assign(file, { seen: left, safe: left, moved: false, flushed: left?.length ?? 0 });
    }
  }

  /** Turns over one bit of a file; false when the file has none. */
  rot(name: string): boolean {
    const file = this.#files.get(name);
    if (file === undefined || file.seen === null || file.seen.length === 0) return false;
    const at = Math.floor(this.#world.random() * file.seen.length);
    const rotten = file.seen.map((byte, index) => index === at ? byte ^ 4 : byte);
    Object.assign(file, { seen: rotten, safe: rotten, moved: false, flushed: rotten.length });
    return true;
  }

  #leftOf({ seen, safe, moved, flushed }: SimFile): Uint8Array | null {
    const { random } = { random: () => this.#world.random() };
    if (moved && random() < 0.5) return safe;
    if (seen === null || flushed >= seen.length) return seen;
    const length = flushed + Math.floor(random() * (seen.length - flushed + 1));
    const left = seen.slice(0, length);
    // The length can be on disk before the content.
    if (random() < 0.3) left.fill(0, flushed + Math.floor(random() * (length - flushed)));
    return left;
  }

  #file(name: string): SimFile {
    const file = this.#files.get(name) ?? { seen: null, safe: null, moved: false, flushed: 0 };
    this.#files.set(name, file);
    return file;
  }

  #read(name: string): Uint8Array | null {
    if (this.unreadable) throw refusal(name, "input/output error");
    return this.#files.get(name)?.seen?.slice() ?? null;
  }

  /** Resolves a step later; never when the run has ended meanwhile. */
  #step(alive: () => boolean): Promise<void> {
    return new Promise((resolve) =>
      this.#world.after(STEP_MS + this.slowMs, () => {
        if (alive()) resolve();
      })
    );
  }

  async #write(name: string, bytes: Uint8Array, alive: () => boolean): Promise<void> {
    const content = bytes.slice();
    await this.#step(alive);
    if (this.mood === "full") throw refusal(name, "no space left on device");
    const file = this.#file(name);
    replace(file, content);
    await this.#step(alive);
    if (this.mood === "late") throw refusal(name, "input/output error");
    settleName(file);
  }

  async #append(name: string, bytes: Uint8Array, alive: () => boolean): Promise<void> {
    const file = this.#file(name);
    if (file.seen === null) throw refusal(name, "no such file or directory");
    const part = this.mood === "full" ? Math.floor(this.#world.random() * bytes.length) : Infinity;
    const added = bytes.slice(0, part);
    file.seen = Uint8Array.of(...file.seen, ...added);
    await this.#step(alive);
    if (part < Infinity) throw refusal(name, "no space left on device");
    if (this.mood === "late") throw refusal(name, "input/output error");
    file.flushed = file.seen.length;
    if (!file.moved) file.safe = file.seen;
  }
}

/** A new file, filled and flushed, is given the name of the old one. */
function replace(file: SimFile, bytes: Uint8Array): void {
  Object.assign(file, { seen: bytes.slice(), moved: true, flushed: bytes.length });
}

/** The folder is flushed: the name leads to what is seen. */
function settleName(file: SimFile): void {
  file.safe = file.seen === null ? null : file.seen.slice(0, file.flushed);
  file.moved = false;
}

function refusal(name: string, problem: string): Refusal {
  return new Refusal({ attempted: `use "${name}"`, problem, remedy: "check the disk" });
}
