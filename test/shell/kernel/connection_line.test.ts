/** Lines of /proc/net/ip_vs_conn, as kernels write them. */
import { describe, expect, test } from "bun:test";
import { parseConnection } from "../../../src/shell/kernel/connection_line.ts";

const tcp = "TCP CB007107 C8A4 C000020A 0050 0A010001 1F90 ESTABLISHED     899";

test("an IPv4 connection", () => {
  expect(parseConnection(tcp)).toEqual({
    protocol: "tcp",
    client: "203.0.113.7",
    clientPort: 51_364,
    virtual: "192.0.2.10",
    virtualPort: 80,
    server: "10.1.0.1",
    serverPort: 8_080,
    state: "ESTABLISHED",
    expiresS: 899,
    engine: "",
    engineData: "",
  });
});

test("an IPv6 connection, its addresses in canonical spelling", () => {
  const client = "2001:0db8:0000:0000:0000:0000:0000:0007";
  const virtual = "2001:0db8:0000:0000:0001:0000:0000:000a";
  const server = "fd00:0000:0000:0000:0000:0000:0000:0001";
  const line = `UDP ${client} 13C4 ${virtual} 0035 ${server} 0035 UDP             299`;
  expect(parseConnection(line)).toMatchObject({
    protocol: "udp",
    client: "2001:db8::7",
    virtual: "2001:db8::1:0:0:a",
    server: "fd00::1",
    state: "UDP",
    expiresS: 299,
  });
});

test("a tunnel to the other family", () => {
  const server = "2001:0db8:0001:0000:0000:0000:0000:0001";
  expect(parseConnection(`TCP CB007107 C8A4 C000020A 0050 ${server} 0050 SYN_RECV         59`))
    .toMatchObject({ client: "203.0.113.7", server: "2001:db8:1::1" });
});

test("a persistence template, and one of a mark service: the mark is where the VIP would be", () => {
  expect(parseConnection("TCP CB007107 0000 C000020A 0050 0A010001 0050 NONE            299"))
    .toMatchObject({ clientPort: 0, state: "NONE" });
  expect(parseConnection("IP  CB007100 0000 00000064 0000 0A010001 0000 ASSURED         300"))
    .toMatchObject({ protocol: "ip", virtual: "0.0.0.100", state: "ASSURED" });
});

test("data of a persistence engine, which a client chose, without what could move a cursor", () => {
  const sip = "UDP CB007107 13C4 C000020A 13C4 0A010001 13C4 UDP             299 sip ";
  expect(parseConnection(`${sip}4711@203.0.113.7`)).toMatchObject({
    engine: "sip",
    engineData: "4711@203.0.113.7",
  });
  expect(parseConnection(`${sip}a b\x1b[2J\xff`)?.engineData).toBe("a b?[2J?");
  expect(parseConnection(sip + "x".repeat(300))?.engineData.length).toBe(255);
});

test("a state the kernel has no name for, SCTP, ICMP", () => {
  const line = (protocol: string, state: string) =>
    tcp.replace("TCP", protocol).replace("ESTABLISHED", state);
  expect(parseConnection(line("SCTP", "SHUTDOWN_ACK_SENT"))?.state).toBe("SHUTDOWN_ACK_SENT");
  expect(parseConnection(line("SCTP", "INIT1"))).toMatchObject({
    protocol: "sctp",
    state: "INIT1",
  });
  expect(parseConnection(line("ICMPv6", "?"))).toMatchObject({ protocol: "icmpv6", state: "?" });
  expect(parseConnection(line("IP_50", "ERR!"))).toMatchObject({
    protocol: "ip_50",
    state: "ERR!",
  });
});

describe("what the kernel does not write is no connection", () => {
  const cases = [
    ["nothing", ""],
    ["half a line", tcp.slice(0, 30)],
    ["a line with something before it", ` ${tcp}`],
    ["a short address", tcp.replace("C000020A", "C000020")],
    ["an IPv6 address with a gap", tcp.replace("C000020A", "2001::a")],
    ["a port of five digits", tcp.replace(" 0050 ", " 10050 ")],
    ["no number of seconds", tcp.replace("899", "soon")],
    ["an engine without data", `${tcp} sip`],
    ["a state of control characters", tcp.replace("ESTABLISHED", "\x1b[2J")],
  ] as const;
  for (const [what, line] of cases) {
    test(what, () => expect(parseConnection(line)).toBeUndefined());
  }
});
