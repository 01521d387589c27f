/**
 * Faults of the program itself that nobody else takes: exceptions in callbacks and timers, promises rejected
 * with nobody waiting. They are told and survived, for ending would make one malformed thing a takeover, and
 * the same thing may reach every node. Should a fault keep the agent from its work, nobody has to notice: its
 * leases run out and another node takes over.
 */

/** Time after which a fault that goes on is told again, ms: the loop may meet it forty times a second. */
const REPEAT_MS = 60_000;
/** Distinct faults remembered; with more, the oldest is told again. */
const FAULTS_MAX = 32;

/** See the head of this file. */
export interface FaultLog {
  /** Tells a fault. `what` names the work it happened in. */
  note(what: string, error: unknown): void;
}

/** What a fault log needs. `now` is monotonic ms. */
export interface FaultLogOptions {
  readonly logger: { error(fields: object, message: string): void };
  readonly now: () => number;
}

/** Makes a log of faults. */
export function faultLog({ logger, now }: FaultLogOptions): FaultLog {
  const toldMs = new Map<string, number>();
  return {
    note(what, error) {
      const key = `${what}: ${error instanceof Error ? error.message : String(error)}`;
      const last = toldMs.get(key);
      if (last !== undefined && now() - last < REPEAT_MS) return;
      toldMs.delete(key);
      toldMs.set(key, now());
      for (const oldest of toldMs.keys()) {
        if (toldMs.size <= FAULTS_MAX) break;
        toldMs.delete(oldest);
      }
      logger.error({ err: error }, `${what} failed, which is a fault of troop`);
    },
  };
}

/** Takes what would end the process, from now on. Returns what undoes it. */
export function surviveFaults(faults: FaultLog): () => void {
  const onException = (error: unknown) => faults.note("a callback", error);
  const onRejection = (error: unknown) => faults.note("work in the background", error);
  process.on("uncaughtException", onException);
  process.on("unhandledRejection", onRejection);
  return () => {
    process.off("uncaughtException", onException);
    process.off("unhandledRejection", onRejection);
  };
}
