/**
 * Open sockets of this network namespace by sock_diag.
 */
import {
  decodeDiagSocket,
  type DiagRequest,
  type DiagSocket,
  SOCK_DIAG_BY_FAMILY,
  writeDiagRequest,
} from "./inet_diag_codec.ts";
import type { Libraries } from "./libraries.ts";
import { netlinkProtocols, NetlinkSocket } from "./netlink_socket.ts";

/** Lists open sockets. */
export interface InetDiag {
  /** Synchronous and short; throws {@link KernelRequestError}. Sockets opened meanwhile may be missing. */
  sockets(request: DiagRequest): DiagSocket[];
  close(): void;
}

/** Opens a socket for questions about the namespace this process is in. Needs no privilege. */
export function openInetDiag(libraries: Libraries): InetDiag {
  const socket = new NetlinkSocket(libraries, netlinkProtocols.sockDiag);
  return {
    sockets: (request) =>
      socket.dumpAll(
        {
          type: SOCK_DIAG_BY_FAMILY,
          flags: 0,
          write: (writer) => writeDiagRequest(writer, request),
        },
        { operation: "list sockets", decode: decodeDiagSocket },
      ),
    close: () => socket.close(),
  };
}
