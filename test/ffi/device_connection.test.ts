import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { once } from "node:events";
import { openDeviceConnector } from "../../ffi/mod.ts";

const loopback = { address: Uint8Array.of(127, 0, 0, 1), source: null };

test("a device connection is established, and closed", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const connection = openDeviceConnector().connect({ ...loopback, device: "lo", port });
  const accepted = once(server, "connection");
  while (!connection.established()) await Bun.sleep(1);
  // Asked again, the kernel has another answer for the same.
  expect(connection.established()).toBe(true);
  const [peer] = await accepted;
  connection.close();
  await once(peer.resume(), "end");
  peer.destroy();
  server.close();
});

test("a device connection names what the kernel refused", () => {
  const connector = openDeviceConnector();
  expect(() => connector.connect({ ...loopback, device: "troop-none", port: 1 })).toThrow(
    "bind socket to troop-none: ENODEV (no such interface)",
  );
  const source = Uint8Array.of(192, 0, 2, 77);
  expect(() => connector.connect({ ...loopback, source, device: "lo", port: 1 })).toThrow(
    "bind socket: EADDRNOTAVAIL",
  );
});
