/**
 * The protocol an `ip6tnl` device takes from inside of packets. The fallback device ip6tnl0 takes IPv6 only
 * until it is told otherwise, and rtnetlink refuses to change a fallback device (EINVAL, linux 6.1): an ioctl of
 * linux/if_tunnel.h can, as `ip -6 tunnel change ip6tnl0 mode any` does. The kernel changes nothing but the protocol then.
 */
import { addressOf, readErrno } from "./bun_ffi.ts";
import { errnoName, KernelRequestError } from "./error.ts";
import type { Libraries } from "./libraries.ts";

const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x8_0000;
/** SIOCDEVPRIVATE and the three numbers after it, of which two are in use here. */
const SIOCGETTUNNEL = 0x89f0;
const SIOCCHGTUNNEL = 0x89f3;
/** struct ifreq: a name, then a union; here the union is the address of the parameters. */
const REQUEST_BYTES = 40;
const REQUEST_POINTER_OFFSET = 16;
/** struct ip6_tnl_parm2 (linux/ip6_tunnel.h); kernels read this much or, before the keys of GRE, 64 bytes. */
const PARAMETER_BYTES = 76;
/** The device's own name begins the parameters; then comes an index (int), then the protocol. */
const PROTOCOL_OFFSET = 20;

/** Changes the protocol: IPPROTO_IPV6 (41), IPPROTO_IPIP (4), or 0 for any. Throws {@link KernelRequestError}. */
export function setIp6TunnelProtocol(
  libraries: Libraries,
  { name, protocol }: { readonly name: string; readonly protocol: number },
): void {
  const { libc } = libraries;
  const operation = `set protocol ${protocol} for tunnel device ${name}`;
  const failure = () =>
    new KernelRequestError({ operation, code: errnoName(readErrno(libraries.libc)) });
  const parameters = new Uint8Array(PARAMETER_BYTES);
  const request = encodeRequest(name, parameters);
  const descriptor = libc.socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw failure();
  try {
    // What is there is read first: of a device that is no fallback, the kernel takes all parameters.
    if (libc.ioctl(descriptor, SIOCGETTUNNEL, request) < 0) throw failure();
    parameters[PROTOCOL_OFFSET] = protocol;
    if (libc.ioctl(descriptor, SIOCCHGTUNNEL, request) < 0) throw failure();
  } finally {
    libc.close(descriptor);
  }
}

/** struct ifreq for a device, with parameters that must live as long as the request is used. */
function encodeRequest(name: string, parameters: Uint8Array): Uint8Array {
  const request = new Uint8Array(REQUEST_BYTES);
  new TextEncoder().encodeInto(name, request.subarray(0, REQUEST_POINTER_OFFSET - 1));
  new TextEncoder().encodeInto(name, parameters.subarray(0, REQUEST_POINTER_OFFSET - 1));
  new DataView(request.buffer).setBigUint64(REQUEST_POINTER_OFFSET, addressOf(parameters), true);
  return request;
}
