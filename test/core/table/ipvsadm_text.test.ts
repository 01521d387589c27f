/** The table as ipvsadm prints it; the real program is asked in test/kernel. */
import { describe, expect, test } from "bun:test";
import { listingText, saveText } from "../../../src/core/table/ipvsadm_text.ts";
import {
  NO_COUNTERS,
  NO_TRAFFIC,
  type ObservedServer,
  type ObservedService,
} from "../../../src/core/table/table.ts";
import { PLAIN, PLAIN_SERVER } from "../../support/table_rows.ts";

const server: ObservedServer = {
  ...PLAIN_SERVER,
  counters: { ...NO_COUNTERS, activeConnections: 3, inactiveConnections: 12 },
};
const settings = { ...PLAIN, scheduler: "wlc", altered: false, traffic: NO_TRAFFIC } as const;
const web: ObservedService = { ...settings, protocol: "tcp", address: "192.0.2.10", port: 80 };
const mark6: ObservedService = { ...settings, protocol: "fwm", family: 6, mark: 100 };
const sixth = { ...server, address: "2001:db8::1" };

/** One of every kind, in ipvsadm's order. */
const rows: ObservedService[] = [
  {
    ...web,
    scheduler: "sh",
    flags: ["flag-1", "flag-2"],
    persistence: { timeoutS: 300, prefixLength: 20, engine: null },
    servers: [server, {
      ...server,
      address: "10.1.0.2",
      port: 8_080,
      forwarding: "nat",
      weight: 0,
    }],
  },
  {
    ...web,
    protocol: "udp",
    port: 5_060,
    scheduler: "rr",
    onePacket: true,
    persistence: { timeoutS: 60, prefixLength: 32, engine: "sip" },
    servers: [
      { ...server, forwarding: "tunnel", tunnel: { kind: "ipip", port: 0, checksum: "none" } },
      {
        ...server,
        address: "10.1.0.2",
        forwarding: "tunnel",
        tunnel: { kind: "gue", port: 6_080, checksum: "remcsum" },
      },
      {
        ...server,
        address: "10.1.0.3",
        forwarding: "tunnel",
        tunnel: { kind: "gre", port: 0, checksum: "csum" },
      },
    ],
  },
  { ...web, address: "2001:db8::10", protocol: "sctp", scheduler: "mh", flags: ["flag-2"] },
  { ...mark6, family: 4, mark: 7, scheduler: "rr", flags: ["flag-1"] },
  {
    ...mark6,
    persistence: { timeoutS: 360, prefixLength: 64, engine: null },
    servers: [{ ...sixth, port: 0 }],
  },
];

test("saveText prints what ipvsadm -R reads", () => {
  expect(saveText(rows)).toBe(
    `-A -t 192.0.2.10:80 -s sh -p 300 -M 255.255.240.0 -b sh-fallback,sh-port
-a -t 192.0.2.10:80 -r 10.1.0.1:80 -g -w 1
-a -t 192.0.2.10:80 -r 10.1.0.2:8080 -m -w 0
-A -u 192.0.2.10:5060 -s rr -p 60 --pe sip -o
-a -u 192.0.2.10:5060 -r 10.1.0.1:80 -i -w 1 --tun-type ipip
-a -u 192.0.2.10:5060 -r 10.1.0.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -u 192.0.2.10:5060 -r 10.1.0.3:80 -i -w 1 --tun-type gre --tun-csum
-A --sctp-service [2001:db8::10]:80 -s mh -b mh-port
-A -f 7 -s rr -b flag-1
-A -f 100 -6 -s wlc -p 360 -M 64
-a -f 100 -6 -r [2001:db8::1]:0 -g -w 1
`,
  );
  expect(saveText([])).toBe("");
});

test("listingText prints scheduler, flags and servers", () => {
  expect(listingText(rows)).toBe(
    `Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.10:80 sh (sh-fallback,sh-port) persistent 300 mask 255.255.240.0
  -> 10.1.0.1:80                  Route   1      3          12        
  -> 10.1.0.2:8080                Masq    0      3          12        
UDP  192.0.2.10:5060 rr persistent 60 pe sip ops
  -> 10.1.0.1:80                  Tunnel  1      3          12        
  -> 10.1.0.2:80                  Tunnel  1      3          12        
  -> 10.1.0.3:80                  Tunnel  1      3          12        
SCTP [2001:db8::10]:80 mh (mh-port)
FWM  7 rr (flag-1)
FWM  100 IPv6 wlc persistent 360 mask 64
  -> [2001:db8::1]:0              Route   1      3          12        
`,
  );
});

