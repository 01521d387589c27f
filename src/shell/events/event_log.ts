/**
 * The event log of a node: what changed, over restarts. Adding never waits and never fails: a disk that is full is told
 * to the log once, and the newest events stay in memory.
 */
import { EVENT_TEXT_MAX, type EventQuery, type News, type TroopEvent } from "../../core/event.ts";
import { Refusal } from "../../core/refusal.ts";
import { EventFiles } from "./event_files.ts";
import { errorText, type Notices } from "../log/notices.ts";

/** Events in memory that are not on disk yet; of more the oldest go. */
export const WAITING_MAX = 1_000;
/** Events that wait for one reader who follows; one who is slower is cut off. */
const BEHIND_MAX = 1_000;
/** Readers who follow at a time. */
export const FOLLOWERS_MAX = 16;
/** Pause after the disk refused, ms. */
const RETRY_MS = 5_000;

/** See the head of this file. */
export interface EventLog {
  /** Adds an event; the one that was added. */
  add(news: News): TroopEvent;
  /** Reads; with `follow` it goes on until the reader stops. Throws a {@link Refusal} when too many follow. */
  read(query: EventQuery): AsyncIterableIterator<TroopEvent>;
  /** Writes what waits, as far as the disk takes it, and ends all readers. */
  close(): Promise<void>;
}

/** What a log is opened with. */
export interface EventLogOptions {
  readonly folder: string;
  readonly notices: Notices;
  readonly wallMs: () => number;
  /** Size of one file, for tests. */
  readonly fileBytes?: number;
}

/** Opens the log. Never rejects: a log that cannot be read begins anew. */
export async function openEventLog(options: EventLogOptions): Promise<EventLog> {
  const files = new EventFiles(options.folder, options.fileBytes);
  let last: TroopEvent | undefined;
  try {
    [last] = await files.read({ limit: 1, sinceMs: null });
  } catch (error) {
    options.notices.warn({ problem: errorText(error) }, "cannot read the event log");
  }
  return new Log(options, files, last?.id ?? 0);
}

class Log implements EventLog {
  readonly #options: EventLogOptions;
  readonly #files: EventFiles;
  readonly #followers = new Set<Follower>();
  #lastId: number;
  #waiting: TroopEvent[] = [];
  #writing: Promise<void> | null = null;
  #refused = false;
  #retry: Timer | null = null;
  #closed = false;

  constructor(options: EventLogOptions, files: EventFiles, lastId: number) {
    this.#options = options;
    this.#files = files;
    this.#lastId = lastId;
  }

  add(news: News): TroopEvent {
    const text = news.text.length > EVENT_TEXT_MAX
      ? `${news.text.slice(0, EVENT_TEXT_MAX - 1)}…`
      : news.text;
    const time = new Date(this.#options.wallMs()).toISOString();
    const event: TroopEvent = { id: ++this.#lastId, time, ...news, text };
    this.#waiting.push(event);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    for (const follower of this.#followers) follower.push(event);
    if (this.#retry === null) this.#write();
    return event;
  }

  #write(): void {
    this.#writing ??= this.#drain().finally(() => this.#writing = null);
  }

  /** What is added while this runs is written too. */
  async #drain(): Promise<void> {
    // The present work first: a burst of events is one write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = [...this.#waiting];
      try {
        await this.#files.append(batch.map((event) => JSON.stringify(event)));
        const written = new Set(batch);
        this.#waiting = this.#waiting.filter((event) => !written.has(event));
        if (this.#refused) this.#options.notices.info({}, "the event log is written again");
        this.#refused = false;
      } catch (error) {
        this.#tellRefused(error);
        if (!this.#closed) this.#retry = setTimeout(() => this.#again(), RETRY_MS);
        return;
      }
    }
  }

  #again(): void {
    this.#retry = null;
    this.#write();
  }

  #tellRefused(error: unknown): void {
    if (!this.#refused) {
      const problem = errorText(error);
      this.#options.notices.warn({ problem }, `cannot write the event log: ${problem}`);
    }
    this.#refused = true;
  }

  read(query: EventQuery): AsyncIterableIterator<TroopEvent> {
    const follower = query.follow ? this.#follow() : null;
    const events = this.#events(query, follower);
    return {
      next: () => events.next(),
      // A generator that waits for an event would only hear of its end with the next one.
      return: async () => {
        follower?.end();
        if (follower !== null) this.#followers.delete(follower);
        return await events.return(undefined);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #follow(): Follower {
    if (this.#followers.size >= FOLLOWERS_MAX) {
      throw new Refusal({
        attempted: "follow events",
        problem: `${FOLLOWERS_MAX} readers follow already, the most a node serves`,
        remedy: "end one of them",
      });
    }
    const follower = new Follower();
    this.#followers.add(follower);
    return follower;
  }

  async *#events(
    { limit, sinceMs }: EventQuery,
    follower: Follower | null,
  ): AsyncGenerator<TroopEvent> {
    try {
      const upTo = this.#lastId;
      // Before the files are read: what is written meanwhile is in both, and not missing.
      const waiting = this.#waiting.filter(({ time }) =>
        Date.parse(time) >= (sinceMs ?? -Infinity)
      );
      const written = await this.#files.read({ limit, sinceMs }).catch(() => []);
      const known = new Set(written.map(({ id }) => id));
      const all = [...written, ...waiting.filter(({ id }) => !known.has(id))]
        .filter(({ id }) => id <= upTo)
        .sort((a, b) => a.id - b.id);
      yield* limit === null ? all : all.slice(Math.max(0, all.length - limit));
      if (follower !== null) yield* follower.events();
    } finally {
      if (follower !== null) this.#followers.delete(follower);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    for (const follower of this.#followers) follower.end();
    this.#write();
    await this.#writing;
  }
}

/** A reader who waits for events to come. */
class Follower {
  #queue: TroopEvent[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  push(event: TroopEvent): void {
    if (this.#queue.length >= BEHIND_MAX) this.#ended = true;
    else this.#queue.push(event);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *events(): AsyncGenerator<TroopEvent> {
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) yield event;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
