/**
 * A TCP proxy that can go silent: what lies between two nodes when a cable is pulled.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Endpoint } from "../../../src/core/address.ts";

/** A running proxy. */
export interface TcpProxy {
  readonly endpoint: Endpoint;
  /** From now on nothing passes and nothing is closed, on connections old and new. */
  silence(): void;
  close(): void;
}

/** Starts a proxy in front of an endpoint. */
export function startProxy(target: Endpoint): Promise<TcpProxy> {
  const { promise, resolve, reject } = Promise.withResolvers<TcpProxy>();
  const sockets: Socket[] = [];
  let silent = false;
  const server: Server = createServer((near) => {
    const far = connect({ host: target.address, port: target.port });
    for (const [from, to] of [[near, far], [far, near]] as const) {
      sockets.push(from);
      from.on("data", (bytes) => void (silent || to.write(bytes)));
      from.on("end", () => void (silent || to.end()));
      from.on("error", () => {});
      from.on("close", () => void (silent || to.destroy()));
    }
  });
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address !== "object" || address === null) return reject(new Error("no port"));
    resolve({
      endpoint: { address: "127.0.0.1", port: address.port },
      silence: () => void (silent = true),
      close() {
        server.close();
        for (const socket of sockets) socket.destroy();
      },
    });
  });
  return promise;
}
