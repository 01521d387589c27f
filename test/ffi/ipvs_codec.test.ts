/**
 * IPVS services and real servers. The golden bytes are what `ipvsadm` 1.31 sent and linux 6.1.176 answered,
 * taken with `strace -xx`, behind the 16-byte netlink header.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ipToBytes } from "../../src/core/address.ts";
import { decodeDestination, decodeService, writeChange, writeGet } from "../../ffi/ipvs_codec.ts";
import { forwardingMethods, tunnelFlags, tunnelTypes } from "../../ffi/ipvs_constants.ts";
import type { IpvsChange, IpvsDestinationSettings, IpvsServiceKey } from "../../ffi/ipvs_types.ts";
import { hex, toHex, written } from "./hex.ts";

const plain = { flags: 0, timeoutSeconds: 0, netmask: 0xffff_ffff, engine: "" };
const noTunnel = { type: 0, port: 0, flags: 0 };
const web4: IpvsServiceKey = {
  kind: "endpoint",
  protocol: 6,
  address: ipToBytes("192.0.2.10"),
  port: 80,
};
const web6: IpvsServiceKey = { ...web4, address: ipToBytes("2001:db8::10"), port: 443 };
const mark4: IpvsServiceKey = { kind: "mark", version: 4, mark: 7 };
const mark6: IpvsServiceKey = { kind: "mark", version: 6, mark: 8 };

const requests: { what: string; change: IpvsChange; bytes: string }[] = [
  {
    what: "-A -t 192.0.2.10:80 -s wlc -p 300 -M 255.255.255.0",
    change: {
      command: "newService",
      service: web4,
      settings: {
        ...plain,
        scheduler: "wlc",
        flags: 1,
        timeoutSeconds: 300,
        netmask: 0xffff_ff00,
      },
    },
    bytes: `01010000 54000180 0600010002000000 0600020006000000
      14000300c000020a000000000000000000000000 0600040000500000 08000600776c6300
      0c00070001000000ffffffff 080008002c010000 08000900ffffff00`,
  },
  {
    what: "-A -t [2001:db8::10]:443 -s sh -b sh-port -p 60 -M 64",
    change: {
      command: "newService",
      service: web6,
      settings: { ...plain, scheduler: "sh", flags: 0x11, timeoutSeconds: 60, netmask: 64 },
    },
    bytes: `01010000 54000180 060001000a000000 0600020006000000
      1400030020010db8000000000000000000000010 0600040001bb0000 0700060073680000
      0c00070011000000ffffffff 080008003c000000 0800090040000000`,
  },
  {
    what: "-A -f 7 -s rr",
    change: { command: "newService", service: mark4, settings: { ...plain, scheduler: "rr" } },
    bytes: `01010000 38000180 0600010002000000 0800050007000000 0700060072720000
      0c00070000000000ffffffff 0800080000000000 08000900ffffffff`,
  },
  {
    what: "-A -f 8 -6 -s rr",
    change: {
      command: "newService",
      service: mark6,
      settings: { ...plain, scheduler: "rr", netmask: 128 },
    },
    bytes: `01010000 38000180 060001000a000000 0800050008000000 0700060072720000
      0c00070000000000ffffffff 0800080000000000 0800090080000000`,
  },
  {
    what: "-E -t 192.0.2.10:80 -s rr",
    change: { command: "setService", service: web4, settings: { ...plain, scheduler: "rr" } },
    bytes: `02010000 54000180 0600010002000000 0600020006000000
      14000300c000020a000000000000000000000000 0600040000500000 0700060072720000
      0c00070000000000ffffffff 0800080000000000 08000900ffffffff`,
  },
];

describe("writeChange writes a service exactly as ipvsadm does", () => {
  for (const { what, change, bytes } of requests) {
    test(what, () => expect(toHex(written((w) => writeChange(w, change)))).toBe(toHex(hex(bytes))));
  }
});

/** ipvsadm repeats default settings of the service in front; the kernel reads the key only, as in a dump request. */
const key4 = `30000180 0600010002000000 0600020006000000
  14000300c000020a000000000000000000000000 0600040000500000`;
const key6 = `30000180 060001000a000000 0600020006000000
  1400030020010db8000000000000000000000010 0600040001bb0000`;

