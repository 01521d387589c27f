/**
 * A stand-in for the C libraries below a netlink socket: it records what is sent, and answers what a test
 * has laid ready, in order. Answers are datagrams, or the errno of a failed receive.
 */
import type { Libraries } from "../../ffi/libraries.ts";
import { addressOf } from "../../ffi/bun_ffi.ts";
import { decodeMessages, type IncomingMessage } from "../../ffi/netlink_message.ts";

/** A datagram from the kernel, one from another process, or a failed receive. */
export type Answer =
  | { readonly datagram: Uint8Array; readonly fromPort?: number }
  | { readonly errno: number };

/** See the head of this file. */
export interface Script {
  readonly libraries: Libraries;
  /** The messages of each send. */
  readonly sent: IncomingMessage[][];
  /** Answers to the sends, laid ready by the test as each is made. */
  answerWith: (sent: readonly IncomingMessage[]) => Answer[];
}

/** Makes a script without answers: every receive times out. */
export function createScript(): Script {
  const errno = new Int32Array(1);
  const errnoBytes = new Uint8Array(errno.buffer);
  const sent: IncomingMessage[][] = [];
  const waiting: Answer[] = [];
  let memory: Uint8Array = new Uint8Array(0);
  const fail = (number: number) => {
    errno[0] = number;
    return -1;
  };
  const nl = {
    nl_socket_alloc: () => 1,
    nl_socket_free: () => undefined,
    nl_connect: () => 0,
    nl_socket_get_fd: () => 3,
    nl_socket_set_buffer_size: () => 0,
    nl_socket_set_msg_buf_size: () => 0,
    nl_socket_disable_msg_peek: () => undefined,
    nl_sendto: (_socket: number, bytes: Uint8Array, length: number) => {
      const messages = decodeMessages(bytes.slice(0, length)) ?? [];
      sent.push(messages);
      waiting.push(...script.answerWith(messages));
      return length;
    },
    nl_recv: (_socket: number, sender: Uint8Array) => {
      const answer = waiting.shift();
      if (answer === undefined) return fail(11);
      if ("errno" in answer) return fail(answer.errno);
      new DataView(sender.buffer).setUint32(4, answer.fromPort ?? 0, true);
      memory = answer.datagram;
      return memory.length;
    },
  };
  const libc = {
    __errno_location: () => addressOf(errnoBytes),
    memcpy: (target: Uint8Array, _source: number, length: number) =>
      target.set(memory.subarray(0, length)),
    free: () => undefined,
    setsockopt: () => 0,
  };
  const script: Script = {
    libraries: { libc, nl, origin: "system" } as unknown as Libraries,
    sent,
    answerWith: () => [],
  };
  return script;
}
