/**
 * A probe's conversation over TCP: connecting as the check says (source, interface, TLS), writing, and reading
 * what is bounded in length. A protocol of lines is then a few lines itself:
 *
 *     export function probeFinger(target: ProbeTarget<CheckOf<"finger">>, context: Context) {
 *       return converse(target, context, async (connection) => {
 *         connection.write("root\r\n");
 *         const line = await connection.line("the answer");
 *         if (!line.startsWith("Login:")) throw new ProbeFailure(`answered "${quote(line)}"`);
 *         return "answered";
 *       });
 *     }
 */
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import type { Advice } from "../../core/pool/advice.ts";
import type { SecureCheck } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import {
  type Attempt,
  failConnection,
  type ProbeContext,
  ProbeFailure,
  runAttempt,
} from "./attempt.ts";
import { dial } from "./dial.ts";
import { closeInOrder } from "./orderly_close.ts";
import type { ProbeTools } from "./probe.ts";
import { type SecureTarget, startTls, tlsProblem } from "./secure.ts";

/** Longest accepted line, bytes: sixteen times what SMTP has (RFC 5321, 4.5.3.1), as IMAP's capabilities can be long. */
export const LINE_BYTES_MAX = 8_192;
/** Most bytes that are read in one conversation. */
export const CONVERSATION_BYTES_MAX = 1_048_576;
/** Looking for the end of an answer takes at most one part in so many of the time: short pieces cannot make it more. */
const LOOK_SHARE = 10;
/** Answers taken before others in this process get a turn: many short lines may have come at once. */
const TAKES_IN_A_ROW = 64;

/** What a probe that talks needs. */
export type TalkContext = ProbeContext & ProbeTools;

/** How a conversation went well: in words, which "in 3 ms" follows. */
export type Verdict = string | { readonly words: string; readonly advice: Advice };

/**
 * Connects, with TLS when the check says so, and talks. A server is well when `talk` resolves; a
 * {@link ProbeFailure} says why it is not, and any other error is one of the connection. The deadline of the check is
 * over all of it; then and when aborted, the connection closes and reading rejects.
 */
export function converse(
  target: ProbeTarget,
  context: TalkContext,
  talk: (connection: Connection, attempt: Attempt) => Promise<Verdict>,
): Promise<ProbeResult | null> {
  return runAttempt(target.check.timeoutMs, context, (attempt) => {
    const ending = new AbortController();
    const run = async (): Promise<void> => {
      const connection = await openConnection(target, context, { attempt, signal: ending.signal });
      const verdict = await talk(connection, attempt);
      connection.leave(context.signal);
      if (typeof verdict === "string") attempt.pass(verdict);
      else attempt.pass(verdict.words, verdict.advice);
    };
    run().catch((error: Error) => failTalk(attempt, error, target));
    return () => ending.abort();
  });
}

/** Ends an attempt with what went wrong in a conversation or on its connection. */
export function failTalk(
  attempt: Attempt,
  error: NodeJS.ErrnoException,
  target: ProbeTarget,
): void {
  if (error instanceof ProbeFailure) return attempt.fail(error.message);
  const problem = isSecure(target) ? tlsProblem(error.code ?? "", target) : undefined;
  if (problem !== undefined) return attempt.fail(problem);
  failConnection(attempt, error);
}

/** The probe a connection belongs to; the signal closes it. */
export interface Probing {
  readonly attempt: Attempt;
  readonly signal: AbortSignal;
}

/** Connects, and begins TLS for a check that has it from the first byte. Rejects as {@link converse} explains. */
export async function openConnection(
  target: ProbeTarget,
  context: TalkContext,
  { attempt, signal, protocols }: Probing & { readonly protocols?: readonly string[] },
): Promise<Connection> {
  const socket = await dial(target, signal);
  const connection = new Connection(socket, { target, context, probing: { attempt, signal } });
  if (isSecure(target) && securityOf(target.check) === "tls") await connection.startTls(protocols);
  return connection;
}

function securityOf(check: SecureCheck): "none" | "tls" | "starttls" {
  // Their protocols begin in plain text and then ask for TLS.
  if (check.kind === "mysql" || check.kind === "postgresql") return "starttls";
  return "security" in check ? check.security : "tls";
}

function isSecure(target: ProbeTarget): target is SecureTarget {
  return "verify" in target.check;
}

/** One connection to a server. */
export class Connection {
  #socket: Socket;
  readonly #target: ProbeTarget;
  readonly #context: TalkContext;
  readonly #probing: Probing;
  /** What came and was not taken yet; joined when looked at, because joining costs what has come. */
  #unread: Buffer[] = [];
  #received = 0;
  #takes = 0;
  #ended = false;
  #error: Error | null = null;
  #wake: () => void = () => {};
  #reading = false;

