/**
 * What IPVS keeps beside its table, against the real kernel and `ipvsadm`: sync daemons with all their settings in
 * both families, timeouts, how tunnels are checksummed, and how much goes through a service.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  forwardingMethods,
  type IpvsDaemon,
  type IpvsServiceKey,
  type IpvsStatistics,
  transportProtocols,
  tunnelFlags,
  tunnelTypes,
} from "../../ffi/mod.ts";
import { ipFromBytes, ipToBytes } from "../../src/core/address.ts";
import { GUEST_TIMEOUT_MS, layWire, run, tryRun, until } from "./guest.ts";
import { useGuestTable } from "./guest_table.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

const guest = useGuestTable();

const daemons: Omit<Required<IpvsDaemon>, "interface">[] = [
  {
    role: "master",
    syncId: 255,
    maxLength: 1_400,
    group: ipToBytes("224.0.0.99"),
    port: 8_849,
    ttl: 2,
  },
  {
    role: "backup",
    syncId: 0,
    maxLength: 1_024,
    group: ipToBytes("239.1.2.3"),
    port: 65_535,
    ttl: 255,
  },
  {
    role: "master",
    syncId: 1,
    maxLength: 1_300,
    group: ipToBytes("ff02::51"),
    port: 8_849,
    ttl: 3,
  },
  { role: "backup", syncId: 42, maxLength: 1_200, group: ipToBytes("ff05::51"), port: 1, ttl: 1 },
];
for (const settings of daemons) {
  test(`a ${settings.role} daemon of group ${ipFromBytes(settings.group)} keeps every setting`, () => {
    using wire = layWire("sync");
    run(`ip addr add 10.9.0.1/24 dev ${wire.inside}
      ip addr add 2001:db8:9::1/64 dev ${wire.inside} nodad`);
    const daemon = { ...settings, interface: wire.inside };
    guest.ipvs.startDaemon(daemon);
    try {
      expect(guest.ipvs.daemons()).toEqual([daemon]);
      expect(run("ipvsadm -L --daemon").trim()).toBe(
        `${daemon.role} sync daemon (mcast=${wire.inside}, syncid=${daemon.syncId}, ` +
          `maxlen=${daemon.maxLength}, group=${ipFromBytes(daemon.group)}, ` +
          `port=${daemon.port}, ttl=${daemon.ttl})`,
      );
    } finally {
      guest.ipvs.stopDaemon(daemon.role);
    }
    expect(guest.ipvs.daemons()).toEqual([]);
  });
}

test("a backup daemon takes datagrams of 1024 bytes at least, whatever is asked for", () => {
  using wire = layWire("sync");
  run(`ip addr add 10.9.0.1/24 dev ${wire.inside}`);
  guest.ipvs.startDaemon({ role: "backup", interface: wire.inside, syncId: 1, maxLength: 900 });
  try {
    expect(guest.ipvs.daemons()[0]?.maxLength).toBe(1_024);
  } finally {
    guest.ipvs.stopDaemon("backup");
  }
});

test("daemons that are stopped before they have run are stopped, though the kernel does not say so", () => {
  using wire = layWire("sync");
  run(`ip addr add 10.9.0.1/24 dev ${wire.inside}`);
  for (let count = 0; count < 6; count++) {
    const role = count % 2 === 0 ? "master" : "backup";
    guest.ipvs.startDaemon({ role, interface: wire.inside, syncId: 1 });
    guest.ipvs.stopDaemon(role);
    expect(guest.ipvs.daemons()).toEqual([]);
  }
});

test("a group that is not multicast is refused", () => {
  using wire = layWire("sync");
  for (const group of ["192.0.2.1", "2001:db8::1"]) {
    const daemon = { role: "master", interface: wire.inside, syncId: 1 } as const;
    expect(() => guest.ipvs.startDaemon({ ...daemon, group: ipToBytes(group) })).toThrow("EINVAL");
  }
  expect(guest.ipvs.daemons()).toEqual([]);
});

test("timeouts are set each by itself, since 0 leaves one as it is; what the kernel cannot count is refused", () => {
  const before = guest.ipvs.timeouts();
  guest.ipvs.setTimeouts({ tcpSeconds: 901, tcpFinSeconds: 121, udpSeconds: 301 });
  guest.ipvs.setTimeouts({ tcpSeconds: 0, tcpFinSeconds: 122, udpSeconds: 0 });
  expect(guest.ipvs.timeouts()).toEqual({ tcpSeconds: 901, tcpFinSeconds: 122, udpSeconds: 301 });
  expect(run("ipvsadm -L --timeout")).toContain("901 122 301");
  expect(() => guest.ipvs.setTimeouts({ ...before, tcpSeconds: 0x7fff_ffff })).toThrow("EINVAL");
  guest.ipvs.setTimeouts(before);
  expect(guest.ipvs.timeouts()).toEqual(before);
});

const service: IpvsServiceKey = {
  kind: "endpoint",
  protocol: transportProtocols.udp,
  address: ipToBytes("192.0.2.10"),
  port: 53,
};
const rr = { scheduler: "rr", flags: 0, timeoutSeconds: 0, netmask: 0xffff_ffff, engine: "" };
const unlimited = { weight: 1, upperThreshold: 0, lowerThreshold: 0 };

const tunnels = [
  { tunnel: { type: tunnelTypes.ipip, port: 0, flags: 0 }, shown: "--tun-type ipip" },
  {
    tunnel: { type: tunnelTypes.gre, port: 0, flags: tunnelFlags.noChecksum },
    shown: "--tun-type gre --tun-nocsum",
  },
  {
    tunnel: { type: tunnelTypes.gre, port: 0, flags: tunnelFlags.checksum },
    shown: "--tun-type gre --tun-csum",
  },
  {
    tunnel: { type: tunnelTypes.gue, port: 6_080, flags: tunnelFlags.checksum },
    shown: "--tun-type gue --tun-port 6080 --tun-csum",
  },
  {
    tunnel: { type: tunnelTypes.gue, port: 6_081, flags: tunnelFlags.remoteChecksum },
    shown: "--tun-type gue --tun-port 6081 --tun-remcsum",
  },
];
for (const { tunnel, shown } of tunnels) {
  test(`a tunnel is kept as ipvsadm shows it: ${shown}`, () => {
    const settings = { ...unlimited, forwarding: forwardingMethods.tunnel, tunnel };
    const destination = { address: ipToBytes("10.1.0.1"), port: 53 };
    const codes = guest.ipvs.change([
      { command: "newService", service, settings: rr },
      { command: "newDestination", service, destination, settings },
    ]);
    expect(codes).toEqual([null, null]);
    expect(run("ipvsadm -Sn").trim().split("\n")[1]?.trim()).toBe(
      `-a -u 192.0.2.10:53 -r 10.1.0.1:53 -i -w 1 ${shown}`,
    );
    expect([...guest.ipvs.destinations(service)].flat().map((row) => row.settings)).toEqual([
      settings,
    ]);
  });
}

/** The numbers behind the endpoint in a line of `ipvsadm -Ln --exact` with `--stats` or `--rate`. */
function numbersOf(option: "--stats" | "--rate", line: string): number[] {
  const found = run(`ipvsadm -Ln --exact ${option}`).split("\n").find((row) => row.includes(line));
  return (found ?? "").trim().split(/\s+/).slice(2).map(Number);
}

