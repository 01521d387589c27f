/**
 * A probe's connection as client libraries want a socket: an emitter of bytes that can be written to. Behind it is
 * the {@link Connection} that all probes have, so that source, interface, TLS, deadline and the limit of what is
 * read are the same as everywhere; and a library that throws at what a stranger sent fails the probe, not the process.
 */
import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers/promises";
import { type Attempt, ProbeFailure, quote } from "./attempt.ts";
import type { Connection } from "./connection.ts";

/**
 * Bytes handed to a library before the event loop goes on. Parsing so many takes it a few ms at worst, and for each
 * row there may be a search for an expression.
 */
const PIECE_BYTES_MAX = 4_096;

/** The part of node:net's Socket that ldapts 9, mysql2 3 and pg 8 use. */
export class Wire extends EventEmitter {
  /** What the libraries look at. */
  readonly connecting = false;
  readonly readyState = "open";
  readonly writable = true;
  readonly #connection: Connection;
  readonly #attempt: Attempt;
  #what = "the greeting";
  #upgrade: Promise<void> = Promise.resolve();

  constructor(connection: Connection, attempt: Attempt) {
    super();
    this.#connection = connection;
    this.#attempt = attempt;
    // An "error" nobody listens to would end the process.
    this.on("error", () => {});
  }

  /** Says what is being waited for from now on: completes "while waiting for". */
  expect(what: string): void {
    this.#what = what;
    this.#attempt.phase = `while waiting for ${what}`;
  }

  /** Hands what comes to the library, until the connection ends. Never resolves; rejects as reading does. */
  async pump(): Promise<never> {
    for (;;) {
      const piece = await this.#connection.take(this.#what, (unread) => {
        if (unread.length === 0) return undefined;
        const value = Buffer.from(unread.subarray(0, PIECE_BYTES_MAX));
        return { value, bytes: value.length };
      });
      try {
        this.emit("data", piece);
      } catch (error) {
        if (error instanceof ProbeFailure) throw error;
        throw new ProbeFailure(`cannot understand the server: ${quote((error as Error).message)}`);
      }
      await setImmediate();
      // Until then the bytes belong to the handshake.
      await this.#upgrade;
    }
  }

  /** The first bytes that will come, without taking them: whether this is the right protocol at all. */
  peek(count: number): Promise<Buffer> {
    return this.#connection.take(
      this.#what,
      (unread) =>
        unread.length < count
          ? undefined
          : { value: Buffer.from(unread.subarray(0, count)), bytes: 0 },
    );
  }

  /** Begins TLS in the middle of the conversation, then calls back. What goes wrong rejects {@link Wire.pump}. */
  startTls(secured: () => void): void {
    this.#upgrade = this.#connection.startTls().then(secured);
    this.#upgrade.catch(() => {});
  }

  /** As Socket has it: for pg, which connects by itself. The connection is already there. */
  connect(): this {
    queueMicrotask(() => this.emit("connect"));
    return this;
  }

  /** As Writable has it. */
  write(data: string | Uint8Array, written?: () => void): boolean {
    this.#connection.write(data);
    if (written !== undefined) queueMicrotask(written);
    return true;
  }

  /** Closing is the probe's business, not the library's: these do nothing. */
  end(): this {
    return this;
  }

  /** See {@link Wire.end}. */
  destroy(): this {
    return this;
  }

  /** There is nothing to set. */
  setNoDelay(): this {
    return this;
  }

  /** See {@link Wire.setNoDelay}. */
  setKeepAlive(): this {
    return this;
  }

  /** pg lets go of a process that ends; this one does not. */
  ref(): this {
    return this;
  }

  /** See {@link Wire.ref}. */
  unref(): this {
    return this;
  }
}

/** Talks through a library while what comes is handed to it: the first of both to fail fails the probe. */
export function throughLibrary<Result>(wire: Wire, talk: () => Promise<Result>): Promise<Result> {
  return Promise.race([wire.pump(), talk()]);
}

/** What a server or a library says, fit for a reason: short, and without the password, should it be repeated. */
export function complaint(error: Error, password: string | null): string {
  const { message } = error;
  return quote(password ? message.replaceAll(password, "…") : message);
}
