/**
 * Who is told what changes on a node: the log, the event log, and hooks.
 */
import type { Change } from "./agent/changes.ts";
import type { Logger } from "./agent/logger.ts";
import type { Config } from "./core/config.ts";
import type { News } from "./core/event.ts";
import type { Home } from "./core/home.ts";
import { Refusal } from "./core/refusal.ts";
import { type EventLog, openEventLog } from "./shell/events/event_log.ts";
import { hookProblem } from "./shell/events/hook_call.ts";
import { openHooks } from "./shell/events/hooks.ts";

/** See the head of this file. */
export interface Telling {
  readonly events: EventLog;
  tell(change: Change): void;
}

/** Opens the event log and the hooks. `closers` gets what ends them. */
export async function openTelling(
  { home, config, log: { logger } }: {
    readonly home: Home;
    readonly config: Config;
    readonly log: { readonly logger: Logger };
  },
  closers: (() => unknown)[],
): Promise<Telling> {
  const events = await openEventLog({
    folder: home.state,
    notices: logger,
    wallMs: () => Date.now(),
  });
  closers.push(() => events.close());
  const write = (news: News) => {
    logger[news.level]({ ...news.fields, event: news.kind }, news.text);
    return events.add(news);
  };
  const hooks = openHooks({
    hooks: config.hooks,
    cluster: config.cluster,
    node: config.name,
    report: write,
  });
  closers.push(() => hooks.close());
  return { events, tell: (change) => hooks.tell(write(change)) };
}

/** Throws a {@link Refusal} that names the first hook that cannot work. */
export function refuseBadHooks(config: Config): void {
  for (const hook of config.hooks) {
    const problem = hookProblem(hook);
    if (problem === null) continue;
    throw new Refusal({
      attempted: "start the agent",
      problem: `hook ${hook.name}: ${problem}`,
      remedy: "correct `hooks` in troop.yaml",
    });
  }
}
