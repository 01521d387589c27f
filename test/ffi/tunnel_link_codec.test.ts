/** Tunnel devices. Golden bytes: iproute2 6.1 and linux 6.1.176, by `strace -xx`, behind the netlink header. */
import { describe, expect, test } from "bun:test";
import {
  decodeTunnelLink,
  type TunnelKind,
  writeDeleteLink,
  writeLinkUp,
  writeNewTunnel,
} from "../../ffi/tunnel_link_codec.ts";
import { hex, toHex, written } from "./hex.ts";

const header = "00000000 00000000 00000000 00000000";

describe("writeNewTunnel asks as ip link add does, with a closing zero and the bit for nested attributes", () => {
  // ip sends `0c001200 08000100 69706970`: the kernel takes both.
  const cases: { name: string; kind: TunnelKind; bytes: string }[] = [
    {
      name: "tunl0",
      kind: "ipip",
      bytes: `${header} 0a00030074756e6c30000000 10001280 0900010069706970 00000000`,
    },
    {
      name: "ip6tnl0",
      kind: "ip6tnl",
      bytes: `${header} 0c0003006970367 46e6c3000 10001280 0b000100 697036746e6c0000`,
    },
  ];
  for (const { name, kind, bytes } of cases) {
    test(`${name} type ${kind}`, () => {
      expect(toHex(written((w) => writeNewTunnel(w, { name, kind })))).toBe(toHex(hex(bytes)));
    });
  }
});

test("writeLinkUp writes exactly what ip link set up and down do", () => {
  const up = "00000000 03000000 01000000 01000000";
  const down = "00000000 03000000 00000000 01000000";
  expect(toHex(written((w) => writeLinkUp(w, { index: 3, up: true })))).toBe(toHex(hex(up)));
  expect(toHex(written((w) => writeLinkUp(w, { index: 3, up: false })))).toBe(toHex(hex(down)));
});

test("writeDeleteLink writes exactly what ip link del does", () => {
  const bytes = "00000000 03000000 00000000 00000000";
  expect(toHex(written((w) => writeDeleteLink(w, 3)))).toBe(toHex(hex(bytes)));
});

describe("decodeTunnelLink reads what linux answers to ip -d link, of which much is cut off", () => {
  /** IFLA_LINKINFO with the kind and the tunnel's parameters of the fallback device ip6tnl0. */
  const fallback = (flags: string, protocol: string) =>
    `00000103 02000000 ${flags} 00000000 0c000300697036746e6c3000 08000d00e8030000
      94001200 0b000100697036746e6c0000 84000200 0800010000000000
      1400020000000000000000000000000000000000 1400030000000000000000000000000000000000
      0500040000000000 0500060000000000 0800070000000000 0800080000000400
      05000900${protocol} 0800140000000000 06000f0000000000 0600110000000000
      0600120000000000 0600100000000000`;
  test("the fallback device ip6tnl0 before it is touched: down, for IPv6 alone", () => {
    expect(decodeTunnelLink(hex(fallback("80000000", "29000000")))).toEqual({
      index: 2,
      up: false,
      kind: "ip6tnl",
      protocol: 41,
    });
  });
  test("the same, up and for any protocol", () => {
    expect(decodeTunnelLink(hex(fallback("c1000100", "00000000")))).toEqual({
      index: 2,
      up: true,
      kind: "ip6tnl",
      protocol: 0,
    });
  });
  test("a GRE device, for which the same number means a time to live", () => {
    const bytes = `00000a03 05000000 80000000 00000000 0900030067726530 00000000
      18001200 08000100 67726500 0c000200 0500090040000000`;
    expect(decodeTunnelLink(hex(bytes))).toEqual({
      index: 5,
      up: false,
      kind: "gre",
      protocol: null,
    });
  });
  test("an interface that is no virtual one, and a message that is cut", () => {
    const bytes = "00000100 03000000 02100000 00000000 0900030065746830 00000000";
    expect(decodeTunnelLink(hex(bytes))).toEqual({
      index: 3,
      up: false,
      kind: "",
      protocol: null,
    });
    expect(decodeTunnelLink(hex("00000100 03000000"))).toBeUndefined();
  });
});
