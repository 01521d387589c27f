/** Listening sockets against the real kernel. Runs in any namespace, without privileges. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { type InetDiag, openInetDiag } from "../../ffi/mod.ts";
import type { Listener, ListenerWatch } from "../../src/ports.ts";
import { createListenerWatch } from "../../src/shell/kernel/listener_watch.ts";
import { GUEST_TIMEOUT_MS, guestLibraries } from "./guest.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

let diag: InetDiag;
let watch: ListenerWatch;
beforeAll(async () => {
  diag = openInetDiag(await guestLibraries());
  watch = createListenerWatch(diag);
});
afterAll(() => diag.close());

/** Opens a socket on a port of the kernel's choice; resolves with the port and a way to close it. */
type Opened = Promise<{ readonly port: number; readonly close: () => Promise<void> }>;

function openTcp(options: { readonly host: string; readonly ipv6Only?: boolean }): Opened {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen({ ...options, port: 0 }, () => {
      const { port } = server.address() as { port: number };
      const close = () => new Promise<void>((done) => server.close(() => done()));
      resolve({ port, close });
    });
  });
}

function openUdp(options: { readonly address: string; readonly type: "udp4" | "udp6" }): Opened {
  const socket = createSocket({ type: options.type });
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.bind(0, options.address, () => {
      const close = () => new Promise<void>((done) => socket.close(() => done()));
      resolve({ port: socket.address().port, close });
    });
  });
}

const cases: { what: string; open: () => Opened; listener: Partial<Listener> }[] = [
  {
    what: "TCP on 127.0.0.1",
    open: () => openTcp({ host: "127.0.0.1" }),
    listener: { protocol: "tcp", address: "127.0.0.1", v6only: false },
  },
  {
    what: "TCP on every IPv4 address",
    open: () => openTcp({ host: "0.0.0.0" }),
    listener: { protocol: "tcp", address: "0.0.0.0", v6only: false },
  },
  {
    what: "TCP on every address of both families",
    open: () => openTcp({ host: "::" }),
    listener: { protocol: "tcp", address: "::", v6only: false },
  },
  {
    what: "TCP on every IPv6 address only",
    open: () => openTcp({ host: "::", ipv6Only: true }),
    listener: { protocol: "tcp", address: "::", v6only: true },
  },
  {
    what: "UDP on 127.0.0.1",
    open: () => openUdp({ type: "udp4", address: "127.0.0.1" }),
    listener: { protocol: "udp", address: "127.0.0.1", v6only: false },
  },
  {
    what: "UDP on ::1",
    open: () => openUdp({ type: "udp6", address: "::1" }),
    // Whether it is for IPv6 only, /proc/net does not tell, and for one bound to ::1 it means nothing.
    listener: { protocol: "udp", address: "::1" },
  },
];

for (const { what, open, listener } of cases) {
  test(`list sees a listener come and go: ${what}`, async () => {
    const { port, close } = await open();
    const at = () => watch.list().filter((one) => one.port === port);
    expect(at()).toMatchObject([{ ...listener, port }]);
    await close();
    expect(at()).toEqual([]);
  });
}

test("list does not take an established connection for a listener", async () => {
  const { port, close } = await openTcp({ host: "127.0.0.1" });
  const client = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
  const local = client.localPort;
  expect(watch.list().some((one) => one.protocol === "tcp" && one.port === local)).toBe(false);
  expect(watch.list().filter((one) => one.port === port).length).toBe(1);
  client.end();
  await close();
});
