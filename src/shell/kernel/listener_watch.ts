/**
 * The {@link ListenerWatch} port over sock_diag: one question per protocol and family, since the kernel
 * answers for one family at a time.
 *
 * A kernel may lack the module for a protocol (udp_diag, say). Each question would then make it start
 * modprobe, so the first ENOENT is remembered and that protocol is read from /proc/net from then on.
 */
import { readFileSync } from "node:fs";
import {
  type InetDiag,
  KernelRequestError,
  socketStates,
  transportProtocols,
} from "../../../ffi/mod.ts";
import { ipFromBytes } from "../../core/address.ts";
import type { Listener, ListenerWatch } from "../../ports.ts";
import { parseSocketFile, type SocketFile } from "./proc_sockets.ts";

/** A UDP socket that is not connected takes datagrams from everybody: that is what a UDP server has. */
const questions = [
  { protocol: "tcp", states: socketStates.tcpListen, version: 4, file: "tcp" },
  { protocol: "tcp", states: socketStates.tcpListen, version: 6, file: "tcp6" },
  { protocol: "udp", states: socketStates.udpUnconnected, version: 4, file: "udp" },
  { protocol: "udp", states: socketStates.udpUnconnected, version: 6, file: "udp6" },
] as const;
type Question = typeof questions[number];

/** Listening sockets of the namespace `diag` was opened in. A kernel without IPv6 has none of those. */
export function createListenerWatch(
  diag: Pick<InetDiag, "sockets">,
  readSocketFile: (file: SocketFile) => string = readProcNet,
): ListenerWatch {
  const unknown = new Set<string>();

  function listOne(question: Question): Listener[] {
    if (!unknown.has(question.file)) {
      try {
        return ask(diag, question);
      } catch (error) {
        if (!(error instanceof KernelRequestError) || error.code !== "ENOENT") throw error;
        unknown.add(question.file);
      }
    }
    return parseSocketFile(readSocketFile(question.file), question.file);
  }

  return {
    // A UDP socket without a port has not been bound yet.
    list: (protocols) =>
      questions.filter((question) => protocols === undefined || protocols.has(question.protocol))
        .flatMap(listOne).filter((listener) => listener.port !== 0),
  };
}

function ask(diag: Pick<InetDiag, "sockets">, question: Question): Listener[] {
  const { protocol, states, version } = question;
  const request = { protocol: transportProtocols[protocol], states, version };
  return diag.sockets(request).map(({ address, port, v6only }) => {
    return { protocol, address: ipFromBytes(address), port, v6only };
  });
}

/** The text of a file; empty when the kernel does not have it (IPv6 switched off). */
function readProcNet(file: SocketFile): string {
  try {
    return readFileSync(`/proc/net/${file}`, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
