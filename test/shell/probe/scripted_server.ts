/**
 * Servers that misbehave on purpose: raw sockets that follow a script, so that a test decides every byte
 * and every silence a probe meets.
 */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { type CheckKind, type CheckOf, checkSchema } from "../../../src/core/check.ts";
import type { ProbeTarget } from "../../../src/ports.ts";

/** What the server does with one connection. */
export type Script = (socket: Socket) => void;

/** A server that runs until it is disposed. */
export interface ScriptedServer extends Disposable {
  readonly port: number;
  /** What clients sent, one text per connection. */
  readonly received: string[];
  /** Connections open now. */
  readonly open: Set<Socket>;
}

/** Listens on a free port of `host` and lets the script answer every connection. */
export async function serve(
  script: Script,
  { tls, host = "127.0.0.1", halfOpen = false }: {
    tls?: TlsOptions;
    host?: string;
    /** The server does not close when the client has. */
    halfOpen?: boolean;
  } = {},
): Promise<ScriptedServer> {
  const open = new Set<Socket>();
  const received: string[] = [];
  const accept = (socket: Socket): void => {
    const index = received.push("") - 1;
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    socket.on("data", (chunk) => received[index] += chunk.toString());
    script(socket);
  };
  const server: Server = tls === undefined
    ? createServer({ allowHalfOpen: halfOpen }, accept)
    : createTlsServer(tls, accept);
  server.on("error", () => {});
  server.on("tlsClientError", () => {});
  server.listen(0, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    received,
    open,
    [Symbol.dispose]: () => {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}

/** Sends the text once a whole request has come, then closes. */
export function answer(text: string): Script {
  return (socket) => socket.once("data", () => socket.end(text));
}

/** Sends the text once a whole request has come, then says nothing more. */
export function answerAndStall(text: string): Script {
  return (socket) => socket.once("data", () => socket.write(text));
}

/** Sends the head, then the block again and again until the client goes. */
export function answerForEver(head: string, block: string): Script {
  return (socket) => {
    const pour = (): void => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on("drain", pour);
    socket.once("data", () => {
      socket.write(head);
      pour();
    });
  };
}

/** A port nobody listens on. */
export async function closedPort(): Promise<number> {
  using server = await serve(() => {});
  return server.port;
}

/** Files and sockets this process has open. */
export function countDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** A target on this machine; options of its check may be given. */
export function targetAt<Kind extends CheckKind>(
  port: number,
  check: { readonly kind: Kind } & { [Option in keyof CheckOf<Kind>]?: CheckOf<Kind>[Option] },
): ProbeTarget<CheckOf<Kind>> {
  return {
    key: `127.0.0.1:${port}`,
    address: "127.0.0.1",
    port,
    check: checkSchema.parse({ timeoutMs: 300, ...check }) as CheckOf<Kind>,
  };
}
