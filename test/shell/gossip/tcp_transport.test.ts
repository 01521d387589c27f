/** Connecting sockets, and giving up on them. */
import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { multiaddr } from "@multiformats/multiaddr";
import { connectSocket } from "../../../src/shell/gossip/tcp_transport.ts";
import { freePort } from "../../support/free_port.ts";

const at = (port: number) => multiaddr(`/ip4/127.0.0.1/tcp/${port}`);

/** Errors that nothing listened for, while an action ran and a moment after. */
async function strayErrors(action: () => Promise<unknown>): Promise<unknown[]> {
  const stray: unknown[] = [];
  const collect = (error: unknown) => void stray.push(error);
  process.on("uncaughtException", collect);
  try {
    await action();
    await Bun.sleep(50);
  } finally {
    process.off("uncaughtException", collect);
  }
  return stray;
}

describe("connectSocket", () => {
  test("connects", async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    const socket = await connectSocket(at(port), {});
    expect(socket.remotePort).toBe(port);
    socket.destroy();
    server.close();
  });

  test("rejects with the error of the socket", async () => {
    const port = await freePort();
    await expect(connectSocket(at(port), {})).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("gives up when its signal fires, and leaves no error behind that would end the program", async () => {
    const port = await freePort();
    const stray = await strayErrors(async () => {
      const controller = new AbortController();
      const connecting = connectSocket(at(port), { signal: controller.signal });
      controller.abort();
      await expect(connecting).rejects.toMatchObject({ name: "AbortError" });
    });
    expect(stray).toEqual([]);
  });

  test("does not begin when its signal has fired already", async () => {
    const connecting = connectSocket(at(1), { signal: AbortSignal.abort() });
    await expect(connecting).rejects.toMatchObject({ name: "AbortError" });
  });
});
