/**
 * What an edit of a row does in the real kernel, while connections are open: everything changes in place, nothing of the
 * old settings stays, and who is connected stays connected. And what the kernel refuses, with the reason troop gives.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { formatServiceName } from "../../src/core/service/service_name.ts";
import type { SyncDaemon, TableOperation, TableServer } from "../../src/core/table/table.ts";
import { createConnectionTable } from "../../src/shell/kernel/connection_table.ts";
import { PLAIN, PLAIN_SERVER } from "../support/table_rows.ts";
import { GUEST_TIMEOUT_MS, layWire, run, tryRun } from "./guest.ts";
import { useGuestTable } from "./guest_table.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

const guest = useGuestTable("ip_vs ip_vs_sh ip_vs_mh ip_vs_pe_sip");

const name = { address: "192.0.2.10", port: 5_060, protocol: "udp" } as const;
const plain = { ...PLAIN, ...name };
const rich = {
  ...plain,
  scheduler: "sh",
  flags: ["flag-1", "flag-2"],
  onePacket: true,
  persistence: { timeoutS: 300, prefixLength: 24, engine: "sip" },
} as const;
const server: TableServer = { ...PLAIN_SERVER, port: 5_060 };
const dr = server;
const nat: TableServer = { ...server, forwarding: "nat" };
const gue: TableServer = {
  ...server,
  forwarding: "tunnel",
  tunnel: { kind: "gue", port: 6_080, checksum: "csum" },
  upper: 100,
  lower: 10,
};
const ipip: TableServer = {
  ...server,
  forwarding: "tunnel",
  tunnel: { kind: "ipip", port: 0, checksum: "none" },
};

async function apply(...operations: TableOperation[]): Promise<void> {
  expect((await guest.table.apply(operations)).filter((outcome) => outcome !== null)).toEqual([]);
}

/** Time after which the kernel has forgotten what went through a service with an engine: UDP's timeout, then the template's, ms. */
const FORGOTTEN_MS = 15 * 60_000;
const FORGET_LOOK_MS = 60_000;

/** Connections of other tests keep the engine's module for as long as the kernel knows of them. A guest's clock jumps over waits. */
async function unloadEngine(): Promise<void> {
  for (let waitedMs = 0; waitedMs < FORGOTTEN_MS; waitedMs += FORGET_LOOK_MS) {
    tryRun("modprobe -r ip_vs_pe_sip");
    if (!existsSync("/sys/module/ip_vs_pe_sip")) return;
    await Bun.sleep(FORGET_LOOK_MS);
  }
  throw new Error("unload ip_vs_pe_sip: something keeps it");
}

test("a persistence engine whose module cannot be found is named with its module", async () => {
  run("ipvsadm -C");
  await unloadEngine();
  const loader = run("cat /proc/sys/kernel/modprobe").trim();
  run("echo /bin/false >/proc/sys/kernel/modprobe");
  try {
    const [outcome] = await guest.table.apply([{ kind: "addService", service: rich }]);
    expect(outcome?.message).toContain('no persistence engine "sip"');
    expect(outcome?.message).toContain("ip_vs_pe_sip");
  } finally {
    run(`echo ${loader} >/proc/sys/kernel/modprobe`);
  }
  await apply({ kind: "addService", service: rich });
}, FORGOTTEN_MS + GUEST_TIMEOUT_MS);

