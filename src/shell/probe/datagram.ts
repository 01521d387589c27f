/**
 * One question and its answers over UDP, for the probes of protocols that use it.
 *
 * The socket is connected: the kernel hands over only what comes from the address and port asked, and
 * reports an ICMP "port unreachable" (RFC 1122, 4.1.3.3) as ECONNREFUSED, under Bun as an "error" event.
 */
import { createSocket } from "node:dgram";
import type { Check } from "../../core/check.ts";
import { ipFamily } from "../../core/address.ts";
import type { ProbeTarget } from "../../ports.ts";
import { type Attempt, failConnection, quote } from "./attempt.ts";

/** What a probe asks, and what it makes of each datagram that comes back. */
export interface Question {
  readonly payload: Uint8Array;
  /** Called with every datagram until the attempt has ended; what it throws fails the attempt. */
  readonly receive: (reply: Buffer) => void;
}

/** Asks the target of an attempt. Returns what closes the socket. */
export function ask(
  attempt: Attempt,
  { address, port, check }: ProbeTarget<Check>,
  { payload, receive }: Question,
): () => void {
  attempt.phase = "while waiting for an answer";
  const socket = createSocket(ipFamily(address) === 6 ? "udp6" : "udp4");
  let open = true;
  socket.on("error", (error) => failDatagram(attempt, error));
  socket.on("message", (reply) => {
    if (!open) return;
    try {
      receive(reply);
    } catch (error) {
      attempt.fail(`not a valid answer: ${quote((error as Error).message)}`);
    }
  });
  // The callback of connect() gets its error under Bun, which the types do not know.
  const connected = (error?: Error): void => {
    if (!open) return;
    // Bun 1.4 hides the cause; connect(2) of a UDP socket sends nothing and fails for want of a route only.
    if (error) return attempt.fail("no route to host");
    socket.send(payload, (problem) => {
      if (problem) failDatagram(attempt, problem);
    });
  };
  if (check.source === null) socket.connect(port, address, connected);
  else {
    socket.bind({ address: check.source, port: 0 }, () => {
      if (open) socket.connect(port, address, connected);
    });
  }
  return () => {
    open = false;
    socket.close();
  };
}

function failDatagram(attempt: Attempt, error: NodeJS.ErrnoException): void {
  // Bun reports a lack of descriptors of UDP sockets under its own name, so this is what it says.
  if (error.code === "ECONNREFUSED") return attempt.fail("port unreachable: nobody listens on it");
  if (error.code === "EMSGSIZE") return attempt.fail("the question is longer than a datagram");
  failConnection(attempt, error);
}
