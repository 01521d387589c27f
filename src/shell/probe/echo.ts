/**
 * Pings of many probes through few sockets: one for each IP version, source and interface, open while a reply is
 * awaited. A reply counts when identifier, sequence number, data and source are those of the request.
 */
import { randomBytes, randomInt } from "node:crypto";
import { type EchoRoute, type EchoSocket, openEchoSocket } from "../../../ffi/mod.ts";
import { type Ip, ipFamily, ipFromBytes, ipToBytes } from "../../core/address.ts";

/** Random data: who cannot read a request cannot fake its reply. */
const DATA_BYTES = 16;
/** Identifiers and sequence numbers have 16 bits. */
const NUMBERS = 0x1_0000;
/** Looks into a socket while replies are due, and so the error of measured times, ms. */
const LOOK_MS = 1;
/** Looks when nothing has been sent for {@link FRESH_MS}: a host that is off is waited for at little cost. */
const LATE_LOOK_MS = 10;
/** After that a reply is late, ms: round trips of one data centre take less. */
const FRESH_MS = 20;

/** Whom to ping, and which way. */
export interface EchoRequest {
  readonly address: Ip;
  readonly source: Ip | null;
  readonly device: string | null;
}

/** A reply came, or word that there will be none, or the socket failed. */
export type EchoOutcome =
  | { readonly kind: "reply" }
  | { readonly kind: "unreachable"; readonly from: Ip }
  | { readonly kind: "error"; readonly error: Error };

interface Pending {
  readonly address: Ip;
  readonly data: Buffer;
  readonly done: (outcome: EchoOutcome) => void;
}

/** Sends echo requests. */
export class Echoes {
  readonly #open: (route: EchoRoute) => EchoSocket;
  readonly #lanes = new Map<string, Lane>();

  /** `open` stands for the kernel in tests. */
  constructor(open: (route: EchoRoute) => EchoSocket = openEchoSocket) {
    this.#open = open;
  }

  /** Pings once; `done` is called at most once, never from within. Returns what forgets it. Throws what sockets throw. */
  ping(request: EchoRequest, done: (outcome: EchoOutcome) => void): () => void {
    const version = ipFamily(request.address);
    const { source, device } = request;
    const key = `${version} ${source} ${device}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const bytes = source === null ? null : ipToBytes(source);
      lane = new Lane(
        this.#open({ version, source: bytes, device }),
        () => this.#lanes.delete(key),
      );
      this.#lanes.set(key, lane);
    }
    return lane.ping(request.address, done);
  }
}

/** One socket and what it waits for. */
class Lane {
  readonly #socket: EchoSocket;
  readonly #closed: () => void;
  readonly #id = randomInt(NUMBERS);
  readonly #pending = new Map<number, Pending>();
  #sequence = randomInt(NUMBERS);
  #lastSentMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: EchoSocket, closed: () => void) {
    this.#socket = socket;
    this.#closed = closed;
  }

  ping(address: Ip, done: (outcome: EchoOutcome) => void): () => void {
    const sequence = this.#freeSequence();
    const data = randomBytes(DATA_BYTES);
    try {
      this.#socket.send(ipToBytes(address), { id: this.#id, sequence, data });
    } catch (error) {
      this.#closeIfIdle();
      throw error;
    }
    const pending = { address, data, done };
    this.#pending.set(sequence, pending);
    this.#lastSentMs = performance.now();
    this.#lookAfter(LOOK_MS);
    return () => {
      if (this.#pending.get(sequence) !== pending) return;
      this.#pending.delete(sequence);
      this.#closeIfIdle();
    };
  }

  /** There are far fewer probes at once than numbers. */
  #freeSequence(): number {
    do {
      this.#sequence = (this.#sequence + 1) % NUMBERS;
    } while (this.#pending.has(this.#sequence));
    return this.#sequence;
  }

  #lookAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    try {
      for (const { from, message } of this.#socket.receive()) {
        this.#take(ipFromBytes(from), message);
      }
    } catch (error) {
      const pending = [...this.#pending.values()];
      this.#pending.clear();
      for (const { done } of pending) done({ kind: "error", error: error as Error });
    }
    if (this.#closeIfIdle()) return;
    const fresh = performance.now() - this.#lastSentMs < FRESH_MS;
    this.#lookAfter(fresh ? LOOK_MS : LATE_LOOK_MS);
  }

  #take(from: Ip, message: ReturnType<EchoSocket["receive"]>[number]["message"]): void {
    const pending = message.id === this.#id ? this.#pending.get(message.sequence) : undefined;
    if (pending === undefined) return;
    if (message.kind === "unreachable") {
      if (ipFromBytes(message.destination) !== pending.address) return;
    } else if (from !== pending.address || !pending.data.equals(message.data)) return;
    this.#pending.delete(message.sequence);
    pending.done(
      message.kind === "reply" ? { kind: "reply" } : { kind: "unreachable", from },
    );
  }

  #closeIfIdle(): boolean {
    if (this.#pending.size > 0) return false;
    clearTimeout(this.#timer);
    this.#closed();
    this.#socket.close();
    return true;
  }
}
