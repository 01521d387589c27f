/**
 * IPVS by netlink against the real table: what `ipvsadm` reads is what was written, and what is read is
 * what `ipvsadm` wrote.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import {
  forwardingMethods,
  type IpvsChange,
  type IpvsDestinationSettings,
  type IpvsServiceKey,
  type IpvsServiceSettings,
  transportProtocols,
} from "../../ffi/mod.ts";
import { type Endpoint, formatEndpoint, ipFromBytes, ipToBytes } from "../../src/core/address.ts";
import { GUEST_TIMEOUT_MS, layWire, run } from "./guest.ts";
import { useGuestTable } from "./guest_table.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

const guest = useGuestTable();

/** A row with its servers, as the tests make them up. */
interface Row {
  readonly key: IpvsServiceKey;
  readonly settings: IpvsServiceSettings;
  readonly servers: readonly {
    readonly at: Endpoint;
    readonly settings: IpvsDestinationSettings;
  }[];
}

/** Bits of a netmask for a prefix length. */
function maskOf(prefix: number): number {
  return (0xffff_ffff << (32 - prefix)) >>> 0;
}

const port = fc.integer({ min: 1, max: 65_535 });
const tunnel = { type: 0, port: 0, flags: 0 };

function serverOf(version: 4 | 6) {
  const address = version === 4
    ? fc.integer({ min: 1, max: 254 }).map((host) => `10.1.0.${host}`)
    : fc.integer({ min: 1, max: 0xffff }).map((host) => `2001:db8:1::${host.toString(16)}`);
  return fc.record({
    at: fc.record({ address, port }),
    settings: fc.record({
      forwarding: fc.constantFrom(
        forwardingMethods.masquerade,
        forwardingMethods.directRoute,
        forwardingMethods.tunnel,
      ),
      weight: fc.nat(65_535),
      // ipvsadm -S does not save thresholds; they have a test of their own.
      upperThreshold: fc.constant(0),
      lowerThreshold: fc.constant(0),
      tunnel: fc.constant(tunnel),
    }),
  });
}

function rowOf(version: 4 | 6): fc.Arbitrary<Row> {
  const host = fc.integer({ min: 1, max: 254 });
  const address = version === 4
    ? host.map((last) => ipToBytes(`192.0.2.${last}`))
    : host.map((last) => ipToBytes(`2001:db8::${last.toString(16)}`));
  const key: fc.Arbitrary<IpvsServiceKey> = fc.oneof(
    fc.record({
      kind: fc.constant("endpoint" as const),
      protocol: fc.constantFrom(transportProtocols.tcp, transportProtocols.udp),
      address,
      port,
    }),
    fc.record({
      kind: fc.constant("mark" as const),
      version: fc.constant(version),
      mark: fc.integer({ min: 1, max: 0x7fff_ffff }),
    }),
  );
  const single = version === 4 ? 0xffff_ffff : 128;
  const plain = { flags: 0, timeoutSeconds: 0, netmask: single };
  const persistent = fc.record({
    flags: fc.constant(1),
    timeoutSeconds: fc.integer({ min: 1, max: 3_600 }),
    netmask: version === 4
      ? fc.integer({ min: 8, max: 32 }).map(maskOf)
      : fc.integer({ min: 1, max: 128 }),
  });
  const settings = fc.record({
    scheduler: fc.constantFrom("rr", "wlc"),
    persistence: fc.oneof(fc.constant(plain), persistent),
  }).map(({ scheduler, persistence }) => ({ scheduler, engine: "", ...persistence }));
  const servers = fc.uniqueArray(serverOf(version), {
    maxLength: 6,
    selector: (server) => formatEndpoint(server.at),
  });
  return fc.record({ key, settings, servers });
}

const table = fc.uniqueArray(fc.oneof(rowOf(4), rowOf(6)), {
  maxLength: 8,
  selector: (row) => nameOf(row.key),
});

function nameOf(key: IpvsServiceKey): string {
  if (key.kind === "mark") return key.version === 6 ? `-f ${key.mark} -6` : `-f ${key.mark}`;
  const flag = key.protocol === transportProtocols.tcp ? "-t" : "-u";
  return `${flag} ${formatEndpoint({ address: ipFromBytes(key.address), port: key.port })}`;
}

/** The lines `ipvsadm -Sn` prints for a row. */
function savedLines({ key, settings, servers }: Row): string[] {
  const version = key.kind === "mark" ? key.version : key.address.length === 4 ? 4 : 6;
  const single = version === 4 ? 0xffff_ffff : 128;
  const mask = version === 4
    ? [24, 16, 8, 0].map((shift) => (settings.netmask >>> shift) & 255).join(".")
    : `${settings.netmask}`;
  const persistence = settings.flags === 0 ? "" : ` -p ${settings.timeoutSeconds}`;
  const netmask = settings.netmask === single ? "" : ` -M ${mask}`;
  const name = nameOf(key);
  return [
    `-A ${name} -s ${settings.scheduler}${persistence}${netmask}`,
    ...servers.map(({ at, settings: server }) => {
      const tunnelled = server.forwarding === forwardingMethods.tunnel ? " --tun-type ipip" : "";
      const method = ["-m", "", "-i", "-g"][server.forwarding];
      return `-a ${name} -r ${formatEndpoint(at)} ${method} -w ${server.weight}${tunnelled}`;
    }),
  ];
}