const destinations: {
  what: string;
  change: IpvsChange;
  bytes: string;
}[] = [
  {
    what: "-a -t 192.0.2.10:80 -r 10.0.0.1:8080 -m -w 5 -x 100 -y 10",
    change: {
      command: "newDestination",
      service: web4,
      destination: { address: ipToBytes("10.0.0.1"), port: 8080 },
      settings: {
        forwarding: 0,
        weight: 5,
        upperThreshold: 100,
        lowerThreshold: 10,
        tunnel: noTunnel,
      },
    },
    bytes: `05010000 ${key4} 60000280 06000b0002000000
      140001000a000001000000000000000000000000 060002001f900000 0800030000000000
      0800040005000000 05000d0000000000 06000e0000000000 06000f0000000000
      0800050064000000 080006000a000000`,
  },
  {
    what: "-a -t [2001:db8::10]:443 -r [2001:db8::21]:443 -g -w 1",
    change: {
      command: "newDestination",
      service: web6,
      destination: { address: ipToBytes("2001:db8::21"), port: 443 },
      settings: {
        forwarding: 3,
        weight: 1,
        upperThreshold: 0,
        lowerThreshold: 0,
        tunnel: noTunnel,
      },
    },
    bytes: `05010000 ${key6} 60000280 06000b000a000000
      1400010020010db8000000000000000000000021 0600020001bb0000 0800030003000000
      0800040001000000 05000d0000000000 06000e0000000000 06000f0000000000
      0800050000000000 0800060000000000`,
  },
  {
    what: "-a -t [2001:db8::10]:443 -r 10.0.0.9:443 -i: a server of the other family",
    change: {
      command: "newDestination",
      service: web6,
      destination: { address: ipToBytes("10.0.0.9"), port: 443 },
      settings: {
        forwarding: 2,
        weight: 1,
        upperThreshold: 0,
        lowerThreshold: 0,
        tunnel: noTunnel,
      },
    },
    // ipvsadm leaves a rest of the service's address behind the four bytes; here are zeros.
    bytes: `05010000 ${key6} 60000280 06000b0002000000
      140001000a000009000000000000000000000000 0600020001bb0000 0800030002000000
      0800040001000000 05000d0000000000 06000e0000000000 06000f0000000000
      0800050000000000 0800060000000000`,
  },
];

const tunnelled = [
  {
    what: "-e ... -i --tun-type gue --tun-port 6080 --tun-remcsum",
    tunnel: { type: tunnelTypes.gue, port: 6080, flags: tunnelFlags.remoteChecksum },
    bytes: "05000d0001000000 06000e0017c00000 06000f0002000000",
  },
  {
    what: "-e ... -i --tun-type gre --tun-csum",
    tunnel: { type: tunnelTypes.gre, port: 0, flags: tunnelFlags.checksum },
    bytes: "05000d0002000000 06000e0000000000 06000f0001000000",
  },
];

describe("writeChange writes a tunnel exactly as ipvsadm does, behind the service's key", () => {
  for (const { what, tunnel, bytes } of tunnelled) {
    test(what, () => {
      const change: IpvsChange = {
        command: "setDestination",
        service: web4,
        destination: { address: ipToBytes("10.1.1.1"), port: 80 },
        settings: {
          forwarding: forwardingMethods.tunnel,
          weight: 1,
          upperThreshold: 0,
          lowerThreshold: 0,
          tunnel,
        },
      };
      const expected = `06010000 ${key4} 60000280 06000b0002000000
        140001000a010101000000000000000000000000 0600020000500000 0800030002000000
        0800040001000000 ${bytes} 0800050000000000 0800060000000000`;
      expect(toHex(written((w) => writeChange(w, change)))).toBe(toHex(hex(expected)));
    });
  }
});

describe("writeChange writes a real server as ipvsadm does, behind the service's key", () => {
  for (const { what, change, bytes } of destinations) {
    test(what, () => expect(toHex(written((w) => writeChange(w, change)))).toBe(toHex(hex(bytes))));
  }
});

const keys = [
  { what: "the servers of 192.0.2.10:80", key: web4, bytes: `08010000 ${key4}` },
  { what: "the servers of [2001:db8::10]:443", key: web6, bytes: `08010000 ${key6}` },
  {
    what: "the servers of mark 7",
    key: mark4,
    bytes: "08010000 14000180 0600010002000000 0800050007000000",
  },
];
for (const { what, key, bytes } of keys) {
  test(`writeGet asks for ${what} exactly as ipvsadm -Ln does`, () => {
    expect(toHex(written((w) => writeGet(w, "getDestination", key)))).toBe(toHex(hex(bytes)));
  });
}

