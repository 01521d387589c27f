/**
 * UDP through one interface whatever the routes say: SO_BINDTODEVICE (socket(7)), which node:dgram has no option
 * for. The socket is the runtime's; what is done here is done to its descriptor.
 *
 * Since Linux 5.7 a socket that is bound to no interface yet needs no privilege for it.
 */
import { type Libc, openLibc, readErrno } from "./bun_ffi.ts";
import { errnoName, KernelRequestError } from "./error.ts";
import { socketAddress } from "./socket_address.ts";

const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;

/** The C library, opened by the first who asks through an interface: most never do. */
let openedLibc: Libc | undefined;

/**
 * Binds a UDP socket to an interface and connects it, so that it hears its peer only. Throws
 * {@link KernelRequestError}: ENODEV for no such interface, ENETUNREACH without a route.
 */
export function connectDatagrams(
  descriptor: number,
  { device, address, port }: {
    readonly device: string;
    /** 4 or 16 bytes. */
    readonly address: Uint8Array;
    readonly port: number;
  },
): void {
  const libc = openedLibc ??= openLibc();
  const name = new TextEncoder().encode(device);
  if (libc.setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) < 0) {
    throw failure(libc, `bind socket to ${device}`);
  }
  const peer = socketAddress(address, port);
  if (libc.connect(descriptor, peer, peer.length) < 0) throw failure(libc, "connect");
}

function failure(libc: Libc, operation: string): KernelRequestError {
  return new KernelRequestError({ operation, code: errnoName(readErrno(libc)) });
}
