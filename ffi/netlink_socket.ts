/**
 * A netlink socket: requests in batches, dumps in pieces. libnl opens, connects, sends and receives;
 * messages are encoded and decoded here.
 *
 * The kernel works on a request inside the system call that sends it, so its answers are waiting when the
 * call returns; the receive timeout only guards against a kernel that misbehaves. Of a batch, only the last
 * message asks for an acknowledgement: the kernel goes through a batch in order and reports every error
 * asked or not (netlink_rcv_skb in net/netlink/af_netlink.c), so the last acknowledgement closes the batch
 * and a message without an error has succeeded. One acknowledgement each would cost a system call each.
 */
import { constants } from "node:os";
import { type Handle, moveAllocated, readErrno } from "./bun_ffi.ts";
import { errnoName, KernelRequestError } from "./error.ts";
import type { Libraries } from "./libraries.ts";
import {
  type Acknowledgement,
  beginMessage,
  decodeAcknowledgement,
  decodeMessages,
  endMessage,
  type IncomingMessage,
  messageFlags,
  type MessageKind,
  messageTypes,
} from "./netlink_message.ts";
import { AttributeWriter } from "./netlink_attribute.ts";
import { readI32, readU32 } from "./bytes.ts";

/** Protocols of AF_NETLINK (linux/netlink.h). */
export const netlinkProtocols = { route: 0, sockDiag: 4, generic: 16 } as const;

/** Messages in one send: a few ms of kernel work, during which the event loop stands still. */
export const BATCH_MESSAGES_MAX = 64;
/** Bytes after which a batch is full: the kernel refuses (EMSGSIZE) what does not fit the send buffer. */
const BATCH_BYTES_MAX = 32_768;
const SEND_BUFFER_BYTES = 131_072;
/** Room for the errors of a whole batch, each of which the kernel charges with about 800 bytes. */
const RECEIVE_BUFFER_BYTES = 262_144;
/** Largest datagram: the kernel fills dumps up to 32 kB (netlink_dump) if the reader's buffer takes it. */
const DATAGRAM_BYTES_MAX = 32_768;
/**
 * How long to wait for an answer before the kernel counts as silent. The kernel answers while it takes the
 * request, so a longer wait only holds up pulses: it is well below the time after which peers see a death.
 */
const ANSWER_WAIT_MS = 150;
/** Attempts at a dump that the kernel calls inconsistent, before the last one is taken as it is. */
const DUMP_ATTEMPTS_MAX = 3;
/** Datagrams one dump may have: 32 kB each, so far above the largest table. */
const DUMP_DATAGRAMS_MAX = 100_000;

/** Datagrams to look through for the end of a batch: all of it, and leftovers of a batch given up. */
const ANSWERS_MAX = 4 * BATCH_MESSAGES_MAX;
/** A message of a closed batch for which no error came. */
const SUCCESS: Acknowledgement = { errno: 0, text: "" };
/** The same, when the kernel dropped an answer: it may have been an error. */
const UNKNOWN: Acknowledgement = { errno: constants.errno.ENOBUFS, text: "" };

const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;

/** A message to send; sequence number and NLM_F_REQUEST are the socket's business. */
export interface OutgoingMessage extends MessageKind {
  /** Appends the payload. */
  readonly write: (writer: AttributeWriter) => void;
}

/** What a dump is called in errors, and how its messages are read: at once, since their bytes do not last. */
export interface DumpOptions<Row> {
  readonly operation: string;
  readonly decode: (payload: Uint8Array) => Row | undefined;
}

/** See the head of this file. Not for use by two callers at a time: a dump occupies the socket until its iterator ends. */
export class NetlinkSocket implements Disposable {
  readonly #libraries: Libraries;
  readonly #socket: Handle;
  readonly #writer = new AttributeWriter();
  readonly #received = new Uint8Array(DATAGRAM_BYTES_MAX);
  readonly #sender = new Uint8Array(12);
  readonly #slot = new BigUint64Array(1);
  readonly #slotBytes = new Uint8Array(this.#slot.buffer);
  #sequence = 1;
  /** Where the message appended last begins. */
  #last = 0;
  /** The kernel called the present dump inconsistent. */
  #interrupted = false;
  #closed = false;

  /** Opens and connects a socket of a protocol of {@link netlinkProtocols}. */
  constructor(libraries: Libraries, protocol: number) {
    this.#libraries = libraries;
    const { nl } = libraries;
    const socket = nl.nl_socket_alloc();
    if (socket === null) {
      throw new KernelRequestError({ operation: "allocate netlink socket", code: "ENOMEM" });
    }
    this.#socket = socket;
    if (nl.nl_connect(socket, protocol) < 0) {
      const code = this.#errno();
      nl.nl_socket_free(socket);
      throw new KernelRequestError({ operation: `open netlink socket ${protocol}`, code });
    }
    this.#configure();
  }

