/**
 * The private network: every connection is encrypted with a key of the cluster token before anything else is
 * said on it (libp2p specs, pnet/Private-Networks-PSK-V1: each side sends a nonce of 24 bytes, then XSalsa20).
 *
 * The library's own protector knows one key. This one sends with the present key, and finds out by which of the
 * accepted ones the other side sends: both sides begin with the header of multistream-select, so the right key
 * is the one under which the first bytes are that header. A connection under no such key ends there, having
 * been told nothing but the nonce.
 */
import type { AbortOptions, ConnectionProtector, MultiaddrConnection } from "@libp2p/interface";
import {
  AbstractMultiaddrConnection,
  byteStream,
  getNetConfig,
  type SendResult,
} from "@libp2p/utils";
import { errorCode } from "../log/notices.ts";
import type { TokenRing } from "../files/token.ts";
import { XorStream } from "./xor_stream.ts";

/** Bytes of a nonce. */
export const NONCE_BYTES = 24;
/** Addresses remembered as this machine's own. */
const SELVES_MAX = 64;
/** What both sides send first (multiformats/multistream-select): its length, and the name of the protocol. */
const HEADER = new TextEncoder().encode("\x13/multistream/1.0.0\n");

/** Why a connection ended before it began. `token`: the other side has none that is accepted here. */
export type StrangerProblem = "token" | "closed";

/** The other side has no token this node accepts, or says nothing after our first words, which is what that looks like from here. */
export class StrangerError extends Error {
  readonly problem: StrangerProblem;

  constructor(problem: StrangerProblem) {
    super(problem === "token" ? "the other side has another token" : "closed after the nonce");
    this.problem = problem;
  }
}

/** See {@link tokenProtector}. */
export interface ProtectorOptions {
  readonly tokens: TokenRing;
  /** Time for the exchange of nonces, ms. */
  readonly timeoutMs: number;
  /** Told of connections that ended because the tokens differ: by the other side's address. */
  readonly onStranger?: (
    at: { remote: string; outbound: boolean; problem: StrangerProblem },
  ) => void;
}

/** Protects connections, and knows under which tokens the open ones were made. */
export interface TokenProtector extends ConnectionProtector {
  /** Closes up to so many open connections that a token let in which is refused by now. */
  closeExpired(count: number): void;
  /** Whether the host is this machine itself: a nonce of this program came back from there. */
  isSelf(host: string): boolean;
}

/** Makes a protector, for `createLibp2p`. */
export function tokenProtector(options: ProtectorOptions): TokenProtector {
  const open = new Set<TokenConnection>();
  const calls = new Map<string, string>();
  const selves = new Set<string>();
  return {
    async protect(connection: MultiaddrConnection, { signal }: AbortOptions = {}) {
      const limit = { signal: signal ?? AbortSignal.timeout(options.timeoutMs) };
      const localNonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
      const { host } = getNetConfig(connection.remoteAddr);
      const name = Buffer.from(localNonce).toString("hex");
      if (connection.direction === "outbound") {
        calls.set(name, host);
        connection.addEventListener("close", () => calls.delete(name));
      }
      const bytes = byteStream(connection);
      const [nonce] = await Promise.all([
        bytes.read({ bytes: NONCE_BYTES, ...limit }),
        bytes.write(localNonce, limit),
      ]);
      const caller = calls.get(Buffer.from(nonce.subarray()).toString("hex"));
      if (caller !== undefined && selves.size < SELVES_MAX) selves.add(caller).add(host);
      const made = new TokenConnection(options, {
        connection: bytes.unwrap(),
        localNonce,
        remoteNonce: nonce.subarray(),
      });
      open.add(made);
      made.addEventListener("close", () => open.delete(made));
      return made;
    },
    isSelf: (host) => selves.has(host),
    closeExpired(count) {
      const accepted = new Set(options.tokens.accepts().map((keys) => keys.fingerprint));
      const expired = [...open].filter((one) =>
        one.fingerprints.some((name) => !accepted.has(name))
      );
      for (const one of expired.slice(0, count)) one.abort(new Error("its token was replaced"));
    },
  };
}