test("an edit of a service sets flags, persistence, netmask and engine, and takes all of them back", async () => {
  await apply({ kind: "addService", service: plain });
  await apply({ kind: "editService", service: rich });
  const { servers: _, ...settings } = rich;
  expect(await guest.table.get(name)).toMatchObject({ ...settings, altered: false });
  expect(run("ipvsadm -Sn")).toBe(
    "-A -u 192.0.2.10:5060 -s sh -p 300 -M 255.255.255.0 --pe sip -o -b sh-fallback,sh-port\n",
  );
  const persistence = { timeoutS: 60, prefixLength: 16, engine: null };
  await apply({ kind: "editService", service: { ...rich, persistence, scheduler: "mh" } });
  expect(await guest.table.get(name)).toMatchObject({ scheduler: "mh", persistence });
  await apply({ kind: "editService", service: plain });
  expect(await guest.table.get(name)).toMatchObject({
    scheduler: "rr",
    flags: [],
    onePacket: false,
    persistence: null,
    altered: false,
  });
  expect(run("ipvsadm -Sn")).toBe("-A -u 192.0.2.10:5060 -s rr\n");
});

test("an edit takes back what somebody else set and troop has no word for", async () => {
  run("ipvsadm -A -u 192.0.2.10:5060 -s rr -p 300 -M 255.0.255.0");
  expect((await guest.table.get(name))?.altered).toBe(true);
  await apply({ kind: "editService", service: plain });
  expect((await guest.table.get(name))?.altered).toBe(false);
});

test("an edit of a server changes its forwarding method, tunnel and thresholds, to and fro", async () => {
  await apply({ kind: "addService", service: plain }, {
    kind: "addServer",
    service: plain,
    server,
  });
  for (const wanted of [nat, gue, ipip, dr, gue, nat, ipip, dr]) {
    await apply({ kind: "editServer", service: plain, server: wanted });
    expect((await guest.table.get(name))?.servers).toMatchObject([wanted]);
  }
});

/** Sends datagrams of a port of its own from the other end of a wire to the VIP here, again and again. */
const SEND = [
  'const { createSocket } = require("node:dgram");',
  'const socket = createSocket("udp4");',
  'socket.bind(4711, () => setInterval(() => socket.send("x", 5060, "192.0.2.10"), 50));',
].join("\n");

test("a connection that is open stays with its server while service and server are edited", async () => {
  using wire = layWire("edit");
  run(`ip addr add 10.9.0.1/24 dev ${wire.inside}; ip addr add 192.0.2.10/32 dev ${wire.inside}
    ip addr add 10.1.0.254/24 dev ${wire.inside}`);
  wire.there(`ip addr add 10.9.0.2/24 dev ${wire.outside}`);
  wire.there("ip route add 192.0.2.10/32 via 10.9.0.1");
  const connections = createConnectionTable();
  const open = async () => (await connections.list({ service: name, limit: 10 })).connections;
  await apply({ kind: "addService", service: plain }, {
    kind: "addServer",
    service: plain,
    server,
  });
  const sender = wire.spawnThere([process.execPath, "-e", SEND]);
  try {
    await untilAsync("a connection is there", async () => (await open()).length === 1);
    const first = (await open())[0]!;
    expect(first).toMatchObject({ clientPort: 4_711, server: "10.1.0.1", protocol: "udp" });
    const another = { ...server, address: "10.1.0.2" };
    await apply({ kind: "addServer", service: plain, server: another });
    const settled = { ...plain, scheduler: "wlc" } as const;
    for (const wanted of [nat, gue, { ...server, weight: 0 }]) {
      await apply(
        { kind: "editService", service: settled },
        { kind: "editServer", service: plain, server: wanted },
      );
      const before = await packetsOf(server);
      await untilAsync("more come by", async () => await packetsOf(server) > before + 2);
    }
    expect(await open()).toMatchObject([{ clientPort: 4_711, server: "10.1.0.1" }]);
    expect((await guest.table.get(name))!.traffic.connections).toBe(1);
    expect(await packetsOf(another)).toBe(0);
  } finally {
    sender.kill();
    await sender.exited;
  }
});

async function packetsOf({ address }: TableServer): Promise<number> {
  const row = await guest.table.get(name);
  return row!.servers.find((one) => one.address === address)!.counters.inPackets;
}

async function untilAsync(what: string, look: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!(await look())) {
    if (performance.now() > endMs) throw new Error(`wait until ${what}: not within 20 s`);
    await Bun.sleep(20);
  }
}