  /**
   * Sends a message for each item, whose payload `write` appends, in as few sends as the limits allow, and
   * returns one outcome for each.
   */
  request<Item>(
    items: readonly Item[],
    kind: MessageKind,
    write: (item: Item, writer: AttributeWriter) => void,
  ): Acknowledgement[] {
    const outcomes: Acknowledgement[] = [];
    const asked = { type: kind.type, flags: kind.flags | messageFlags.request };
    while (outcomes.length < items.length) {
      const first = this.#sequence;
      this.#writer.clear();
      for (let index = outcomes.length; index < items.length && this.#hasRoom(first); index++) {
        const start = this.#begin(asked);
        write(items[index]!, this.#writer);
        endMessage(this.#writer, start);
      }
      for (const outcome of this.#exchange(first).outcomes) outcomes.push(outcome);
    }
    return outcomes;
  }

  /** Sends one message and returns what the kernel answered; throws {@link KernelRequestError} if it refused. */
  query(message: OutgoingMessage, operation: string): IncomingMessage[] {
    const first = this.#writeOne(message, messageFlags.request);
    const { outcomes, answers } = this.#exchange(first);
    throwIfRefused(outcomes[0]!, operation);
    return answers;
  }

  /**
   * A whole dump at once, for small tables; messages `decode` does not understand are left out. Asks again
   * when the table changed meanwhile, a bounded number of times.
   */
  dumpAll<Row>(message: OutgoingMessage, { operation, decode }: DumpOptions<Row>): Row[] {
    let rows: Row[] = [];
    for (let attempt = 0; attempt < DUMP_ATTEMPTS_MAX; attempt++) {
      this.#interrupted = false;
      rows = [...this.dump(message, { operation, decode })].flat();
      if (!this.#interrupted) break;
    }
    return rows;
  }

  /** A dump, datagram by datagram. Until the iterator ends or is given up, the socket can do nothing else. */
  *dump<Row>(
    message: OutgoingMessage,
    { operation, decode }: DumpOptions<Row>,
  ): Generator<Row[]> {
    const sequence = this.#writeOne(message, messageFlags.request | messageFlags.dump);
    this.#send();
    let ended = false;
    try {
      for (let count = 0; !ended && count < DUMP_DATAGRAMS_MAX; count++) {
        const rows: Row[] = [];
        for (const part of this.#receive(operation)) {
          if (part.sequence !== sequence) continue;
          if ((part.flags & messageFlags.dumpInterrupted) !== 0) this.#interrupted = true;
          ended = endsDump(part);
          if (ended) throwIfRefused(dumpOutcome(part), operation);
          const row = ended ? undefined : decode(part.payload);
          if (row !== undefined) rows.push(row);
        }
        if (rows.length > 0) yield rows;
      }
    } catch (error) {
      ended = true;
      throw error;
    } finally {
      if (!ended) this.#drain(sequence, operation);
    }
  }

  /** Closes the socket. Closing twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libraries.nl.nl_socket_free(this.#socket);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #configure(): void {
    const { nl } = this.#libraries;
    nl.nl_socket_set_buffer_size(this.#socket, RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES);
    // With a size of our own and no peeking, libnl receives with one system call instead of two.
    nl.nl_socket_set_msg_buf_size(this.#socket, DATAGRAM_BYTES_MAX);
    nl.nl_socket_disable_msg_peek(this.#socket);
    this.#setOption({ level: SOL_SOCKET, name: SO_RCVTIMEO }, timeval(ANSWER_WAIT_MS));
    // Words with errors (linux 4.12), and errors without a copy of the request. Older kernels go without.
    const on = new Uint8Array([1, 0, 0, 0]);
    this.#setOption({ level: SOL_NETLINK, name: NETLINK_EXT_ACK }, on);
    this.#setOption({ level: SOL_NETLINK, name: NETLINK_CAP_ACK }, on);
  }

  #setOption(option: { readonly level: number; readonly name: number }, value: Uint8Array): void {
    const { libc, nl } = this.#libraries;
    const descriptor = nl.nl_socket_get_fd(this.#socket);
    libc.setsockopt(descriptor, option.level, option.name, value, value.length);
  }

  /** Whether the batch whose first message has this number takes one more. */
  #hasRoom(first: number): boolean {
    return ((this.#sequence - first) >>> 0) < BATCH_MESSAGES_MAX &&
      this.#writer.length < BATCH_BYTES_MAX;
  }

  #begin(kind: MessageKind): number {
    this.#last = beginMessage(this.#writer, kind, this.#sequence);
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#last;
  }

  /** Makes a batch of one message, with flags added to its own, and returns its sequence number. */
  #writeOne(message: OutgoingMessage, flags: number): number {
    const sequence = this.#sequence;
    this.#writer.clear();
    const start = this.#begin({ type: message.type, flags: message.flags | flags });
    message.write(this.#writer);
    endMessage(this.#writer, start);
    return sequence;
  }

  /** Sends what was appended, the last message with NLM_F_ACK, and collects outcomes until that is answered. */
  #exchange(first: number) {
    const kind = readU32(this.#writer.buffer, this.#last + 4);
    this.#writer.overwrite(this.#last + 4, kind | (messageFlags.acknowledge << 16));
    this.#send();
    const count = (this.#sequence - first) >>> 0;
    const outcomes: (Acknowledgement | undefined)[] = Array.from({ length: count });
    const answers: IncomingMessage[] = [];
    let lost = false;
    for (let look = 0; outcomes[count - 1] === undefined && look < ANSWERS_MAX; look++) {
      const received = this.#receiveOrLost();
      lost ||= received === "lost";
      for (const message of received === "lost" ? [] : received) {
        const index = (message.sequence - first) >>> 0;
        // An answer to an earlier request that was given up.
        if (index >= count) continue;
        if (message.type === messageTypes.error) outcomes[index] = decodeAcknowledgement(message);
        else answers.push({ ...message, payload: message.payload.slice() });
      }
    }
    const silent = lost ? UNKNOWN : SUCCESS;
    return { outcomes: outcomes.map((outcome) => outcome ?? silent), answers };
  }

  /** When the kernel had no room for an answer it says so (ENOBUFS), once, and those that follow arrive. */
  #receiveOrLost(): IncomingMessage[] | "lost" {
    try {
      return this.#receive("exchange netlink messages");
    } catch (error) {
      if (error instanceof KernelRequestError && error.code === "ENOBUFS") return "lost";
      throw error;
    }
  }

  #send(): void {
    const { nl } = this.#libraries;
    if (nl.nl_sendto(this.#socket, this.#writer.buffer, this.#writer.length) >= 0) return;
    throw new KernelRequestError({ operation: "send to netlink", code: this.#errno() });
  }

  /** The messages of the next datagram from the kernel, whose bytes last until the one after; throws when there is none in time. */
  #receive(operation: string): IncomingMessage[] {
    const { nl, libc } = this.#libraries;
    const length = nl.nl_recv(this.#socket, this.#sender, this.#slotBytes, null);
    if (length < 0) {
      const code = this.#errno();
      throw new KernelRequestError({ operation, code: code === "EAGAIN" ? "ETIMEDOUT" : code });
    }
    if (length === 0) throw new KernelRequestError({ operation, code: "ETIMEDOUT" });
    moveAllocated(libc, this.#slot, { target: this.#received, length });
    // Only port 0 is the kernel; another process may write to our port.
    if (readU32(this.#sender, 4) !== 0) return [];
    const messages = decodeMessages(this.#received, length);
    if (messages === undefined) throw new KernelRequestError({ operation, code: "EBADMSG" });
    return messages;
  }

  /** Reads a dump to its end, because the kernel runs one dump per socket and refuses the next (EBUSY). */
  #drain(sequence: number, operation: string): void {
    for (let count = 0; count < DUMP_DATAGRAMS_MAX; count++) {
      if (this.#receive(operation).some((part) => part.sequence === sequence && endsDump(part))) {
        return;
      }
    }
  }

  #errno(): string {
    return errnoName(readErrno(this.#libraries.libc));
  }
}

/** struct timeval on 64-bit machines. */
function timeval(ms: number): Uint8Array {
  const seconds = Math.floor(ms / 1_000);
  const fields = BigInt64Array.of(BigInt(seconds), BigInt((ms - seconds * 1_000) * 1_000));
  return new Uint8Array(fields.buffer);
}

function endsDump(message: IncomingMessage): boolean {
  return message.type === messageTypes.done || message.type === messageTypes.error;
}

/** NLMSG_DONE carries the errno of the dump, negated, like an error; older kernels leave it out. */
function dumpOutcome(message: IncomingMessage): Acknowledgement {
  if (message.type === messageTypes.error) return decodeAcknowledgement(message);
  return { errno: message.payload.length >= 4 ? -readI32(message.payload) || 0 : 0, text: "" };
}

/** Throws the error of a refused request; returns when it succeeded. */
export function throwIfRefused(outcome: Acknowledgement, operation: string): void {
  if (outcome.errno === 0) return;
  const code = errnoName(outcome.errno);
  throw new KernelRequestError(
    outcome.text === "" ? { operation, code } : { operation, code, detail: outcome.text },
  );
}
