/**
 * Keeps the timeouts of the kernel's connection table as operators want them, and puts them back as they were. What they
 * were is on disk before troop first changes them: an agent that was killed knows it when it leaves.
 */
import { desiredTimeouts } from "../core/desired/desired_daemons.ts";
import type { State } from "../core/state.ts";
import type { TableTimeouts } from "../core/table/table.ts";
import type { SavedTimeouts, Table } from "../ports.ts";
import type { KernelTroubles } from "./kernel_troubles.ts";

/** What is needed for it. */
export interface TimeoutOptions {
  readonly table: Pick<Table, "timeouts" | "setTimeouts">;
  readonly troubles: KernelTroubles;
  readonly savedTimeouts: SavedTimeouts;
}

/** See the head of this file. */
export class TableTimeoutKeeper {
  readonly #options: TimeoutOptions;
  /** While the disk works. */
  #saving: Promise<void> | null = null;

  constructor(options: TimeoutOptions) {
    this.#options = options;
  }

  /** Makes them so; the first time as soon as the disk remembers what they were. */
  apply(state: State): void {
    const { table, troubles, savedTimeouts } = this.#options;
    const wanted = desiredTimeouts(state);
    const before = savedTimeouts.get();
    if ((wanted === null && before === null) || this.#saving !== null) return;
    troubles.attempt("set timeouts", () => {
      const present = table.timeouts();
      if (before === null) return this.#save(present, () => this.apply(state));
      const next: TableTimeouts = {
        tcpS: wanted?.tcpS || before.tcpS,
        tcpFinS: wanted?.tcpFinS || before.tcpFinS,
        udpS: wanted?.udpS || before.udpS,
      };
      if (JSON.stringify(next) !== JSON.stringify(present)) table.setTimeouts(next);
      if (wanted === null) this.#save(null);
    });
  }

  /** Puts them back, for a node that leaves for good. */
  async restore(): Promise<void> {
    const { table, troubles, savedTimeouts } = this.#options;
    await this.#saving;
    const before = savedTimeouts.get();
    if (before === null) return;
    if (!troubles.attempt("restore timeouts", () => table.setTimeouts(before))) return;
    this.#save(null);
    await this.#saving;
  }

  /** `then`: what follows when it is on disk. */
  #save(before: TableTimeouts | null, then: () => void = () => {}): void {
    const { troubles, savedTimeouts } = this.#options;
    const done = (error: Error | null) => {
      this.#saving = null;
      troubles.note("remember timeouts", error);
      if (error === null) then();
    };
    this.#saving = savedTimeouts.set(before).then(() => done(null), done);
  }
}