function changesFor(row: Row): IpvsChange[] {
  return [
    { command: "newService", service: row.key, settings: row.settings },
    ...row.servers.map(({ at, settings }): IpvsChange => ({
      command: "newDestination",
      service: row.key,
      destination: { address: ipToBytes(at.address), port: at.port },
      settings,
    })),
  ];
}

test("change writes tables that ipvsadm -Sn reads back line by line, whatever is in them", () => {
  fc.assert(
    fc.property(table, (rows) => {
      run("ipvsadm -C");
      expect(guest.ipvs.change(rows.flatMap(changesFor)).filter((code) => code !== null)).toEqual(
        [],
      );
      const saved = run("ipvsadm -Sn").trim().split("\n").filter((line) => line !== "");
      expect(saved.sort()).toEqual(rows.flatMap(savedLines).sort());
    }),
    { numRuns: 15 },
  );
});

/** ipvsadm gives every server the port of its service, unless it is masqueraded or the service is a mark. */
function withPortsOfIpvsadm(row: Row): Row {
  const { key } = row;
  const servers = new Map<string, Row["servers"][number]>();
  for (const server of row.servers) {
    const free = key.kind === "mark" || server.settings.forwarding === forwardingMethods.masquerade;
    const at = free ? server.at : { address: server.at.address, port: key.port };
    servers.set(formatEndpoint(at), { ...server, at });
  }
  return { ...row, servers: [...servers.values()] };
}

test("services and destinations read back tables that ipvsadm -R wrote", () => {
  fc.assert(
    fc.property(table, (drawn) => {
      const rows = drawn.map(withPortsOfIpvsadm);
      run(`ipvsadm -C; ipvsadm -R <<'END'\n${rows.flatMap(savedLines).join("\n")}\nEND`);
      const found = [...guest.ipvs.services()].flat().map(({ key, settings }): Row => ({
        key,
        settings: { ...settings, flags: settings.flags & ~2 },
        servers: [...guest.ipvs.destinations(key)].flat().map((row) => ({
          at: { address: ipFromBytes(row.key.address), port: row.key.port },
          settings: row.settings,
        })),
      }));
      expect(found.flatMap(savedLines).sort()).toEqual(rows.flatMap(savedLines).sort());
    }),
    { numRuns: 15 },
  );
});

const web: IpvsServiceKey = {
  kind: "endpoint",
  protocol: 6,
  address: ipToBytes("192.0.2.10"),
  port: 80,
};
const rr = { scheduler: "rr", flags: 0, timeoutSeconds: 0, netmask: 0xffff_ffff, engine: "" };
const server = { address: ipToBytes("10.1.0.1"), port: 80 };
const weighed = { forwarding: 3, weight: 1, upperThreshold: 0, lowerThreshold: 0, tunnel };

const mistakes: { what: string; change: IpvsChange; code: string }[] = [
  {
    what: "a service that is there",
    change: { command: "newService", service: web, settings: rr },
    code: "EEXIST",
  },
  {
    what: "a scheduler the kernel lacks",
    change: {
      command: "newService",
      service: { ...web, port: 81 },
      settings: { ...rr, scheduler: "nosuch" },
    },
    code: "ENOENT",
  },
  {
    what: "the change of a service that is not there",
    change: { command: "setService", service: { ...web, port: 81 }, settings: rr },
    code: "ESRCH",
  },
  {
    what: "the removal of a service that is not there",
    change: { command: "deleteService", service: { ...web, port: 81 } },
    code: "ESRCH",
  },
  {
    what: "a server that is there",
    change: { command: "newDestination", service: web, destination: server, settings: weighed },
    code: "EEXIST",
  },
  {
    what: "the change of a server that is not there",
    change: {
      command: "setDestination",
      service: web,
      destination: { ...server, port: 81 },
      settings: weighed,
    },
    code: "ENOENT",
  },
  {
    what: "the removal of a server that is not there",
    change: {
      command: "deleteDestination",
      service: web,
      destination: { ...server, port: 81 },
    },
    code: "ENOENT",
  },
  {
    what: "a server of a service that is not there",
    change: {
      command: "newDestination",
      service: { ...web, port: 81 },
      destination: server,
      settings: weighed,
    },
    code: "ESRCH",
  },
  {
    what: "a negative weight",
    change: {
      command: "setDestination",
      service: web,
      destination: server,
      settings: { ...weighed, weight: -1 },
    },
    code: "ERANGE",
  },
];
test("change reports each error at its place in the batch, and does everything else", () => {
  const good: IpvsChange[] = [
    { command: "newService", service: web, settings: rr },
    { command: "newDestination", service: web, destination: server, settings: weighed },
  ];
  const last: IpvsChange = { command: "newService", service: { ...web, port: 90 }, settings: rr };
  const codes = guest.ipvs.change([...good, ...mistakes.map(({ change }) => change), last]);
  const expected = [null, null, ...mistakes.map(({ code }) => code), null];
  const names = ["service", "server", ...mistakes.map(({ what }) => what), "last"];
  expect(codes.map((code, index) => `${names[index]}: ${code}`)).toEqual(
    expected.map((code, index) => `${names[index]}: ${code}`),
  );
  expect(run("ipvsadm -Sn").trim().split("\n").length).toBe(3);
});

