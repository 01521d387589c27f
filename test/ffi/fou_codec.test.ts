/** FOU and GUE ports. Golden bytes: iproute2 6.1 and linux 6.1.176, by `strace -xx`, behind the netlink header. */
import { describe, expect, test } from "bun:test";
import {
  decodeFouPort,
  writeAddGuePort,
  writeDeleteFouPort,
  writeGetFouPorts,
} from "../../ffi/fou_codec.ts";
import { hex, toHex, written } from "./hex.ts";

test("writeAddGuePort writes exactly what ip fou add port 6090 gue does, for both families", () => {
  const ipv4 = "01010000 0600010017ca0000 0500040002000000 0500020002000000";
  const ipv6 = "01010000 0600010017ca0000 0500040002000000 050002000a000000";
  expect(toHex(written((w) => writeAddGuePort(w, { port: 6090, version: 4 })))).toBe(
    toHex(hex(ipv4)),
  );
  expect(toHex(written((w) => writeAddGuePort(w, { port: 6090, version: 6 })))).toBe(
    toHex(hex(ipv6)),
  );
});

test("writeDeleteFouPort writes what ip -6 fou del port 6090 does, without a type, which the kernel does not read", () => {
  const bytes = "02010000 0600010017ca0000 050002000a000000";
  expect(toHex(written((w) => writeDeleteFouPort(w, { port: 6090, version: 6 })))).toBe(
    toHex(hex(bytes)),
  );
});

test("writeGetFouPorts writes exactly what ip fou show does", () => {
  expect(toHex(written(writeGetFouPorts))).toBe("03010000");
});

describe("decodeFouPort reads what linux answers to ip fou show", () => {
  const cases = [
    {
      what: "port 6090 gue -6",
      bytes: `03010000 050002000a000000 0600010017ca0000 06000a0000000000 0500030000000000
        0500040002000000 08000b0000000000 1400070000000000000000000000000000000000
        1400090000000000000000000000000000000000`,
      port: {
        port: 6090,
        version: 6,
        encapsulation: "gue",
        protocol: 0,
        local: new Uint8Array(16),
      },
    },
    {
      what: "port 6083 gue local 127.0.0.1",
      bytes: `03010000 0500020002000000 0600010017c30000 06000a0000000000 0500030000000000
        0500040002000000 08000b0000000000 080006007f000001 0800080000000000`,
      port: {
        port: 6083,
        version: 4,
        encapsulation: "gue",
        protocol: 0,
        local: Uint8Array.of(127, 0, 0, 1),
      },
    },
    {
      what: "port 6081 ipproto 4",
      bytes: `03010000 0500020002000000 0600010017c10000 06000a0000000000 0500030004000000
        0500040001000000 08000b0000000000 0800060000000000 0800080000000000`,
      port: {
        port: 6081,
        version: 4,
        encapsulation: "fou",
        protocol: 4,
        local: new Uint8Array(4),
      },
    },
    {
      what: "port 6080 gue of a kernel before 5.2, which has no addresses here",
      bytes: "03010000 0500020002000000 0600010017c00000 0500030000000000 0500040002000000",
      port: { port: 6080, version: 4, encapsulation: "gue", protocol: 0, local: new Uint8Array(4) },
    },
  ] as const;
  for (const { what, bytes, port } of cases) {
    test(what, () => expect(decodeFouPort(hex(bytes))).toEqual(port));
  }
});

test("decodeFouPort returns undefined for what is not a whole port", () => {
  expect(decodeFouPort(hex("03010000"))).toBeUndefined();
  expect(decodeFouPort(hex("03010000 0500020002000000"))).toBeUndefined();
  expect(decodeFouPort(hex("03010000 0500020007000000 0600010017c00000"))).toBeUndefined();
});
