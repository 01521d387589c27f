/**
 * Carries a change of the cluster's token through on this node: takes the steps that core/cluster/token_rotation.ts
 * allows, one at a time, each on disk before the others hear of it.
 */
import type { NodeId } from "../core/document/document.ts";
import { Refusal } from "../core/refusal.ts";
import type { State } from "../core/state.ts";
import type { Fact } from "../core/step.ts";
import {
  RETIRE_SETTLE_MS,
  type RotationTurn,
  rotationTurn,
} from "../core/cluster/token_rotation.ts";
import type { Rotation } from "../core/cluster/token_facts.ts";
import type { TokenKeeper } from "../ports.ts";
import type { Logger } from "./logger.ts";

/** Connections under a retired token that are closed in one turn: their peers dial anew, not all at once. */
const CLOSED_PER_TURN = 4;

/** What the lane needs. */
export interface TokenLaneOptions {
  readonly state: State;
  readonly tokens: TokenKeeper;
  readonly now: () => number;
  /** Asks a connected peer for a token; undefined when it has none. */
  readonly ask: (peer: NodeId, fingerprint: string) => Promise<string | undefined>;
  readonly connected: () => readonly NodeId[];
  /** Closes up to so many connections that a token let in which is refused now. */
  readonly closeExpired: (count: number) => void;
  readonly tell: (fact: Fact) => void;
  readonly log: Logger;
}

/** See the head of this file. */
export class TokenLane {
  readonly #options: TokenLaneOptions;
  #busy = false;
  #known: Rotation | null = null;
  /** When this run heard of the present rotation: dead members have the grace time from then. */
  #sinceMs = 0;
  /** Since when the old token could be refused; null while it cannot. */
  #settledMs: number | null = null;
  #told = "";

  constructor(options: TokenLaneOptions) {
    this.#options = options;
    this.#tell(null);
  }

  /** Takes the next step, if there is one and none is under way. Resolves when it is done. Never rejects. */
  async turn(): Promise<void> {
    const { closeExpired, log } = this.#options;
    closeExpired(CLOSED_PER_TURN);
    if (this.#busy) return;
    this.#busy = true;
    try {
      const turn = this.#decide();
      this.#tell(turn.progress);
      await this.#act(turn);
    } catch (error) {
      log.warn({ problem: String(error) }, `token rotation: ${String(error)}; tries again`);
    } finally {
      this.#busy = false;
    }
  }

  /** Begins a rotation. Rejects with a {@link Refusal} when the disk refuses. */
  async begin(rotation: Rotation, token?: string): Promise<void> {
    await this.#options.tokens.begin(rotation, token);
    this.#note(rotation);
    this.#tell(this.#decide().progress);
  }

  #decide(): RotationTurn {
    const { state, now, tokens } = this.#options;
    const { rotation } = tokens.facts();
    if (rotation !== null && this.#isNew(rotation)) this.#note(rotation);
    const graceOver = rotation === null || now() - this.#sinceMs >= rotation.graceS * 1_000;
    return rotationTurn(state, graceOver);
  }

  #isNew({ serial, target }: Rotation): boolean {
    return this.#known?.serial !== serial || this.#known.target !== target;
  }

  #note(rotation: Rotation): void {
    this.#known = rotation;
    this.#sinceMs = this.#options.now();
    this.#settledMs = null;
  }

  async #act(turn: RotationTurn): Promise<void> {
    const { tokens, now, log } = this.#options;
    if (turn.act !== "retire") this.#settledMs = null;
    switch (turn.act) {
      case "none":
        return;
      case "adopt":
        await tokens.begin(turn.rotation);
        return this.#done(`begins, number ${turn.rotation.serial}`);
      case "fetch":
        return await this.#fetch(turn);
      case "use":
        await tokens.use();
        return this.#done("every member accepts the new token; this node uses it from now on");
      case "retire":
        this.#settledMs ??= now();
        if (now() - this.#settledMs < RETIRE_SETTLE_MS) return;
        await tokens.retire();
        log.info({}, "token rotation: done; the old token is refused");
        return this.#tell(null);
    }
  }

  async #fetch({ target, holders }: Extract<RotationTurn, { act: "fetch" }>): Promise<void> {
    const { ask, connected, tokens, log } = this.#options;
    const near = new Set(connected());
    for (const { record } of holders) {
      if (!near.has(record.id)) continue;
      try {
        const token = await ask(record.id, target);
        if (token !== undefined && await tokens.take(token)) {
          return this.#done(`has the new token from ${record.name}`);
        }
      } catch (error) {
        if (error instanceof Refusal) throw error;
        log.debug({ peer: record.name, problem: String(error) }, "cannot get the new token yet");
      }
    }
  }

  #done(text: string): void {
    this.#options.log.info({}, `token rotation: ${text}`);
    this.#tell(this.#decide().progress);
  }

  #tell(progress: RotationTurn["progress"]): void {
    const token = this.#options.tokens.facts();
    const text = JSON.stringify([token, progress]);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.tell({ kind: "token", token, progress });
  }
}