/** Empty counters, as 32-bit and 64-bit attributes: what linux answers behind every row. */
const statistics32 =
  `60000a000800010000000000080002000000000008000300000000000c0004000000000000000000
  04000b000c0005000000000000000000080006000000000008000700000000000800080000000000
  080009000000000008000a0000000000`;
/** The same where the kernel needs a padding attribute to align the 64-bit numbers. */
const statistics32Padded =
  `64000a0008000100000000000800020000000000080003000000000004000b000c00040000000000
  0000000004000b000c00050000000000000000000800060000000000080007000000000008000800
  00000000080009000000000008000a0000000000`;
const statistics64 =
  `a0000c000c000100000000000000000004000b000c000200000000000000000004000b000c000300
  000000000000000004000b000c000400000000000000000004000b000c0005000000000000000000
  04000b000c000600000000000000000004000b000c000700000000000000000004000b000c000800
  000000000000000004000b000c000900000000000000000004000b000c000a000000000000000000`;

test("decodeService reads what linux answers for an IPv4 service", () => {
  const payload = hex(`01010000 54010100 0600010002000000 0600020006000000
    14000300c000020a000000000000000000000000 0600040000500000 0700060072720000
    0c00070002000000ffffffff 0800080000000000 08000900ffffffff ${statistics32} ${statistics64}`);
  expect(decodeService(payload)).toMatchObject({
    key: web4,
    settings: { ...plain, scheduler: "rr", flags: 2 },
    statistics: { connections: 0, inBytes: 0 },
  });
});

test("decodeService reads the netmask of an IPv6 service as prefix length", () => {
  const payload = hex(`01010000 54010100 060001000a000000 0600020006000000
    1400030020010db8000000000000000000000010 0600040001bb0000 0700060073680000
    0c00070013000000ffffffff 080008003c000000 0800090040000000 ${statistics32} ${statistics64}`);
  expect(decodeService(payload)).toMatchObject({
    key: web6,
    settings: { scheduler: "sh", flags: 0x13, timeoutSeconds: 60, netmask: 64 },
  });
});

test("decodeService reads a firewall mark with its family", () => {
  const payload = hex(`01010000 3c010100 060001000a000000 0800050008000000 0700060072720000
    0c00070002000000ffffffff 0800080000000000 0800090080000000 ${statistics32Padded} ${statistics64}`);
  expect(decodeService(payload)?.key).toEqual(mark6);
});

test("decodeDestination reads what linux answers, with the family the server has itself", () => {
  const payload = hex(`05010000 7c010200 140001000a000009000000000000000000000000
    0600020001bb0000 0800030002000000 0800040001000000 05000d0000000000 06000e0000000000
    06000f0000000000 0800050000000000 0800060000000000 0800070000000000 0800080000000000
    0800090000000000 06000b0002000000 ${statistics32Padded} ${statistics64}`);
  expect(decodeDestination(payload, 6)).toMatchObject({
    key: { address: ipToBytes("10.0.0.9"), port: 443 },
    settings: { forwarding: 2, weight: 1, tunnel: noTunnel },
  });
});

test("decodeDestination takes the service's family where an old kernel is silent", () => {
  const payload = hex(
    "05010000 20000200 140001000a000001000000000000000000000000 0600020000500000",
  );
  expect(decodeDestination(payload, 4)?.key.address).toEqual(ipToBytes("10.0.0.1"));
});

/** Counters as linux answers them (IPVS_STATS_ATTR_*, 1 to 10), the type of the number in front. */
const totals = { connections: 1, inPackets: 2, outPackets: 3, inBytes: 4, outBytes: 5 };
const rates = {
  connectionsPerS: 6,
  inPacketsPerS: 7,
  outPacketsPerS: 8,
  inBytesPerS: 9,
  outBytesPerS: 10,
};
const plainServer = "140001000a000001000000000000000000000000 0600020000500000";

/** A real server's answer with one statistics attribute in which counter N is `first` + N. */
function counted(type: number, { first, wide }: { first: number; wide: (n: number) => boolean }) {
  return written((w) => {
    w.word(0x0105);
    const row = w.open(2);
    w.bytes(1, new Uint8Array(16)).be16(2, 80).u16(11, 2);
    const start = w.open(type);
    for (let n = 1; n <= 10; n++) {
      if (wide(n)) w.u32pair(n, first + n, 0);
      else w.u32(n, first + n);
    }
    w.close(start);
    w.close(row);
  });
}