test("change reports every error of a batch far larger than one send, each at its place", () => {
  // Every second row is made twice. (A missing scheduler would make the kernel start modprobe each time.)
  const changes = Array.from({ length: 1_000 }, (_, index): IpvsChange => ({
    command: "newService",
    service: { ...web, port: 1 + index - index % 2 },
    settings: rr,
  }));
  const expected = changes.map((_, index) => index % 2 === 0 ? null : "EEXIST");
  expect(guest.ipvs.change(changes)).toEqual(expected);
});

test("service gives one row, and undefined for none", () => {
  guest.ipvs.change([{ command: "newService", service: web, settings: rr }]);
  expect(guest.ipvs.service(web)?.settings.scheduler).toBe("rr");
  expect(guest.ipvs.service({ ...web, port: 81 })).toBeUndefined();
});

test("services can be given up half way, and the next call works", () => {
  const changes = Array.from({ length: 500 }, (_, index): IpvsChange => ({
    command: "newService",
    service: { ...web, port: 1 + index },
    settings: rr,
  }));
  guest.ipvs.change(changes);
  for (const rows of guest.ipvs.services()) {
    expect(rows.length).toBeLessThan(500);
    break;
  }
  expect([...guest.ipvs.services()].flat().length).toBe(500);
});

test("thresholds and tunnels are kept as ipvsadm shows them", () => {
  const settings = { ...weighed, upperThreshold: 100, lowerThreshold: 10, forwarding: 2 };
  guest.ipvs.change([
    { command: "newService", service: web, settings: rr },
    {
      command: "newDestination",
      service: web,
      destination: server,
      settings: { ...settings, tunnel: { type: 1, port: 6080, flags: 0 } },
    },
  ]);
  expect(run("ipvsadm -Ln --thresholds")).toMatch(/10\.1\.0\.1:80 +100 +10 /);
  expect(run("ipvsadm -Sn")).toContain(
    "-r 10.1.0.1:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum",
  );
  const [row] = [...guest.ipvs.destinations(web)].flat();
  expect(row?.settings).toEqual({ ...settings, tunnel: { type: 1, port: 6080, flags: 0 } });
});

test("timeouts and info are those ipvsadm knows", () => {
  const before = guest.ipvs.timeouts();
  guest.ipvs.setTimeouts({ tcpSeconds: 901, tcpFinSeconds: 121, udpSeconds: 301 });
  expect(run("ipvsadm -L --timeout")).toContain("901 121 301");
  guest.ipvs.setTimeouts(before);
  expect(guest.ipvs.timeouts()).toEqual(before);
  const { version, connectionTableSize } = guest.ipvs.info();
  expect(run("ipvsadm -Ln")).toContain(`version ${version} (size=${connectionTableSize})`);
});

test("daemons start with all their settings, are listed and stop", () => {
  using wire = layWire("sync");
  const daemon = {
    role: "master",
    interface: wire.inside,
    syncId: 42,
    maxLength: 1_400,
    group: Uint8Array.of(224, 0, 0, 99),
    port: 8_849,
    ttl: 2,
  } as const;
  run(`ip addr add 10.9.0.1/24 dev ${wire.inside}`);
  guest.ipvs.startDaemon(daemon);
  guest.ipvs.startDaemon({ role: "backup", interface: wire.inside, syncId: 7 });
  expect(guest.ipvs.daemons()).toMatchObject([daemon, { role: "backup", syncId: 7, port: 8_848 }]);
  const shown = run("ipvsadm -L --daemon");
  expect(shown).toContain(
    `master sync daemon (mcast=${wire.inside}, syncid=42, maxlen=1400, group=224.0.0.99, port=8849, ttl=2)`,
  );
  expect(shown).toContain(`backup sync daemon (mcast=${wire.inside}, syncid=7`);
  guest.ipvs.stopDaemon("master");
  guest.ipvs.stopDaemon("backup");
  expect(guest.ipvs.daemons()).toEqual([]);
  expect(() => guest.ipvs.stopDaemon("master")).toThrow("ESRCH");
  expect(() => guest.ipvs.startDaemon({ ...daemon, interface: "nosuch" })).toThrow("ENODEV");
});
