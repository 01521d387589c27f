/**
 * Address families: the numbers the kernel uses, and how many bytes an address has.
 */

/** 4 or 6, as in "IPv4" and "IPv6". */
export type IpVersion = 4 | 6;

/** AF_INET and AF_INET6 on Linux (bits/socket.h). */
export const AF_INET = 2;
/** See {@link AF_INET}. */
export const AF_INET6 = 10;

/** The kernel's number of a family. */
export function familyNumber(version: IpVersion): number {
  return version === 4 ? AF_INET : AF_INET6;
}

/** The family of a kernel's number, or undefined for neither IPv4 nor IPv6. */
export function versionOfFamily(family: number): IpVersion | undefined {
  if (family === AF_INET) return 4;
  return family === AF_INET6 ? 6 : undefined;
}

/** The family of an address by its length: 4 or 16 bytes. */
export function versionOfAddress(address: Uint8Array): IpVersion {
  return address.length === 4 ? 4 : 6;
}

/** Bytes of an address. */
export function addressBytes(version: IpVersion): 4 | 16 {
  return version === 4 ? 4 : 16;
}
