/** The Connections port over the file of the real kernel: real connections, many of them, and a loop that goes on. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import { createConnectionTable } from "../../src/shell/kernel/connection_table.ts";
import type { TableService } from "../../src/core/table/table.ts";
import { PLAIN, PLAIN_SERVER } from "../support/table_rows.ts";
import { GUEST_TIMEOUT_MS, run, tryRun } from "./guest.ts";
import { useGuestTable } from "./guest_table.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

const connections = createConnectionTable();
const guest = useGuestTable("ip_vs ip_vs_pe_sip");
beforeAll(() => {
  tryRun("ip -6 addr add 2001:db8::110/128 dev lo nodad");
  run("ip addr add 192.0.2.110/32 dev lo; ip addr add 192.0.2.111/32 dev lo");
});
afterAll(() => {
  tryRun(
    `for vip in 192.0.2.110/32 192.0.2.111/32 2001:db8::110/128; do ip addr del $vip dev lo; done`,
  );
});

/**
 * Addresses of their own: connections outlive their row, and a server that is made again while some are open comes back
 * with its counters (ip_vs_trash_get_dest in ip_vs_ctl.c), which another test of this kernel would see.
 */
const VIP = "192.0.2.110";
const VIP_TOO = "192.0.2.111";
const VIP_6 = "2001:db8::110";

const server = { ...PLAIN_SERVER, port: 5_000 };

/** Makes a row whose one server is this machine. */
async function balance(service: TableService, address: string, port: number): Promise<void> {
  const outcomes = await guest.table.apply([
    { kind: "addService", service },
    { kind: "addServer", service, server: { ...server, address, port } },
  ]);
  expect(outcomes).toEqual([null, null]);
}

/** Sends a datagram from so many ports, and gives them. */
async function sendFrom(
  count: number,
  { address, port, text = "x" }: { address: string; port: number; text?: string },
): Promise<number[]> {
  const ports: number[] = [];
  for (let index = 0; index < count; index++) {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    await new Promise<void>((resolve, reject) =>
      socket.send(text, port, address, (error) => error ? reject(error) : resolve())
    );
    ports.push(socket.address().port);
    socket.close();
  }
  return ports;
}

test("connections of both families are told as ipvsadm tells them", async () => {
  const v4 = { ...PLAIN, address: VIP, port: 5_000, protocol: "udp" } as const;
  const v6 = { ...v4, address: VIP_6 } as const;
  await balance(v4, VIP, 5_000);
  await balance(v6, VIP_6, 5_000);
  const [port4] = await sendFrom(1, v4);
  const [port6] = await sendFrom(1, v6);
  const four = await connections.list({ service: v4, limit: 10 });
  expect(four).toMatchObject({
    matched: 1,
    connections: [{
      protocol: "udp",
      client: VIP,
      clientPort: port4,
      virtual: VIP,
      virtualPort: 5_000,
      server: VIP,
      serverPort: 5_000,
      state: "UDP",
      engine: "",
    }],
  });
  const { expiresS } = four.connections[0]!;
  expect(expiresS).toBeGreaterThan(200);
  expect(expiresS).toBeLessThanOrEqual(300);
  const six = await connections.list({ service: v6, limit: 10 });
  expect(six.connections).toMatchObject([{
    clientPort: port6,
    virtual: VIP_6,
    server: VIP_6,
  }]);
  const shown = run("ipvsadm -Lnc").trim().split("\n").length - 2;
  expect(four.total).toBe(shown);
});

test("a persistent mark service: its connections have the VIP, its template the mark", async () => {
  const mark = {
    ...PLAIN,
    protocol: "fwm",
    family: 4,
    mark: 100,
    persistence: { timeoutS: 300, prefixLength: 24, engine: null },
  } as const;
  run(
    "iptables-legacy -t mangle -A OUTPUT -d 192.0.2.111 -p udp --dport 5001 -j MARK --set-mark 100",
  );
  try {
    await balance(mark, VIP_TOO, 0);
    const [port] = await sendFrom(1, { address: VIP_TOO, port: 5_001 });
    const { connections: found } = await connections.list({ server: VIP_TOO, limit: 10 });
    expect(found.find(({ clientPort }) => clientPort === port)).toMatchObject({
      protocol: "udp",
      virtual: VIP_TOO,
      virtualPort: 5_001,
    });
    expect(found.find(({ clientPort }) => clientPort === 0)).toMatchObject({
      protocol: "ip",
      client: "192.0.2.0",
      virtual: "0.0.0.100",
      virtualPort: 0,
    });
  } finally {
    run("iptables-legacy -t mangle -F OUTPUT");
  }
});

test("calls of SIP come with engine and Call-ID", async () => {
  const sip = {
    ...PLAIN,
    address: VIP_TOO,
    port: 5_060,
    protocol: "udp",
    onePacket: true,
    persistence: { timeoutS: 300, prefixLength: null, engine: "sip" },
  } as const;
  await balance(sip, VIP_TOO, 5_060);
  const text = "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 4711@203.0.113.7\r\nContent-Length: 0\r\n\r\n";
  await sendFrom(1, { ...sip, text });
  const { connections: found } = await connections.list({ service: sip, limit: 10 });
  expect(found.map(({ engine, engineData }) => `${engine} ${engineData}`)).toContain(
    "sip 4711@203.0.113.7",
  );
});

/** Listings that are timed at most. */
const LOOKS = 5;

/** The longest time for which the work holds the event loop, as a share of its whole time. */
async function longestHold(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  let lastMs = startMs;
  let longestMs = 0;
  const turn = () => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - lastMs);
    lastMs = now;
  };
  const timer = setInterval(turn, 0);
  await work();
  clearInterval(timer);
  turn();
  return longestMs / (lastMs - startMs);
}

test("thousands are counted to the last, and the loop goes on", async () => {
  const busy = { ...PLAIN, address: VIP, port: 5_002, protocol: "udp" } as const;
  await balance(busy, VIP, 5_002);
  const ports = new Set(await sendFrom(3_000, busy));
  const list = () => connections.list({ service: busy, limit: 100 });
  const listing = await list();
  expect(listing.matched).toBe(ports.size);
  expect(listing.connections.length).toBe(100);
  // In one go it would hold the loop for all of its time. A pause of the machine may do the same, but not every time.
  const shares: number[] = [];
  for (let look = 0; look < LOOKS && !shares.some((share) => share < 0.5); look++) {
    shares.push(await longestHold(list));
  }
  expect(Math.min(...shares)).toBeLessThan(0.5);
});
