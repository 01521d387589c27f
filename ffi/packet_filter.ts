/**
 * A classic BPF program that the kernel runs on every frame of a packet socket (linux/filter.h), so that
 * frames nobody wants cost no system call and no space in the buffer.
 */
import { addressOf } from "./bun_ffi.ts";
import { neighbourTypes, NEXT_HEADER_ICMPV6 } from "./neighbour_discovery_frame.ts";

/** struct sock_filter: code, jump when true, jump when false, constant. */
export type Instruction = readonly [
  code: number,
  jumpTrue: number,
  jumpFalse: number,
  constant: number,
];

/** BPF_LD | BPF_B | BPF_ABS: load the byte at an offset. */
const LOAD_BYTE = 0x30;
/** BPF_JMP | BPF_JEQ | BPF_K: compare with a constant. */
const JUMP_EQUAL = 0x15;
/** BPF_RET | BPF_K: keep so many bytes of the frame. */
const RETURN = 0x06;
/** Bytes of struct sock_filter. */
const INSTRUCTION_BYTES = 8;
/** More than any frame: keep all of it. */
const WHOLE_FRAME = 0x4_0000;
/** Where an Ethernet frame with IPv6 has the next header, and the type of ICMPv6 if no extension header precedes it. */
const NEXT_HEADER_OFFSET = 14 + 6;
const ICMP_TYPE_OFFSET = 14 + 40;

/** Keeps neighbour advertisements, drops all other IPv6. A jump counts the instructions it skips. */
export const advertisementFilter: readonly Instruction[] = [
  [LOAD_BYTE, 0, 0, NEXT_HEADER_OFFSET],
  [JUMP_EQUAL, 0, 3, NEXT_HEADER_ICMPV6],
  [LOAD_BYTE, 0, 0, ICMP_TYPE_OFFSET],
  [JUMP_EQUAL, 0, 1, neighbourTypes.advertisement],
  [RETURN, 0, 0, WHOLE_FRAME],
  [RETURN, 0, 0, 0],
];

/** The instructions as the kernel reads them. */
export function encodeFilter(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
  for (const [index, [code, jumpTrue, jumpFalse, constant]] of program.entries()) {
    const offset = index * INSTRUCTION_BYTES;
    view.setUint16(offset, code, true);
    view.setUint8(offset + 2, jumpTrue);
    view.setUint8(offset + 3, jumpFalse);
    view.setUint32(offset + 4, constant, true);
  }
  return new Uint8Array(view.buffer);
}

/** struct sock_fprog, which points to `instructions`: keep those until the kernel has read them. */
export function filterHandle(instructions: Uint8Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint16(0, instructions.length / INSTRUCTION_BYTES, true);
  view.setBigUint64(8, addressOf(instructions), true);
  return new Uint8Array(view.buffer);
}
