/**
 * TCP connections through one interface whatever the routes say: SO_BINDTODEVICE (socket(7)), which node:net
 * has no option for. The connection is begun here, without waiting; the descriptor is then node:net's.
 *
 * Since Linux 5.7 a socket that is bound to no interface yet needs no privilege for it.
 */
import { familyNumber, versionOfAddress } from "./address_family.ts";
import { type Libc, openLibc, readErrno } from "./bun_ffi.ts";
import { errnoName, KernelRequestError } from "./error.ts";
import { socketAddress } from "./socket_address.ts";

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x8_0000;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
/** Second and later answers of connect(2) to a socket that does not block. */
const UNDER_WAY = new Set(["EINPROGRESS", "EALREADY", "EINTR"]);

/** Where to connect, and how. Addresses are bytes in network order, of one family. */
export interface DeviceRoute {
  readonly device: string;
  readonly address: Uint8Array;
  readonly port: number;
  /** Own address; null: the kernel's choice. */
  readonly source: Uint8Array | null;
}

/** A connection that was begun. */
export interface DeviceConnection {
  /** Open until {@link DeviceConnection.close}, or until somebody else who took it closes it. */
  readonly descriptor: number;
  /** Whether it is established by now. Throws {@link KernelRequestError} when it failed. */
  established(): boolean;
  close(): void;
}

/** Begins connections. */
export interface DeviceConnector {
  /** Throws {@link KernelRequestError}: ENODEV for no such interface, EADDRNOTAVAIL for a foreign source. */
  connect(route: DeviceRoute): DeviceConnection;
}

/** Opens the C library. */
export function openDeviceConnector(): DeviceConnector {
  const libc = openLibc();
  return { connect: (route) => begin(libc, route) };
}

function begin(libc: Libc, route: DeviceRoute): DeviceConnection {
  const family = familyNumber(versionOfAddress(route.address));
  const descriptor = libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw failure(libc, "open socket");
  const address = socketAddress(route.address, route.port);
  const established = (): boolean => {
    if (libc.connect(descriptor, address, address.length) === 0) return true;
    const error = failure(libc, "connect");
    if (error.code === "EISCONN") return true;
    if (UNDER_WAY.has(error.code)) return false;
    throw error;
  };
  try {
    bindSocket(libc, descriptor, route);
    established();
  } catch (error) {
    libc.close(descriptor);
    throw error;
  }
  return { descriptor, established, close: () => void libc.close(descriptor) };
}

function bindSocket(libc: Libc, descriptor: number, { device, source }: DeviceRoute): void {
  const name = new TextEncoder().encode(device);
  if (libc.setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) < 0) {
    throw failure(libc, `bind socket to ${device}`);
  }
  if (source === null) return;
  const address = socketAddress(source, 0);
  if (libc.bind(descriptor, address, address.length) < 0) throw failure(libc, "bind socket");
}

function failure(libc: Libc, operation: string): KernelRequestError {
  return new KernelRequestError({ operation, code: errnoName(readErrno(libc)) });
}
