/**
 * A port nobody has, so that two runs of the tests on one machine do not meet.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the ports that kernels give by themselves (ip(7), ip_local_port_range: from 32768): else any socket of a test
 * beside this one could get the port while it is to be closed.
 */
const PORT_FROM = 16_384;
const PORTS = 16_384;
const TRIES_MAX = 100;

/** A port of 127.0.0.1 that was free a moment ago, and most likely still is, for TCP and UDP alike. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    const port = PORT_FROM + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`find a free port: ${TRIES_MAX} tried, and none is free`);
}

async function isFree(port: number): Promise<boolean> {
  const stream = createServer();
  const datagrams = createSocket("udp4");
  try {
    stream.listen(port, "127.0.0.1");
    await once(stream, "listening");
    datagrams.bind(port, "127.0.0.1");
    await once(datagrams, "listening");
    return true;
  } catch {
    return false;
  } finally {
    await new Promise((resolve) => stream.close(resolve));
    await new Promise((resolve) => datagrams.close(() => resolve(null)));
  }
}
