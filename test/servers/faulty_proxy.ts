/**
 * What stands between a probe and a real server and misbehaves on demand: the failures that no server shows when asked,
 * the same for every protocol.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { portClosed } from "./closed_port.ts";
import { freePort } from "../support/free_port.ts";

/** What happens to connections that begin from now on. Bytes are those the server sends, from the first on. */
export type Fault =
  /** Everything passes. */
  | { readonly kind: "none" }
  /** Reset (RST) right after the connection is there. */
  | { readonly kind: "reset" }
  /** The server's bytes come one by one. */
  | { readonly kind: "drip"; readonly everyMs: number }
  /** After so many bytes nothing more comes, and nothing is closed. */
  | { readonly kind: "stall"; readonly bytes: number }
  /** After so many bytes the connection is closed in order. */
  | { readonly kind: "cut"; readonly bytes: number }
  /** Something else answers, at once, and closes. */
  | { readonly kind: "say"; readonly bytes: Buffer }
  /** Something else answers and never ends. */
  | { readonly kind: "flood"; readonly head: Buffer; readonly block: Buffer };

/** A proxy that runs until it is disposed. */
export interface FaultyProxy extends Disposable {
  readonly port: number;
  fault: Fault;
  /** Bytes that were sent to the client of the latest connection. */
  readonly sentBytes: number;
  /** Closes the port; whoever connects is refused. */
  shut(): Promise<void>;
  /** Opens it again, with the same number. */
  reopen(): Promise<void>;
}

/** Starts a proxy in front of a port of 127.0.0.1. */
export async function startFaultyProxy(targetPort: number): Promise<FaultyProxy> {
  const proxy = new Proxy(targetPort, await freePort());
  await proxy.reopen();
  return proxy;
}

class Proxy implements FaultyProxy {
  fault: Fault = { kind: "none" };
  sentBytes = 0;
  readonly port: number;
  readonly #targetPort: number;
  readonly #open = new Set<Socket>();
  #server: Server | undefined;

  constructor(targetPort: number, port: number) {
    this.#targetPort = targetPort;
    this.port = port;
  }

  async reopen(): Promise<void> {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => this.#take(near));
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
    this.#server = server;
  }

  async shut(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#hangUp();
    const closed = once(server, "close");
    server.close();
    await closed;
    await portClosed("tcp", this.port);
  }

  [Symbol.dispose](): void {
    this.#server?.close();
    this.#hangUp();
  }

  #hangUp(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #take(near: Socket): void {
    const { fault } = this;
    this.sentBytes = 0;
    this.#keep(near);
    switch (fault.kind) {
      case "reset":
        return void near.resetAndDestroy();
      case "say":
        near.resume();
        return void near.end(fault.bytes);
      case "flood":
        return this.#pour(near, fault);
      default:
        return this.#relay(near, fault);
    }
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#open.delete(socket));
  }

  #pour(near: Socket, { head, block }: { readonly head: Buffer; readonly block: Buffer }): void {
    const send = (bytes: Buffer): boolean => {
      this.sentBytes += bytes.length;
      return near.write(bytes);
    };
    const pour = (): void => {
      while (!near.destroyed && send(block));
    };
    near.on("drain", pour);
    near.on("end", () => near.destroy());
    near.resume();
    send(head);
    pour();
  }

  #relay(near: Socket, fault: Fault): void {
    const far = connect({ host: "127.0.0.1", port: this.#targetPort, allowHalfOpen: true });
    this.#keep(far);
    let passed = 0;
    const limit = fault.kind === "stall" || fault.kind === "cut" ? fault.bytes : Infinity;
    const waiting: Buffer[] = [];
    const forward = (bytes: Buffer): void => {
      this.sentBytes += bytes.length;
      near.write(bytes);
    };
    const drip = fault.kind === "drip"
      ? setInterval(() => {
        const bytes = waiting.shift();
        if (bytes === undefined) return;
        forward(bytes.subarray(0, 1));
        if (bytes.length > 1) waiting.unshift(bytes.subarray(1));
      }, fault.everyMs)
      : undefined;
    near.on("data", (bytes: Buffer) => far.write(bytes));
    near.on("end", () => far.end());
    far.on("data", (bytes: Buffer) => {
      if (drip !== undefined) return void waiting.push(bytes);
      const piece = bytes.subarray(0, limit - passed);
      passed += piece.length;
      if (piece.length > 0) forward(piece);
      if (fault.kind === "cut" && passed >= limit) near.end();
    });
    far.on("end", () => {
      if (fault.kind === "none") near.end();
    });
    far.on("error", () => near.destroy());
    near.on("close", () => {
      clearInterval(drip);
      far.destroy();
    });
  }
}