const sixth: TableServer = { ...ipip, address: "2001:db8::1" };
const daemon: SyncDaemon = {
  interface: "",
  syncId: 42,
  group: "224.0.0.99",
  port: 8_849,
  ttl: 1,
  maxLength: null,
};

test("a tunnel leads to the other family, and back to its own", async () => {
  const v6 = { ...plain, address: "2001:db8::10" } as const;
  const fourth: TableServer = { ...gue, address: "10.1.0.9" };
  await apply(
    { kind: "addService", service: plain },
    { kind: "addServer", service: plain, server: sixth },
    { kind: "addService", service: v6 },
    { kind: "addServer", service: v6, server: fourth },
  );
  expect((await guest.table.get(plain))?.servers).toMatchObject([sixth]);
  expect((await guest.table.get(v6))?.servers).toMatchObject([fourth]);
  const [refused] = await guest.table.apply([
    { kind: "editServer", service: plain, server: { ...sixth, forwarding: "dr", tunnel: null } },
  ]);
  expect(refused?.message).toContain("only a tunnel leads to the other address family");
});

test("servers of the other family and sync daemons exclude each other, and either says so", async () => {
  using wire = layWire("mixed");
  run(`ip addr add 10.9.0.1/24 dev ${wire.inside}`);
  const wanted = { ...daemon, interface: wire.inside };
  await apply({ kind: "addService", service: plain }, {
    kind: "addServer",
    service: plain,
    server: sixth,
  });
  expect(() => guest.table.startDaemon("backup", wanted)).toThrow(
    "exclude each other in the kernel",
  );
  await apply({ kind: "removeServer", service: plain, server: sixth });
  guest.table.startDaemon("backup", wanted);
  const [refused] = await guest.table.apply([{ kind: "addServer", service: plain, server: sixth }]);
  expect(refused?.message).toContain("exclude each other in the kernel");
});

test("what the kernel refuses has a reason: thresholds, addresses, modules, groups", async () => {
  using wire = layWire("refuse");
  const outcomes = await guest.table.apply([
    { kind: "addService", service: plain },
    { kind: "addServer", service: plain, server: { ...server, upper: 1, lower: 2 } },
    { kind: "addServer", service: plain, server: { ...server, address: "224.0.0.1" } },
    { kind: "addService", service: { ...rich, port: 5_061, scheduler: "twos" } },
  ]);
  expect(outcomes.map((outcome) => outcome?.message)).toEqual([
    undefined,
    "add real server 10.1.0.1:5060 of 192.0.2.10:5060/udp: ERANGE (the lower threshold must not be above the upper one)",
    "add real server 224.0.0.1:5060 of 192.0.2.10:5060/udp: EINVAL (224.0.0.1 is no address a packet can be sent to)",
    'add virtual service 192.0.2.10:5061/udp: ENOENT (kernel has no scheduler "twos" or no persistence engine "sip": load both with `modprobe -a ip_vs_twos ip_vs_pe_sip`)',
  ]);
  expect(() =>
    guest.table.startDaemon("master", { ...daemon, interface: wire.inside, group: "10.0.0.1" })
  )
    .toThrow("10.0.0.1 must be a multicast group");
});

test("the kernel takes a service of any protocol, whether it can balance it or not; list leaves out what has no name", async () => {
  await apply({ kind: "addService", service: { ...plain, protocol: "sctp" } });
  const settings = { scheduler: "rr", flags: 0, timeoutSeconds: 0, netmask: 0, engine: "" };
  const address = Uint8Array.of(192, 0, 2, 10);
  const esp = { kind: "endpoint", protocol: 50, address, port: 0 } as const;
  expect(guest.ipvs.change([{ command: "newService", service: esp, settings }])).toEqual([null]);
  expect((await guest.table.list()).map(formatServiceName)).toEqual(["192.0.2.10:5060/sctp"]);
});