test("decodeDestination reads totals and rates of 64 bits", () => {
  const payload = counted(12, { first: 0, wide: () => true });
  expect(decodeDestination(payload, 4)?.statistics).toEqual({ ...totals, rates });
});

test("decodeDestination reads the 32-bit attribute, whose bytes have 64 bits, when there is no other", () => {
  const payload = counted(10, { first: 0, wide: (n) => n === 4 || n === 5 });
  expect(decodeDestination(payload, 4)?.statistics).toEqual({ ...totals, rates });
});

test("decodeDestination prefers the 64-bit attribute, wherever it stands", () => {
  const narrow = "14000a00 0800010007000000 0800060007000000";
  const wide = "1c000c00 0c0001000100000001000000 0c0006000200000000000000";
  for (const both of [`${narrow}${wide}`, `${wide}${narrow}`]) {
    const payload = hex(`05010000 50000200 ${plainServer} ${both}`);
    const statistics = decodeDestination(payload, 4)?.statistics;
    expect(statistics?.connections).toBe(2 ** 32 + 1);
    expect(statistics?.rates.connectionsPerS).toBe(2);
  }
});

test("decodeService reads rates too", () => {
  const payload = hex(`01010000 60000100 0600010002000000 0600020006000000
    14000300c000020a000000000000000000000000 0600040000500000 0700060072720000
    0c00070002000000ffffffff 0800080000000000 08000900ffffffff 0c000a00 0800090003000000`);
  expect(decodeService(payload)?.statistics.rates.inBytesPerS).toBe(3);
});

test("decodeDestination reads 64-bit counters beyond 32 bits", () => {
  const payload = hex(`05010000 38000200 140001000a000001000000000000000000000000
    0600020000500000 18000c00 0c000400 0100000002000000 08000100 00000000`);
  expect(decodeDestination(payload, 4)?.statistics.inBytes).toBe(2 * 2 ** 32 + 1);
});

const port = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);
const name = fc.string({ unit: fc.constantFrom(..."abcdefghij-"), minLength: 1, maxLength: 15 });
const serviceKey: fc.Arbitrary<IpvsServiceKey> = fc.oneof(
  fc.record({ kind: fc.constant("endpoint" as const), protocol: port, address, port }),
  fc.record({
    kind: fc.constant("mark" as const),
    version: fc.constantFrom(4 as const, 6 as const),
    mark: u32,
  }),
);
const serviceSettings = fc.record({
  scheduler: name,
  flags: u32,
  timeoutSeconds: u32,
  netmask: u32,
  engine: fc.oneof(fc.constant(""), name),
});
const destinationSettings: fc.Arbitrary<IpvsDestinationSettings> = fc.record({
  forwarding: u32,
  weight: fc.integer({ min: 0, max: 0x7fff_ffff }),
  upperThreshold: u32,
  lowerThreshold: u32,
  tunnel: fc.record({ type: fc.nat(255), port, flags: port }),
});

test("decodeService reads back every service writeChange writes", () => {
  fc.assert(fc.property(serviceKey, serviceSettings, (service, settings) => {
    const payload = written((w) => writeChange(w, { command: "newService", service, settings }));
    const decoded = decodeService(payload);
    expect(decoded?.key).toEqual(service);
    expect(decoded?.settings).toEqual(settings);
  }));
});

test("decodeDestination reads back every real server writeChange writes", () => {
  fc.assert(
    fc.property(serviceKey, address, port, destinationSettings, (service, ip, number, settings) => {
      const destination = { address: ip, port: number };
      const payload = written((w) =>
        writeChange(w, { command: "setDestination", service, destination, settings })
      );
      const decoded = decodeDestination(payload, 4);
      expect(decoded?.key).toEqual(destination);
      expect(decoded?.settings).toEqual(settings);
    }),
  );
});

test("decodeService and decodeDestination return undefined for what is not a whole row", () => {
  expect(decodeService(hex("01010000"))).toBeUndefined();
  expect(decodeService(hex("01010000 0c000100 0600010002000000"))).toBeUndefined();
  expect(decodeDestination(hex("05010000"), 4)).toBeUndefined();
  expect(decodeDestination(hex("05010000 0c000200 0600020000500000"), 4)).toBeUndefined();
});
