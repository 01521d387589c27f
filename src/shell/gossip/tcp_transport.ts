/**
 * libp2p's TCP transport with its own way of connecting a socket.
 *
 * The library hands its abort signal to `net.connect` and stops listening for errors when that signal
 * fires. In this runtime the socket then reports the abort as an error nobody listens for, which ends the
 * whole program: every dial that times out, to every machine that is switched off, would end the agent.
 */
import { connect, type Socket } from "node:net";
import { AbortError, type AbortOptions, type Transport } from "@libp2p/interface";
import { tcp, type TCPComponents } from "@libp2p/tcp";
import { getNetConfig } from "@libp2p/utils";
import type { Multiaddr } from "@multiformats/multiaddr";
import { handshakeGate, type HandshakeGateOptions } from "./handshake_gate.ts";

/** The method of the library's class (11.0.28) that is replaced. */
interface Connecting {
  _connect(address: Multiaddr, options: AbortOptions): Promise<Socket>;
}

/** The transport, for `createLibp2p`; `inbound` says who may shake hands. */
export function tcpTransport(
  inbound?: HandshakeGateOptions,
): (components: TCPComponents) => Transport {
  const create = tcp();
  return (components) => {
    const transport = create(components) as Transport & Partial<Connecting>;
    if (typeof transport._connect !== "function") {
      throw new TypeError("make a TCP transport: the library connects in another way now");
    }
    transport._connect = connectSocket;
    return inbound === undefined ? transport : handshakeGate(transport, inbound);
  };
}

/** Opens a TCP connection. Rejects with the socket's error, or an AbortError when the signal fires first. */
export function connectSocket(address: Multiaddr, { signal }: AbortOptions): Promise<Socket> {
  const { host, port } = getNetConfig(address);
  if (signal?.aborted || port === undefined) return Promise.reject(new AbortError());
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port, noDelay: true, keepAlive: true });
  const abort = () => reject(new AbortError());
  signal?.addEventListener("abort", abort, { once: true });
  socket.once("connect", () => resolve(socket));
  // Stays for the life of the socket: an error without a listener ends the program.
  socket.on("error", reject);
  return promise
    .catch((error) => {
      socket.destroy();
      throw error;
    })
    .finally(() => signal?.removeEventListener("abort", abort));
}
