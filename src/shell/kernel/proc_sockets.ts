/**
 * Listening sockets from /proc/net (proc(5)): slower than sock_diag, since every connection is a line of
 * text, but there in every kernel.
 */
import { ipFromBytes } from "../../core/address.ts";
import type { Listener } from "../../ports.ts";

/** A file of /proc/net with sockets. */
export type SocketFile = "tcp" | "tcp6" | "udp" | "udp6";

/** Value of the column `st` for TCP_LISTEN and, for UDP sockets that are not connected, TCP_CLOSE (net/tcp_states.h). */
const stateOf = { tcp: "0A", udp: "07" } as const;

/**
 * The listening sockets in the text of a file. Whether an IPv6 socket takes IPv4 too is not written there:
 * it counts as one that does, as most do.
 */
export function parseSocketFile(text: string, file: SocketFile): Listener[] {
  const protocol = file.startsWith("tcp") ? "tcp" : "udp";
  const listeners: Listener[] = [];
  for (const line of text.split("\n")) {
    const match = /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /.exec(line);
    if (match === null || match[3] !== stateOf[protocol]) continue;
    const port = Number.parseInt(match[2]!, 16);
    const address = ipFromBytes(networkOrder(match[1]!));
    listeners.push({ protocol, address, port, v6only: false });
  }
  return listeners;
}

/** The kernel prints an address as 32-bit numbers of the machine's order, so on our machines every four bytes are turned round. */
function networkOrder(text: string): Uint8Array {
  const words = text.match(/.{8}/g) ?? [];
  return Uint8Array.from(words.flatMap((word) => [...Buffer.from(word, "hex")].reverse()));
}