describe("numbers", () => {
  const traffic = {
    connections: 99_999_999,
    inPackets: 100_000_000,
    outPackets: 1_999_999_999,
    inBytes: 123_456_789_012,
    outBytes: 123_456_789_012_345,
    rates: {
      connectionsPerS: 1,
      inPacketsPerS: 22,
      outPacketsPerS: 333,
      inBytesPerS: 4_444,
      outBytesPerS: 55_555,
    },
  };
  const busy = [{
    ...web,
    traffic,
    servers: [{ ...server, counters: { ...NO_COUNTERS, ...traffic } }],
  }];

  test("totals are shortened where they are wide", () => {
    expect(listingText(busy, "stats")).toBe(
      `Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                99999999  100000K    1999M     123G     123T
  -> 10.1.0.1:80                  99999999  100000K    1999M     123G     123T
`,
    );
  });

  test("rates", () => {
    expect(listingText(busy, "rate")).toBe(
      `Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       1       22      333     4444    55555
  -> 10.1.0.1:80                         1       22      333     4444    55555
`,
    );
  });
});

describe("order", () => {
  function order(addresses: readonly string[]): string[] {
    const listed = saveText(addresses.map((address) => ({ ...web, address })));
    return [...listed.matchAll(/-t (\S+):80/g)].map(([, address]) => address!);
  }

  test("IPv4 before IPv6, addresses by number, not by text", () => {
    expect(order(["2001:db8::1", "192.0.2.10", "192.0.2.9", "2001:db8::a:0:1"])).toEqual([
      "192.0.2.9",
      "192.0.2.10",
      "[2001:db8::1]",
      "[2001:db8::a:0:1]",
    ]);
  });

  test("ports of one address by number", () => {
    const listed = saveText([443, 8_080, 80].map((port) => ({ ...web, port })));
    expect([...listed.matchAll(/:(\d+) -s/g)].map(([, port]) => port)).toEqual([
      "80",
      "443",
      "8080",
    ]);
  });

  test("addresses far apart as ipvsadm has them: its difference wraps round", () => {
    expect(order(["10.0.0.1", "192.0.2.1"])).toEqual(["192.0.2.1", "10.0.0.1"]);
  });

  test("marks last, by number, either family; the rows given stay as they were", () => {
    const given = [mark6, { ...mark6, mark: 7 }, { ...mark6, family: 4 } as const, web];
    expect(saveText(given).split("\n").filter((line) => line !== "")).toEqual([
      "-A -t 192.0.2.10:80 -s wlc",
      "-A -f 7 -6 -s wlc",
      "-A -f 100 -s wlc",
      "-A -f 100 -6 -s wlc",
    ]);
    expect(given[0]).toBe(mark6);
  });

  test("servers of two families", () => {
    const tunnel = { kind: "ipip", port: 0, checksum: "none" } as const;
    const servers = [sixth, server, { ...server, port: 8 }].map((one) => ({
      ...one,
      forwarding: "tunnel" as const,
      tunnel,
    }));
    const found = [...saveText([{ ...web, servers }]).matchAll(/-r (\S+)/g)].map(([, at]) => at);
    expect(found).toEqual(["10.1.0.1:8", "10.1.0.1:80", "[2001:db8::1]:80"]);
  });
});

test("what ipvsadm cannot print is printed as it is: a large mark, a third flag of sh", () => {
  const odd: ObservedService[] = [
    { ...mark6, mark: 0xffff_ffff },
    { ...web, scheduler: "sh", flags: ["flag-3"] },
  ];
  expect(saveText(odd)).toContain("-A -f 4294967295 -6 -s wlc\n");
  expect(saveText(odd)).toContain("-A -t 192.0.2.10:80 -s sh -b flag-3\n");
});

test("methods troop never uses are named", () => {
  const servers = (["local", "bypass"] as const).map((forwarding, index) => ({
    ...server,
    port: 80 + index,
    forwarding,
  }));
  const listed = listingText([{ ...web, servers }]);
  expect(listed).toContain("10.1.0.1:80                  Local   1");
  expect(listed).toContain("10.1.0.1:81                  (null)  1");
});
