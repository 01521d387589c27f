/**
 * A classic BPF program in front of a UDP socket (linux/filter.h): datagrams that cannot be pulses for this node cost
 * no system call, and no space in the buffer where they would push out those that are.
 *
 * Whoever sees a pulse on the wire can copy what it looks for; the seal is what proves it.
 */
import { addressOf, readErrno } from "./bun_ffi.ts";
import { KernelRequestError } from "./error.ts";
import type { Libraries } from "./libraries.ts";
import { encodeFilter, filterHandle, type Instruction } from "./packet_filter.ts";

/** BPF_LD | BPF_W | BPF_ABS: load four bytes, in network order, at an offset. */
const LOAD_WORD = 0x20;
/** BPF_LD | BPF_W | BPF_LEN: load the length. */
const LOAD_LENGTH = 0x80;
/** BPF_JMP | BPF_JEQ | BPF_K, BPF_JMP | BPF_JGE | BPF_K: compare with a constant. */
const JUMP_EQUAL = 0x15;
const JUMP_NOT_LESS = 0x35;
/** BPF_RET | BPF_K: keep so many bytes. */
const RETURN = 0x06;
const WHOLE_DATAGRAM = 0x4_0000;
/** On a UDP socket the program sees the datagram from its header on (net/ipv4/udp.c, udp_queue_rcv_one_skb). */
const UDP_HEADER_BYTES = 8;

/** SOL_SOCKET and SO_ATTACH_FILTER (asm-generic/socket.h). */
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/** What datagrams must look like to be kept. */
export interface DatagramShape {
  /** Shortest and longest, bytes without the UDP header. */
  readonly bytesMin: number;
  readonly bytesMax: number;
  /** Kinds of datagrams: 32-bit words that must be there, by their offset. */
  readonly kinds: readonly ReadonlyMap<number, number>[];
}

/** The program for a shape. */
export function datagramFilter({ bytesMin, bytesMax, kinds }: DatagramShape): Instruction[] {
  const blocks = kinds.map((words): Instruction[] => {
    const length = 2 * words.size + 1;
    const tests = [...words].flatMap(([offset, word], index): Instruction[] => [
      [LOAD_WORD, 0, 0, UDP_HEADER_BYTES + offset],
      // A jump counts the instructions it skips: to the next kind.
      [JUMP_EQUAL, 0, length - 2 * (index + 1), word >>> 0],
    ]);
    return [...tests, [RETURN, 0, 0, WHOLE_DATAGRAM]];
  });
  const body = blocks.flat();
  return [
    [LOAD_LENGTH, 0, 0, 0],
    [JUMP_NOT_LESS, 0, body.length + 1, UDP_HEADER_BYTES + bytesMin],
    [JUMP_NOT_LESS, body.length, 0, UDP_HEADER_BYTES + bytesMax + 1],
    ...body,
    [RETURN, 0, 0, 0],
  ];
}

/** Puts the filter on an open UDP socket. Throws what the kernel says when it will not. */
export function attachFilter(
  libraries: Pick<Libraries, "libc">,
  descriptor: number,
  shape: DatagramShape,
): void {
  const program = encodeFilter(datagramFilter(shape));
  const handle = filterHandle(program);
  const { libc } = libraries;
  const result = libc.setsockopt(
    descriptor,
    SOL_SOCKET,
    SO_ATTACH_FILTER,
    handle,
    handle.length,
  );
  // Taking its address keeps the program's memory alive until the kernel has copied it.
  if (result < 0 || addressOf(program) === 0n) {
    const code = readErrno(libc) || 0;
    throw new KernelRequestError({ operation: "filter datagrams", code: `errno ${code}` });
  }
}