function totalsOf(statistics: IpvsStatistics): number[] {
  const { connections, inPackets, outPackets, inBytes, outBytes } = statistics;
  return [connections, inPackets, outPackets, inBytes, outBytes];
}

function ratesOf({ rates }: IpvsStatistics): number[] {
  return [
    rates.connectionsPerS,
    rates.inPacketsPerS,
    rates.outPacketsPerS,
    rates.inBytesPerS,
    rates.outBytesPerS,
  ];
}

test("totals and rates of service and server are those of ipvsadm --stats and --rate", async () => {
  using wire = layWire("rate");
  run(`ip addr add 10.9.0.1/24 dev ${wire.inside}; ip route add 192.0.2.10 via 10.9.0.2`);
  const destination = { address: ipToBytes("10.9.0.2"), port: 53 };
  const settings = {
    ...unlimited,
    forwarding: forwardingMethods.directRoute,
    tunnel: { type: 0, port: 0, flags: 0 },
  };
  guest.ipvs.change([
    { command: "newService", service, settings: rr },
    { command: "newDestination", service, destination, settings },
  ]);
  const client = await Bun.udpSocket({ socket: { error: () => undefined } });
  const look = () => ({
    whole: guest.ipvs.service(service)!.statistics,
    server: [...guest.ipvs.destinations(service)].flat()[0]!.statistics,
  });
  try {
    const seen = await until("packets and bytes have a rate", () => {
      for (let count = 0; count < 20; count++) client.send("x".repeat(100), 53, "192.0.2.10");
      const before = look();
      const shown = [
        ...numbersOf("--rate", "192.0.2.10:53"),
        ...numbersOf("--rate", "10.9.0.2:53"),
      ];
      const same = Bun.deepEquals(look(), before);
      const { rates } = before.whole;
      const flowing = rates.inPacketsPerS > 0 && rates.inBytesPerS > 100 * rates.inPacketsPerS;
      return same && flowing ? { before, shown } : undefined;
    });
    expect([...ratesOf(seen.before.whole), ...ratesOf(seen.before.server)]).toEqual(seen.shown);
    const { whole, server } = look();
    expect(totalsOf(whole)).toEqual(numbersOf("--stats", "192.0.2.10:53"));
    expect(totalsOf(server)).toEqual(numbersOf("--stats", "10.9.0.2:53"));
    expect(whole.inBytes).toBe(whole.inPackets * (20 + 8 + 100));
  } finally {
    client.close();
    tryRun("ip route del 192.0.2.10");
  }
});
