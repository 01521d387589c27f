/**
 * Kernel requests that fail: counted, told once per distinct text, and told again when they work again.
 * A refused address is tried every tick, and the log must not say so forty times a second.
 */
import type { Logger } from "./logger.ts";

/** Distinct failing operations remembered and told; more than this is one fault told many times. */
const TROUBLES_MAX = 100;

/** See the head of this file. */
export interface KernelTroubles {
  /**
   * Runs a request; false when it failed. `what` names it for people and must be the same every time. Its
   * first two words are the kind under which it is counted, so they name no object: `add address 192.0.2.1`.
   */
  attempt(what: string, request: () => void): boolean;
  /** Notes the outcome of a request that was run elsewhere. */
  note(what: string, error: Error | null): void;
  readonly counts: ReadonlyMap<string, number>;
  /** What fails at present, by operation. */
  readonly present: ReadonlyMap<string, string>;
}

/** Makes an empty collection of troubles. */
export function kernelTroubles(log: Logger): KernelTroubles {
  const counts = new Map<string, number>();
  const present = new Map<string, string>();
  function note(what: string, error: Error | null): void {
    if (error === null) {
      if (present.delete(what)) log.info({ what }, `${what}: works again`);
      return;
    }
    const kind = what.split(" ").slice(0, 2).join(" ");
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (present.get(what) === error.message) return;
    // Beyond the limit nothing is told: it could only be told again and again.
    if (!present.has(what) && present.size >= TROUBLES_MAX) return;
    present.set(what, error.message);
    log.error({ what }, error.message);
  }
  function attempt(what: string, request: () => void): boolean {
    try {
      request();
    } catch (error) {
      note(what, error as Error);
      return false;
    }
    note(what, null);
    return true;
  }
  return { attempt, note, counts, present };
}