interface Nonces {
  readonly connection: MultiaddrConnection;
  readonly localNonce: Uint8Array;
  readonly remoteNonce: Uint8Array;
}

/** A connection whose bytes are encrypted on their way. */
class TokenConnection extends AbstractMultiaddrConnection {
  readonly #options: ProtectorOptions;
  readonly #inner: MultiaddrConnection;
  readonly #outbound: XorStream;
  readonly #remoteNonce: Uint8Array;
  readonly #sentWith: string;
  #inbound: XorStream | null = null;
  #receivedWith: string | null = null;
  /** What came before the key was known: less than a header. */
  #early = new Uint8Array(0);
  #refused = false;

  constructor(options: ProtectorOptions, { connection, localNonce, remoteNonce }: Nonces) {
    super({
      remoteAddr: connection.remoteAddr,
      direction: connection.direction,
      log: connection.log.newScope("token"),
    });
    const sends = options.tokens.sends();
    this.#options = options;
    this.#inner = connection;
    this.#outbound = new XorStream(sends.gossip, localNonce);
    this.#remoteNonce = remoteNonce;
    this.#sentWith = sends.fingerprint;
    connection.addEventListener("message", ({ data }) => {
      if (data instanceof Uint8Array) this.#take(data);
      else for (const part of data) this.#take(part);
    });
    connection.addEventListener("drain", () => this.onMuxerDrain());
    connection.addEventListener("close", (event) => {
      // A reset is what the other side's refusal looks like; what this side gave up is no sign of anything.
      const byOther = event.local !== true || errorCode(event.error) === "ECONNRESET";
      if (this.#inbound === null && byOther) this.#tell("closed");
      if (event.error === undefined) this.onTransportClosed();
      else if (event.local) this.abort(event.error);
      else this.onRemoteReset();
    });
  }

  /** The tokens under which this connection runs. */
  get fingerprints(): string[] {
    return [this.#sentWith, ...this.#receivedWith === null ? [] : [this.#receivedWith]];
  }

  #take(bytes: Uint8Array): void {
    if (this.#refused) return;
    if (this.#inbound !== null) return this.#give(this.#inbound, bytes);
    this.#early = joined(this.#early, bytes);
    if (this.#early.length < HEADER.length) return;
    const keys = this.#options.tokens.accepts().find((one) => this.#opens(one.gossip));
    if (keys === undefined) return this.#refuse();
    this.#inbound = new XorStream(keys.gossip, this.#remoteNonce);
    this.#receivedWith = keys.fingerprint;
    this.#give(this.#inbound, this.#early);
    this.#early = new Uint8Array(0);
  }

  /** What goes wrong here ends this connection and nothing else. */
  #give(inbound: XorStream, bytes: Uint8Array): void {
    try {
      this.onData(inbound.update(bytes));
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Whether what came begins with the header under this key. */
  #opens(key: Uint8Array): boolean {
    const head = this.#early.subarray(0, HEADER.length);
    const plain = new XorStream(key, this.#remoteNonce).update(head);
    return plain.every((byte, index) => byte === HEADER[index]);
  }

  #refuse(): void {
    this.#tell("token");
    this.abort(new StrangerError("token"));
  }

  /** Once, and not when this side ended it. */
  #tell(problem: StrangerProblem): void {
    if (this.#refused) return;
    this.#refused = true;
    const outbound = this.direction === "outbound";
    this.#options.onStranger?.({ remote: this.remoteAddr.toString(), outbound, problem });
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    await this.#inner.close(options);
  }

  override sendData(data: Parameters<AbstractMultiaddrConnection["sendData"]>[0]): SendResult {
    const bytes = this.#outbound.update(data.subarray());
    return { sentBytes: data.byteLength, canSendMore: this.#inner.send(bytes) };
  }

  override sendReset(error: Error): void {
    this.#inner.abort(error);
  }

  override sendPause(): void {
    this.#inner.pause();
  }

  override sendResume(): void {
    this.#inner.resume();
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
