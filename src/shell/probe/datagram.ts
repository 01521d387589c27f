/**
 * One question and its answers over UDP, for the probes of protocols that use it.
 *
 * The socket is connected: the kernel hands over only what comes from the address and port asked, and
 * reports an ICMP "port unreachable" (RFC 1122, 4.1.3.3) as ECONNREFUSED, under Bun as an "error" event.
 */
import { createSocket } from "node:dgram";
import { connectDatagrams, KernelRequestError } from "../../../ffi/mod.ts";
import type { Check } from "../../core/check.ts";
import { ipFamily, ipToBytes } from "../../core/address.ts";
import type { ProbeTarget } from "../../ports.ts";
import { type Attempt, failConnection, quote } from "./attempt.ts";

/** What a probe asks, and what it makes of each datagram that comes back. */
export interface Question {
  readonly payload: Uint8Array;
  /** Called with every datagram until the attempt has ended; what it throws fails the attempt. */
  readonly receive: (reply: Buffer) => void;
}

/** What a socket tells. */
interface Listener {
  message(reply: Buffer): void;
  error(error: NodeJS.ErrnoException): void;
}

/** Asks the target of an attempt from the address and through the interface of its check. Returns what closes the socket. */
export function ask(
  attempt: Attempt,
  target: ProbeTarget<Check>,
  { payload, receive }: Question,
): () => void {
  const { source, device } = target.check;
  attempt.phase = "while waiting for an answer";
  if (source !== null && ipFamily(source) !== ipFamily(target.address)) {
    attempt.fail(`cannot ask ${target.address} from ${source}: one is IPv4, the other IPv6`);
    return () => {};
  }
  let open = true;
  const listener: Listener = {
    message(reply) {
      if (!open) return;
      try {
        receive(reply);
      } catch (error) {
        attempt.fail(`not a valid answer: ${quote((error as Error).message)}`);
      }
    },
    error(error) {
      if (open) failDatagram(attempt, error, target);
    },
  };
  const close = device === null
    ? send(target, payload, listener)
    : sendThrough(device, target, { payload, listener });
  return () => {
    open = false;
    close();
  };
}

function send(
  { address, port, check: { source } }: ProbeTarget<Check>,
  payload: Uint8Array,
  listener: Listener,
): () => void {
  let open = true;
  const socket = createSocket(ipFamily(address) === 6 ? "udp6" : "udp4");
  socket.on("error", listener.error);
  socket.on("message", listener.message);
  // The callback of connect() gets its error under Bun, which the types do not know.
  const connected = (error?: Error): void => {
    if (!open) return;
    // Bun 1.4 hides the cause; connect(2) of a UDP socket sends nothing and fails for want of a route only.
    if (error) return listener.error(Object.assign(error, { code: "ENETUNREACH" }));
    socket.send(payload, (problem) => {
      if (problem) listener.error(problem);
    });
  };
  if (source === null) socket.connect(port, address, connected);
  else {
    socket.bind({ address: source, port: 0 }, () => {
      if (open) socket.connect(port, address, connected);
    });
  }
  return () => {
    open = false;
    socket.close();
  };
}

/** Bun's own socket, because node:dgram does not show its descriptor; and the types do not show Bun's. */
function sendThrough(
  device: string,
  { address, port, check: { source } }: ProbeTarget<Check>,
  { payload, listener }: { readonly payload: Uint8Array; readonly listener: Listener },
): () => void {
  let open = true;
  let close = (): void => {};
  const begin = async (): Promise<void> => {
    const socket = await Bun.udpSocket({
      hostname: source ?? (ipFamily(address) === 6 ? "::" : "0.0.0.0"),
      port: 0,
      binaryType: "buffer",
      socket: {
        data: (_socket, reply) => listener.message(reply),
        // What comes is the error alone, whatever the types say.
        error: (...[error]: unknown[]) => listener.error(error as NodeJS.ErrnoException),
      },
    });
    close = () => socket.close();
    if (!open) return close();
    const { fd } = socket as unknown as { readonly fd: number };
    connectDatagrams(fd, { device, address: ipToBytes(address), port });
    socket.send(payload, port, address);
  };
  begin().catch((error: NodeJS.ErrnoException) => listener.error(error));
  return () => {
    open = false;
    close();
  };
}

function failDatagram(
  attempt: Attempt,
  error: NodeJS.ErrnoException,
  { check: { source, device } }: ProbeTarget<Check>,
): void {
  switch (error.code) {
    // Bun reports a lack of descriptors of UDP sockets under its own name, so this is what it says.
    case "ECONNREFUSED":
      return attempt.fail("port unreachable: nobody listens on it");
    case "EMSGSIZE":
      return attempt.fail("the question is longer than a datagram");
    case "EADDRNOTAVAIL":
      if (source === null) break;
      return attempt.fail(`cannot ask from ${source}: not an address of this node`);
    case "ENODEV":
      return attempt.fail(`cannot ask through ${device}: no such interface on this node`);
  }
  if (error instanceof KernelRequestError && error.code === "EPERM") {
    return attempt.fail(`cannot ask: ${error.message}`);
  }
  failConnection(attempt, error);
}