  constructor(
    socket: Socket,
    parts: {
      readonly target: ProbeTarget;
      readonly context: TalkContext;
      readonly probing: Probing;
    },
  ) {
    this.#socket = socket;
    this.#target = parts.target;
    this.#context = parts.context;
    this.#probing = parts.probing;
    const { signal } = parts.probing;
    if (signal.aborted) socket.destroy();
    else signal.addEventListener("abort", this.#destroy);
  }

  /** The socket as it is now, for a client library that wants it: then nothing may be read here. */
  get socket(): Socket {
    return this.#socket;
  }

  /** Begins TLS now (STARTTLS). What came in plain text after the answer to it is an attack or a fault: rejects. */
  async startTls(protocols?: readonly string[]): Promise<void> {
    if (this.#unread.some((chunk) => chunk.length > 0)) {
      throw new ProbeFailure("sent plain text where the TLS handshake must begin");
    }
    this.#stopReading();
    const { attempt, signal } = this.#probing;
    this.#socket = await startTls(this.#socket, this.#target as SecureTarget, {
      attempt,
      signal,
      context: this.#context,
      nowMs: this.#context.clock.wallMs(),
      ...(protocols === undefined ? {} : { protocols }),
    });
    attempt.phase = "after the TLS handshake";
  }

  /** Sends; an error shows at the next read. */
  write(data: string | Uint8Array): void {
    this.#startReading();
    this.#socket.write(data);
  }

  /** The next line, without its end. `what` completes "while waiting for". */
  line(what: string): Promise<string> {
    return this.take(what, (unread) => {
      const end = unread.indexOf(0x0a);
      if (end > LINE_BYTES_MAX || (end < 0 && unread.length > LINE_BYTES_MAX)) {
        throw new ProbeFailure(`line longer than ${LINE_BYTES_MAX} bytes ${this.#phase}`);
      }
      if (end < 0) return undefined;
      const text = unread.toString("utf8", 0, unread[end - 1] === 0x0d ? end - 1 : end);
      return { value: text, bytes: end + 1 };
    });
  }

  /** The next so many bytes. */
  bytes(what: string, count: number): Promise<Buffer> {
    return this.take(
      what,
      (unread) =>
        unread.length < count
          ? undefined
          : { value: Buffer.from(unread.subarray(0, count)), bytes: count },
    );
  }

  /**
   * Reads until `look` finds what it wants among the bytes not yet taken, and takes as many as it says. It also looks
   * after the end (`ended`). Rejects when it never finds it: closed, or too much was sent.
   */
  async take<T>(
    what: string,
    look: (unread: Buffer, ended: boolean) => { value: T; bytes: number } | undefined,
  ): Promise<T> {
    this.waitFor(what);
    this.#startReading();
    this.#takes += 1;
    if (this.#takes % TAKES_IN_A_ROW === 0) await setImmediate();
    const { clock } = this.#context;
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const startMs = clock.now();
      const ended = this.#ended;
      const unread = this.#unread.length === 1 ? this.#unread[0]! : Buffer.concat(this.#unread);
      const found = look(unread, ended);
      this.#unread = [unread.subarray(found?.bytes ?? 0)];
      if (found !== undefined) {
        return found.value;
      }
      if (this.#error !== null) throw this.#error;
      if (ended) throw new ProbeFailure(`connection closed ${this.#phase}`);
      const lookMs = clock.now() - startMs;
      await promise;
      if (lookMs >= 1) await Bun.sleep(lookMs * (LOOK_SHARE - 1));
    }
  }

  /** Forgets what came and was not taken. */
  discard(): void {
    this.#unread = [];
  }

  /** What is being waited for, where a reader knows more than when it began to read. */
  waitFor(what: string): void {
    this.#probing.attempt.phase = `while waiting for ${what}`;
  }

  /** Ends well: no read follows, and the connection closes in order, which the result does not wait for. */
  leave(signal: AbortSignal): void {
    this.#probing.signal.removeEventListener("abort", this.#destroy);
    this.#stopReading();
    if (this.#probing.signal.aborted) this.#destroy();
    else closeInOrder(this.#socket, signal);
  }

  get #phase(): string {
    return this.#probing.attempt.phase;
  }

  /** Not before something is read or written: a client library may want the bytes for itself. */
  #startReading(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#socket.on("data", this.#onData);
    this.#socket.on("end", this.#onEnd);
    this.#socket.on("close", this.#onEnd);
    this.#socket.on("error", this.#onError);
  }

  #stopReading(): void {
    this.#reading = false;
    this.#socket.removeListener("data", this.#onData);
    this.#socket.removeListener("end", this.#onEnd);
    this.#socket.removeListener("close", this.#onEnd);
    this.#socket.removeListener("error", this.#onError);
    this.#socket.on("error", () => {});
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received += chunk.length;
    if (this.#received > CONVERSATION_BYTES_MAX) {
      return this.#onError(
        new ProbeFailure(`sent more than ${CONVERSATION_BYTES_MAX} bytes ${this.#phase}`),
      );
    }
    this.#unread.push(chunk);
    this.#wake();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake();
  };

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
    this.#socket.pause();
    this.#wake();
  };

  readonly #destroy = (): void => {
    this.#socket.destroy();
    this.#onError(new ProbeFailure("ended"));
  };
}
