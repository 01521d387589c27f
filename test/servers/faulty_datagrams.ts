/**
 * The faulty proxy for UDP: every datagram the server sends is an answer of its own.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { freePort } from "../support/free_port.ts";
import { portClosed } from "./closed_port.ts";
import type { Fault, FaultyProxy } from "./faulty_proxy.ts";

/** Largest payload of a datagram over IPv4 (RFC 768, RFC 791). */
const DATAGRAM_BYTES_MAX = 65_507;
/** Between two datagrams of an answer without end, ms, and how many at a time. */
const FLOOD_MS = 5;
const FLOOD_DATAGRAMS = 4;
/** It ends all the same, for nothing holds back who sends datagrams: so many are more than any probe should look at. */
const FLOOD_DATAGRAMS_MAX = 200;

/** Starts a proxy in front of a UDP port of 127.0.0.1. */
export async function startFaultyDatagrams(targetPort: number): Promise<FaultyProxy> {
  const proxy = new DatagramProxy(targetPort, await freePort());
  await proxy.reopen();
  return proxy;
}

class DatagramProxy implements FaultyProxy {
  fault: Fault = { kind: "none" };
  sentBytes = 0;
  readonly port: number;
  readonly #targetPort: number;
  #near: Socket | undefined;
  readonly #far = new Set<Socket>();
  #flood: ReturnType<typeof setInterval> | undefined;

  constructor(targetPort: number, port: number) {
    this.#targetPort = targetPort;
    this.port = port;
  }

  async reopen(): Promise<void> {
    const near = createSocket("udp4");
    near.on("error", () => {});
    near.on("message", (bytes, { port }) => this.#take(near, bytes, port));
    near.bind(this.port, "127.0.0.1");
    await once(near, "listening");
    this.#near = near;
  }

  async shut(): Promise<void> {
    this[Symbol.dispose]();
    await portClosed("udp", this.port);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#flood);
    this.#near?.close();
    this.#near = undefined;
    for (const far of this.#far) far.close();
    this.#far.clear();
  }

  #take(near: Socket, question: Buffer, client: number): void {
    const { fault } = this;
    clearInterval(this.#flood);
    this.sentBytes = 0;
    const answer = (bytes: Buffer): void => {
      if (near !== this.#near) return;
      this.sentBytes += bytes.length;
      near.send(bytes, client, "127.0.0.1");
    };
    if (fault.kind === "say") return answer(fault.bytes);
    if (fault.kind === "flood") {
      const bytes = Buffer.concat([fault.head, fault.block]).subarray(0, DATAGRAM_BYTES_MAX);
      let sent = 0;
      this.#flood = setInterval(() => {
        for (let one = 0; one < FLOOD_DATAGRAMS; one++) answer(bytes);
        sent += FLOOD_DATAGRAMS;
        if (sent >= FLOOD_DATAGRAMS_MAX) clearInterval(this.#flood);
      }, FLOOD_MS);
      return;
    }
    const far = createSocket("udp4");
    this.#far.add(far);
    far.on("error", () => {});
    far.on("message", (bytes) => {
      answer(fault.kind === "cut" ? bytes.subarray(0, bytes.length / 2) : bytes);
    });
    far.send(question, this.#targetPort, "127.0.0.1");
  }
}
