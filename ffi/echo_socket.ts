/**
 * Raw sockets that send echo requests and receive what comes back (raw(7), ipv6(7)). Needs CAP_NET_RAW.
 *
 * Not the "ping sockets" of icmp(7), which need a range of groups that most machines do not set, even for root.
 * The socket never blocks: who opened it looks into it while it expects something. It sees the replies to everybody
 * on this machine; who asked knows its own by identifier, sequence number, data and source.
 */
import { familyNumber, type IpVersion, versionOfAddress } from "./address_family.ts";
import { type Libc, openLibc, readErrno } from "./bun_ffi.ts";
import { errnoName, KernelRequestError } from "./error.ts";
import {
  decodeEchoMessage,
  type Echo,
  ECHO_DATA_BYTES_MAX,
  type EchoMessage,
  encodeEchoRequest,
  icmpTypes,
} from "./icmp_echo.ts";
import { addressOfSocket, SOCKET_ADDRESS_BYTES_MAX, socketAddress } from "./socket_address.ts";

const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x8_0000;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;
/** Level and name of the filter by type, and the protocol (linux/icmp.h, linux/icmpv6.h). */
const FILTER = {
  4: { level: 255, name: 1, protocol: 1, bytes: 4 },
  6: { level: 58, name: 1, protocol: 58, bytes: 32 },
} as const;
/** A thousand replies at once and more, each taking some 800 bytes of kernel memory; the default holds 270. */
const RECEIVE_BUFFER_BYTES = 2_097_152;
/** Longest message that is read: IPv4 header with options, ICMP header, data. An error's rest is cut off. */
const MESSAGE_BYTES_MAX = 60 + 8 + ECHO_DATA_BYTES_MAX;
/** Messages taken in one look, so that a flood cannot hold the event loop. */
const MESSAGES_PER_LOOK_MAX = 256;

/** Which way requests go. */
export interface EchoRoute {
  readonly version: IpVersion;
  /** Own address, 4 or 16 bytes; null: the kernel's choice. */
  readonly source: Uint8Array | null;
  /** Interface; null: the route's. */
  readonly device: string | null;
}

/** Sends and receives echoes of one IP version. */
export interface EchoSocket {
  /** Throws {@link KernelRequestError}: ENETUNREACH and EHOSTUNREACH without a route, EPERM behind a packet filter. */
  send(address: Uint8Array, echo: Echo): void;
  /** What has arrived since the last look and from whom, a bounded number. Throws {@link KernelRequestError}. */
  receive(): { readonly from: Uint8Array; readonly message: EchoMessage }[];
  close(): void;
}

/** The C library, opened by the first socket: pings need no other. */
let openedLibc: Libc | undefined;

/** Opens a socket. Throws {@link KernelRequestError}: EPERM without CAP_NET_RAW, ENODEV for no such interface. */
export function openEchoSocket(route: EchoRoute): EchoSocket {
  const libc = openedLibc ??= openLibc();
  const { version } = route;
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const descriptor = libc.socket(familyNumber(version), type, FILTER[version].protocol);
  if (descriptor < 0) throw failure(libc, "open ICMP socket");
  try {
    prepare(libc, descriptor, route);
  } catch (error) {
    libc.close(descriptor);
    throw error;
  }
  return {
    send(address, echo) {
      const request = encodeEchoRequest(versionOfAddress(address), echo);
      const to = socketAddress(address, 0);
      const sent = libc.sendto(descriptor, request, request.length, MSG_DONTWAIT, to, to.length);
      if (Number(sent) < 0) throw failure(libc, "send echo request");
    },
    receive: () => receive(libc, descriptor, version),
    close: () => void libc.close(descriptor),
  };
}

function prepare(libc: Libc, descriptor: number, { version, source, device }: EchoRoute): void {
  const set = (level: number, name: number, value: Uint8Array): boolean =>
    libc.setsockopt(descriptor, level, name, value, value.length) === 0;
  const { level, name, bytes } = FILTER[version];
  if (!set(level, name, typeFilter(version, bytes))) throw failure(libc, "filter ICMP socket");
  const size = new Uint8Array(Int32Array.of(RECEIVE_BUFFER_BYTES).buffer);
  // Beyond the machine's limit only with CAP_NET_ADMIN; without it as much as the limit allows.
  if (!set(SOL_SOCKET, SO_RCVBUFFORCE, size)) set(SOL_SOCKET, SO_RCVBUF, size);
  if (device !== null && !set(SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(device))) {
    throw failure(libc, `bind ICMP socket to ${device}`);
  }
  if (source === null) return;
  const address = socketAddress(source, 0);
  if (libc.bind(descriptor, address, address.length) < 0) throw failure(libc, "bind ICMP socket");
}

/** One bit for each type; those that are set do not reach the socket. */
function typeFilter(version: IpVersion, bytes: number): Uint8Array {
  const filter = new Uint8Array(bytes).fill(0xff);
  const { reply, unreachable } = icmpTypes[version];
  for (const type of [reply, unreachable]) filter[type >> 3]! &= ~(1 << (type & 7));
  return filter;
}

function receive(
  libc: Libc,
  descriptor: number,
  version: IpVersion,
): { from: Uint8Array; message: EchoMessage }[] {
  const found: { from: Uint8Array; message: EchoMessage }[] = [];
  const buffer = new Uint8Array(MESSAGE_BYTES_MAX);
  const sender = new Uint8Array(SOCKET_ADDRESS_BYTES_MAX);
  const senderBytes = new Uint32Array(1);
  for (let looks = 0; looks < MESSAGES_PER_LOOK_MAX; looks++) {
    senderBytes[0] = sender.length;
    const length = Number(
      libc.recvfrom(descriptor, buffer, buffer.length, MSG_DONTWAIT, sender, senderBytes),
    );
    if (length < 0) {
      const error = failure(libc, "receive ICMP");
      if (error.code === "EAGAIN") break;
      if (error.code !== "EINTR") throw error;
      continue;
    }
    const message = decodeEchoMessage(version, buffer.slice(0, length));
    const from = addressOfSocket(sender);
    if (message !== undefined && from !== undefined) found.push({ from, message });
  }
  return found;
}

function failure(libc: Libc, operation: string): KernelRequestError {
  return new KernelRequestError({ operation, code: errnoName(readErrno(libc)) });
}
