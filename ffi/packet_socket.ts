/**
 * Whole Ethernet frames to and from a LAN: AF_PACKET sockets (packet(7)). Needs CAP_NET_RAW.
 *
 * A socket that only sends is opened with protocol 0 and receives nothing. One that receives is bound to
 * one ethertype on one interface, and never blocks: who opened it looks into it when it expects something.
 */
import { readErrno } from "./bun_ffi.ts";
import { ETHERTYPE_ARP } from "./arp_frame.ts";
import { errnoName, KernelRequestError } from "./error.ts";
import { MAC_BYTES } from "./ethernet.ts";
import type { Libraries } from "./libraries.ts";
import { ETHERTYPE_IPV6 } from "./neighbour_discovery_frame.ts";
import { advertisementFilter, encodeFilter, filterHandle } from "./packet_filter.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x8_0000;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const MSG_DONTWAIT = 0x40;
/** struct sockaddr_ll. */
const ADDRESS_BYTES = 20;
/** Largest frame read: ARP and advertisements have less than 100 bytes; the rest of a longer one is cut off. */
const FRAME_BYTES_MAX = 2_048;
/** Frames taken in one look, so that a flood cannot hold the event loop. */
const FRAMES_PER_LOOK_MAX = 64;

/** Sends frames. */
export interface FrameSender {
  /** Sends a frame from the interface of this index; throws {@link KernelRequestError}. */
  send(frame: Uint8Array, index: number): void;
  close(): void;
}

/** Receives frames of one kind from one interface. */
export interface FrameReceiver {
  /** The frames that have arrived since the last look, a bounded number. Throws when the interface is gone (ENETDOWN, ENXIO). */
  receive(): Uint8Array[];
  close(): void;
}

/** Opens a socket that sends frames. */
export function openFrameSender(libraries: Libraries): FrameSender {
  const { libc } = libraries;
  const descriptor = openPacketSocket(libraries, "open packet socket");
  return {
    send(frame, index) {
      const address = linkAddress({ etherType: (frame[12]! << 8) | frame[13]!, index });
      address.set([MAC_BYTES], 11);
      address.set(frame.subarray(0, MAC_BYTES), 12);
      const sent = libc.sendto(
        descriptor,
        frame,
        frame.length,
        MSG_DONTWAIT,
        address,
        ADDRESS_BYTES,
      );
      if (Number(sent) < 0) throw failure(libraries, `send frame to interface ${index}`);
    },
    close: () => void libc.close(descriptor),
  };
}

/** Opens a socket that receives ARP, or neighbour advertisements, from one interface. */
export function openFrameReceiver(
  libraries: Libraries,
  options: { readonly kind: "arp" | "advertisement"; readonly index: number },
): FrameReceiver {
  const { libc } = libraries;
  const operation = `listen to interface ${options.index}`;
  const descriptor = openPacketSocket(libraries, operation);
  const buffer = new Uint8Array(FRAME_BYTES_MAX);
  try {
    // The filter goes in before the bind: no unwanted frame slips into the buffer in between.
    if (options.kind === "advertisement") attachFilter(libraries, { descriptor, operation });
    const etherType = options.kind === "arp" ? ETHERTYPE_ARP : ETHERTYPE_IPV6;
    const address = linkAddress({ etherType, index: options.index });
    if (libc.bind(descriptor, address, ADDRESS_BYTES) < 0) throw failure(libraries, operation);
  } catch (error) {
    libc.close(descriptor);
    throw error;
  }
  return {
    receive() {
      const frames: Uint8Array[] = [];
      while (frames.length < FRAMES_PER_LOOK_MAX) {
        const length = Number(libc.recv(descriptor, buffer, buffer.length, MSG_DONTWAIT));
        if (length >= 0) {
          frames.push(buffer.slice(0, length));
          continue;
        }
        const error = failure(libraries, operation);
        if (error.code === "EAGAIN") break;
        if (error.code !== "EINTR") throw error;
      }
      return frames;
    },
    close: () => void libc.close(descriptor),
  };
}

/** Protocol 0: nothing is received before the socket is bound. */
function openPacketSocket(libraries: Libraries, operation: string): number {
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const descriptor = libraries.libc.socket(AF_PACKET, type, 0);
  if (descriptor < 0) throw failure(libraries, operation);
  return descriptor;
}

function attachFilter(
  libraries: Libraries,
  socket: { readonly descriptor: number; readonly operation: string },
): void {
  const program = encodeFilter(advertisementFilter);
  const handle = filterHandle(program);
  const { libc } = libraries;
  const result = libc.setsockopt(
    socket.descriptor,
    SOL_SOCKET,
    SO_ATTACH_FILTER,
    handle,
    handle.length,
  );
  // Reading the program here keeps its memory alive until the kernel has copied it.
  if (result < 0 || program.length === 0) throw failure(libraries, socket.operation);
}

/** struct sockaddr_ll: family in machine order, ethertype in network order, interface index. */
function linkAddress(place: { readonly etherType: number; readonly index: number }): Uint8Array {
  const view = new DataView(new ArrayBuffer(ADDRESS_BYTES));
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, place.etherType, false);
  view.setInt32(4, place.index, true);
  return new Uint8Array(view.buffer);
}

function failure(libraries: Libraries, operation: string): KernelRequestError {
  const code = errnoName(readErrno(libraries.libc));
  return new KernelRequestError({ operation, code });
}
