/**
 * What the client programs of the lab share: arguments, addresses in URLs, and time.
 */

/** The value of `--name VALUE` on this program's command line. Throws when it is missing. */
export function argument(name: string): string {
  const index = process.argv.indexOf(`--${name}`);
  const value = index < 0 ? undefined : process.argv[index + 1];
  if (value === undefined) throw new Error(`read arguments: --${name} is missing`);
  return value;
}

/** Wall clock in ms since 1970 with fraction: comparable between the processes of one machine. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

/** An address as it stands in a URL or before `:PORT`: IPv6 in brackets (RFC 3986). */
export function inBrackets(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
