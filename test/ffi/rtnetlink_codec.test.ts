/** Addresses and links. Golden bytes: iproute2 6.1 and linux 6.1.176, by `strace -xx`, behind the netlink header. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ipToBytes } from "../../src/core/address.ts";
import {
  decodeAddress,
  decodeGateway,
  decodeLink,
  IFA_F_NODAD,
  type InterfaceAddress,
  writeDeleteAddress,
  writeGetLink,
  writeGetRoute,
  writeNewAddress,
} from "../../ffi/rtnetlink_codec.ts";
import { hex, toHex, written } from "./hex.ts";

const vip4: InterfaceAddress = {
  address: ipToBytes("192.0.2.10"),
  prefixLength: 32,
  index: 2,
  validSeconds: 30,
  preferredSeconds: 30,
  flags: 0,
};
const vip6: InterfaceAddress = {
  address: ipToBytes("2001:db8::10"),
  prefixLength: 128,
  index: 2,
  validSeconds: 30,
  preferredSeconds: 0,
  flags: IFA_F_NODAD,
};

describe("writeNewAddress writes exactly what ip does", () => {
  const cases = [
    {
      what: "ip addr add 192.0.2.10/32 dev d0 valid_lft 30 preferred_lft 30",
      address: vip4,
      bytes: `02200000 02000000 08000200c000020a 08000100c000020a
        14000600 1e000000 1e000000 00000000 00000000`,
    },
    {
      what: "ip addr add 2001:db8::10/128 dev d0 nodad valid_lft 30 preferred_lft 0",
      address: vip6,
      bytes: `0a800200 02000000 1400020020010db8000000000000000000000010
        1400010020010db8000000000000000000000010 14000600 00000000 1e000000 00000000 00000000`,
    },
  ];
  for (const { what, address, bytes } of cases) {
    test(
      what,
      () => expect(toHex(written((w) => writeNewAddress(w, address)))).toBe(toHex(hex(bytes))),
    );
  }
});

test("writeDeleteAddress writes exactly what ip addr del 192.0.2.10/32 dev d0 does", () => {
  const bytes = "02200000 02000000 08000200c000020a 08000100c000020a";
  expect(toHex(written((w) => writeDeleteAddress(w, vip4)))).toBe(toHex(hex(bytes)));
});

test("writeGetLink asks by name as ip does, without virtual functions and without counters", () => {
  // ip sends 9 as mask (virtual functions too), here is 8; family, index and flags stay 0.
  const bytes = "00000000 00000000 00000000 00000000 08001d0008000000 0700030064300000";
  expect(toHex(written((w) => writeGetLink(w, "d0")))).toBe(toHex(hex(bytes)));
});

describe("decodeAddress reads what linux answers to ip addr", () => {
  const cases = [
    {
      what: "127.0.0.1/8 on lo, for ever",
      bytes: `020880fe 01000000 080001007f000001 080002007f000001 070003006c6f0000
        0800080080000000 14000600ffffffffffffffffb8000000b8000000`,
      address: {
        address: ipToBytes("127.0.0.1"),
        prefixLength: 8,
        index: 1,
        validSeconds: null,
        preferredSeconds: null,
        flags: 0x80,
        label: "lo",
      },
    },
    {
      what: "192.0.2.10/32 with 60 s to live",
      bytes: `02200000 02000000 08000100c000020a 08000200c000020a 0700030064300000
        0800080000000000 140006003c0000003c000000861b0000b71b0000`,
      address: { ...vip4, validSeconds: 60, preferredSeconds: 60, label: "d0" },
    },
    {
      what: "192.0.2.10/32 with a label of its own, for ever",
      bytes: `02200000 01000000 08000100c000020a 08000200c000020a 090003006c6f3a3100000000
        0800080000000000 14000600ffffffffffffffff1807000018070000`,
      address: { ...vip4, index: 1, validSeconds: null, preferredSeconds: null, label: "lo:1" },
    },
    {
      what: "2001:db8::10/128, deprecated, with 30 s to live, and its flags",
      bytes: `0a802200 02000000 1400010020010db8000000000000000000000010
        14000600000000001e000000de1b0000de1b0000 0800080022000000`,
      address: { ...vip6, flags: 0x22 },
    },
  ];
  for (const { what, bytes, address } of cases) {
    test(what, () => expect(decodeAddress(hex(bytes))).toEqual(address));
  }
});

test("decodeAddress takes the own address of a point-to-point link, not the other end", () => {
  const bytes = "02200000 02000000 080001000a000002 080002000a000001";
  expect(decodeAddress(hex(bytes))?.address).toEqual(ipToBytes("10.0.0.1"));
});

test("decodeAddress reads back every address writeNewAddress writes", () => {
  const lifetime = fc.oneof(fc.constant(null), fc.nat(0xffff_fffe));
  const address = fc.record({
    address: fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    ),
    prefixLength: fc.nat(128),
    index: fc.nat(0xffff),
    validSeconds: lifetime,
    preferredSeconds: lifetime,
    flags: fc.nat(255),
  });
  const label = fc.option(fc.constantFrom("eth0", "eth0:1", "a-label-of-15-b"), { nil: undefined });
  fc.assert(
    fc.property(address, label, (plain, name) => {
      const labelled = name !== undefined && plain.address.length === 4;
      const one = labelled ? { ...plain, label: name } : plain;
      expect(decodeAddress(written((w) => writeNewAddress(w, one)))).toEqual(one);
    }),
  );
});

test("writeNewAddress writes a label as ip addr add ... label lo:1 does, and none for IPv6, which has none", () => {
  // ip puts the label between both addresses and has no lifetimes here; the kernel reads attributes in any order.
  const labelled = toHex(written((w) => writeNewAddress(w, { ...vip4, label: "lo:1" })));
  const plain = toHex(written((w) => writeNewAddress(w, vip4)));
  const label = toHex(hex("09000300 6c6f3a31 00000000"));
  expect(labelled.split(label)).toHaveLength(2);
  expect(labelled.replace(label, "")).toBe(plain);
  expect(toHex(written((w) => writeNewAddress(w, { ...vip6, label: "lo:1" })))).toBe(
    toHex(written((w) => writeNewAddress(w, vip6))),
  );
});

test("decodeAddress and decodeLink return undefined for other families and cut messages", () => {
  expect(decodeAddress(hex("0a80"))).toBeUndefined();
  expect(decodeAddress(hex("07200000 02000000 08000100c000020a"))).toBeUndefined();
  expect(decodeAddress(hex("02200000 02000000"))).toBeUndefined();
  expect(decodeLink(hex("00000100 02000000"))).toBeUndefined();
  expect(decodeLink(hex("00000100 02000000 c3000100 00000000"))).toBeUndefined();
});

describe("decodeLink reads what linux answers to ip link, of which the counters are cut off", () => {
  test("lo, up, with a link-layer address of zeros", () => {
    const bytes = `00000403 01000000 49000100 00000000 070003006c6f0000 08000d00e8030000
      0a00010000000000000000000a00020000000000000000000`;
    expect(decodeLink(hex(`${bytes.trimEnd()}0`))).toEqual({
      name: "lo",
      index: 1,
      up: true,
      carrier: true,
      noNeighbours: true,
      mac: new Uint8Array(6),
    });
  });
  test("d0, a dummy: up, with a carrier, without neighbours", () => {
    const bytes = `00000100 02000000 c3000100 00000000 0700030064300000 08000d00e8030000
      0a00010096f38923634200000a000200ffffffffffff0000`;
    expect(decodeLink(hex(bytes))).toEqual({
      name: "d0",
      index: 2,
      up: true,
      carrier: true,
      noNeighbours: true,
      mac: hex("96f389236342"),
    });
  });
  test("an Ethernet interface that is down", () => {
    const bytes = `00000100 03000000 02100000 00000000 0900030065746830 00000000
      0a000100020000000001 0000`;
    expect(decodeLink(hex(bytes))).toMatchObject({
      name: "eth0",
      up: false,
      carrier: false,
      noNeighbours: false,
    });
  });
});

test("writeGetRoute asks as ip route get ADDRESS oif DEVICE does, by rtnetlink(7): struct rtmsg, RTA_DST, RTA_OIF", () => {
  const ask = (address: string) =>
    toHex(written((w) => writeGetRoute(w, { destination: ipToBytes(address), index: 2 })));
  expect(ask("203.0.113.1")).toBe(
    toHex(hex("02200000 00000000 00000000 08000100cb007101 0800040002000000")),
  );
  expect(ask("2001:db8::1")).toBe(toHex(hex(
    "0a800000 00000000 00000000 1400010020010db8000000000000000000000001 0800040002000000",
  )));
});

test("decodeGateway reads the gateway of an answer, and finds none where there is none", () => {
  const header = "02200000 fe020001 00000000";
  expect(decodeGateway(hex(`${header} 08000500c00002fe 0800040002000000`)))
    .toEqual(ipToBytes("192.0.2.254"));
  expect(decodeGateway(hex(`${header} 0800040002000000`))).toBeUndefined();
  expect(decodeGateway(hex("0220"))).toBeUndefined();
});
