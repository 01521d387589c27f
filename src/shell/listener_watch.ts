/**
 * The {@link ListenerWatch} port over sock_diag: one question per protocol and family, since the kernel
 * answers for one family at a time.
 */
import { type InetDiag, socketStates, transportProtocols } from "../../ffi/mod.ts";
import { ipFromBytes } from "../core/address.ts";
import type { Listener, ListenerWatch } from "../ports.ts";

/** A UDP socket that is not connected takes datagrams from everybody: that is what a UDP server has. */
const questions = [
  { protocol: "tcp", states: socketStates.tcpListen, version: 4 },
  { protocol: "tcp", states: socketStates.tcpListen, version: 6 },
  { protocol: "udp", states: socketStates.udpUnconnected, version: 4 },
  { protocol: "udp", states: socketStates.udpUnconnected, version: 6 },
] as const;

/** Listening sockets of the namespace `diag` was opened in. A kernel without IPv6 has none of those. */
export function createListenerWatch(diag: InetDiag): ListenerWatch {
  return {
    list() {
      const listeners: Listener[] = [];
      for (const { protocol, states, version } of questions) {
        const request = { protocol: transportProtocols[protocol], states, version };
        for (const socket of diag.sockets(request)) {
          // A UDP socket without a port has not been bound yet.
          if (socket.port === 0) continue;
          const { port, v6only } = socket;
          listeners.push({ protocol, address: ipFromBytes(socket.address), port, v6only });
        }
      }
      return listeners;
    },
  };
}
