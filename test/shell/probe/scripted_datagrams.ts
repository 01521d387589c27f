/**
 * UDP servers that follow a script, for probes of protocols over UDP.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** What the server does with one datagram; `reply` answers it from the server's own port. */
export type DatagramScript = (reply: (bytes: Uint8Array | string) => void, question: Buffer, from: {
  readonly address: string;
  readonly port: number;
}) => void;

/** A server that runs until it is disposed. */
export interface DatagramServer extends AsyncDisposable {
  readonly port: number;
  /** What came, in order. */
  readonly received: Buffer[];
  readonly socket: Socket;
}

/** Listens on a free port of `host`, or on `port`. */
export async function serveDatagrams(
  script: DatagramScript,
  { host = "127.0.0.1", port = 0 }: { host?: string; port?: number } = {},
): Promise<DatagramServer> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  const received: Buffer[] = [];
  socket.on("message", (question, from) => {
    received.push(question);
    script((bytes) => socket.send(bytes, from.port, from.address), question, from);
  });
  socket.bind(port, host);
  await once(socket, "listening");
  return {
    port: socket.address().port,
    received,
    socket,
    async [Symbol.asyncDispose]() {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}

/** A UDP port nobody listens on. */
export async function closedDatagramPort(): Promise<number> {
  await using server = await serveDatagrams(() => {});
  return server.port;
}
