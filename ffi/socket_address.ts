/**
 * struct sockaddr_in and sockaddr_in6 (netinet/in.h): family in machine order, port in network order.
 */
import { addressBytes, familyNumber, versionOfAddress, versionOfFamily } from "./address_family.ts";

/** Bytes of the longer of both structures. */
export const SOCKET_ADDRESS_BYTES_MAX = 28;
/** Where the address stands: sockaddr_in6 has the flow label in between. */
const OFFSET = { 4: 4, 6: 8 } as const;

/** The structure of an address of 4 or 16 bytes. */
export function socketAddress(address: Uint8Array, port: number): Uint8Array {
  const version = versionOfAddress(address);
  const view = new DataView(new ArrayBuffer(version === 4 ? 16 : SOCKET_ADDRESS_BYTES_MAX));
  view.setUint16(0, familyNumber(version), true);
  view.setUint16(2, port, false);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(address, OFFSET[version]);
  return bytes;
}

/** The address in a structure; undefined when it has neither IPv4 nor IPv6. */
export function addressOfSocket(bytes: Uint8Array): Uint8Array | undefined {
  const version = versionOfFamily(bytes[0]! | (bytes[1]! << 8));
  if (version === undefined) return undefined;
  return bytes.slice(OFFSET[version], OFFSET[version] + addressBytes(version));
}
