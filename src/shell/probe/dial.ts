/**
 * Connecting a probe: from the address and through the interface that its check names.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type DeviceConnection,
  type DeviceConnector,
  openDeviceConnector,
} from "../../../ffi/mod.ts";
import { ipFamily, ipToBytes } from "../../core/address.ts";
import type { ProbeTarget } from "../../ports.ts";
import { ProbeFailure } from "./attempt.ts";

/** How often a connection begun through an interface is looked at, ms: what a probe's time may be wrong by. */
const LOOK_MS = 2;

let connector: DeviceConnector | undefined;

/**
 * Connects. Rejects with an errno error of node:net, or with {@link ProbeFailure} when this node cannot ask in
 * the way the check says. The signal ends it.
 */
export async function dial(
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<Socket> {
  const { address, port, check } = target;
  const { source, device } = check;
  if (source !== null && ipFamily(source) !== ipFamily(address)) {
    throw new ProbeFailure(`cannot ask ${address} from ${source}: one is IPv4, the other IPv6`);
  }
  try {
    const local = source === null ? {} : { localAddress: source };
    const socket = device === null
      ? await established(connect({ host: address, port, ...local }), signal)
      : await dialThrough(device, target, signal);
    // A request in two writes would wait for the server's delayed acknowledgement (RFC 9293, 3.7.4): 40 ms.
    return socket.setNoDelay(true);
  } catch (error) {
    throw ownProblem(error as NodeJS.ErrnoException, check);
  }
}

function established(socket: Socket, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const destroy = (): void => {
    socket.destroy();
    reject(new ProbeFailure("ended"));
  };
  signal.addEventListener("abort", destroy);
  socket.once("connect", () => resolve(socket));
  socket.once("error", reject);
  return promise.finally(() => {
    signal.removeEventListener("abort", destroy);
    socket.removeListener("error", reject);
    // Between this and the listeners of whoever takes the socket, an error must not be nobody's.
    socket.on("error", () => {});
  });
}

async function dialThrough(
  device: string,
  { address, port, check: { source } }: ProbeTarget,
  signal: AbortSignal,
): Promise<Socket> {
  connector ??= openDeviceConnector();
  const connection = connector.connect({
    device,
    port,
    address: ipToBytes(address),
    source: source === null ? null : ipToBytes(source),
  });
  try {
    await waitFor(connection, signal);
    // Neither the types of node:net nor Node itself know it; Bun takes a connected descriptor, and closes it.
    const adopted: { port: number; fd: number } = { port, fd: connection.descriptor };
    return connect(adopted).on("error", () => {});
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Ends with the signal, which the probe's deadline gives. */
async function waitFor(connection: DeviceConnection, signal: AbortSignal): Promise<void> {
  while (!connection.established()) await sleep(LOOK_MS, undefined, { signal });
}

/** An interface or address that this node does not have is no news about the server. */
function ownProblem(
  error: NodeJS.ErrnoException,
  { source, device }: ProbeTarget["check"],
): Error {
  if (error.code === "EADDRNOTAVAIL" && source !== null) {
    return new ProbeFailure(`cannot ask from ${source}: not an address of this node`);
  }
  if (error.code === "ENODEV" && device !== null) {
    return new ProbeFailure(`cannot ask through ${device}: no such interface on this node`);
  }
  return error;
}
