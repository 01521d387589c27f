import { describe, expect, test } from "bun:test";
import { checkSchema, NO_CHECK, TCP_CHECK } from "../../../src/core/check.ts";
import { IPIP } from "../../../src/core/service/forwarding.ts";
import type { Persistence } from "../../../src/core/service/scheduling.ts";
import {
  formatPortRange,
  MARK_VIPS_MAX,
  memberPort,
  parsePortRange,
  type PortRange,
  type Service,
  serviceNameSchema,
  serviceProblem,
  serviceSchema,
  THRESHOLD_MAX,
  transportsOf,
  vipOfService,
  vipSchema,
  vipsOfService,
} from "../../../src/core/service/service.ts";
import { markService, service, VIP } from "../../support/cluster_views.ts";

const PERSISTENCE = { timeoutS: 360, prefixLength: null, engine: null };

describe("serviceSchema", () => {
  test("reads an entry of the version before this model: what it lacks has its default", () => {
    const old = {
      address: VIP,
      port: 80,
      protocol: "tcp",
      scheduler: "wlc",
      forwarding: "dr",
      check: { kind: "http", port: null },
    } as const;
    expect(serviceSchema.parse(old)).toEqual({
      ...old,
      flags: [],
      onePacket: false,
      persistence: null,
      tunnel: null,
      serverPort: null,
      members: true,
      weight: 1,
      upper: 0,
      lower: 0,
      fallback: null,
      quorum: 1,
      hysteresis: 0,
      quorumBy: "count",
      whenAllFail: "fallback",
      onFailure: "quiesce",
      slowStartMs: 0,
      adaptWeights: false,
      check: checkSchema.parse(old.check),
    });
  });

  test("reads what it wrote", () => {
    for (const item of [service(), markService()]) {
      expect(serviceSchema.parse(JSON.parse(JSON.stringify(item)))).toEqual(item);
    }
  });

  const accepts = (fields: Record<string, unknown>, of: Service = service()) =>
    serviceSchema.safeParse({ ...of, ...fields }).success;

  const right: Record<string, unknown>[] = [
    {},
    { protocol: "udp" },
    { protocol: "sctp" },
    { address: "2001:db8::240" },
    { port: 65_535 },
    { port: 0, persistence: PERSISTENCE, check: NO_CHECK },
    { scheduler: "mh" },
    { weight: 0 },
    { weight: 65_535 },
    { upper: THRESHOLD_MAX, lower: THRESHOLD_MAX },
    { members: false },
  ];
  test.each(right)("takes %j", (fields) => {
    expect(accepts(fields)).toBe(true);
  });

  const wrong: Record<string, unknown>[] = [
    { address: "127.0.0.1" },
    { address: "2001:DB8::240" },
    { address: "www.example.org" },
    { port: -1 },
    { port: 65_536 },
    { port: 80.5 },
    { protocol: "dccp" },
    { scheduler: "best" },
    { forwarding: "teleport" },
    { forwarding: "local" },
    { check: undefined },
    { persistent: 300 },
    { flags: ["flag-4"] },
    { weight: 65_536 },
    { weight: -1 },
    { upper: THRESHOLD_MAX + 1 },
    { lower: -1 },
    { serverPort: 0 },
    { vips: [VIP] },
    { mark: 7 },
  ];
  test.each(wrong)("refuses %j", (fields) => {
    expect(accepts(fields)).toBe(false);
  });

  const wrongMarks: Record<string, unknown>[] = [
    { mark: 0 },
    { mark: 2 ** 32 },
    { family: 5 },
    { vips: [] },
    { vips: Array.from({ length: MARK_VIPS_MAX + 1 }, (_, index) => `10.0.1.${index + 1}`) },
    { vips: ["127.0.0.1"] },
    { ports: [{ protocol: "tcp", first: 81, last: 80 }] },
    { ports: [{ protocol: "tcp", first: 0, last: 80 }] },
    { ports: [{ protocol: "icmp", first: 1, last: 80 }] },
    { address: VIP },
    { port: 80 },
  ];
  test.each(wrongMarks)("refuses a mark service with %j", (fields) => {
    expect(accepts({}, markService())).toBe(true);
    expect(accepts(fields, markService())).toBe(false);
  });

  test("says what is wrong with a service as a whole", () => {
    const { error } = serviceSchema.safeParse({ ...service(), port: 0 });
    expect(error?.issues[0]?.message).toBe("port 0 takes every port, which needs persistence");
  });
});

describe("serviceProblem", () => {
  const tcp = service();
  const udp = service({ protocol: "udp" });
  const six = service({ address: "2001:db8::1" });
  const any = service({ port: 0, persistence: PERSISTENCE, check: { ...TCP_CHECK, port: 80 } });
  const mark = markService();
  const persistent = (fields: Partial<Persistence>) => ({
    persistence: { ...PERSISTENCE, ...fields } as Service["persistence"],
  });
  const ownPort = "the check must name a port (tcp://:80), for the service has none of its own";
  const cases: [what: string, service: Service, words: string | null][] = [
    ["plain", tcp, null],
    ["for every port", any, null],
    [
      "for every port without persistence",
      { ...any, persistence: null },
      "port 0 takes every port, which needs persistence",
    ],
    ["a mark", mark, null],
    ["a mask", { ...tcp, ...persistent({ prefixLength: 32 }) } as Service, null],
    [
      "a long mask",
      { ...tcp, ...persistent({ prefixLength: 33 }) } as Service,
      "an IPv4 netmask has at most 32 bits",
    ],
    ["a long mask for IPv6", { ...six, ...persistent({ prefixLength: 128 }) } as Service, null],
    [
      "a long mask for a mark",
      { ...mark, ...persistent({ prefixLength: 33 }) } as Service,
      "an IPv4 netmask has at most 32 bits",
    ],
    [
      "SIP by TCP",
      { ...tcp, ...persistent({ engine: "sip" }) } as Service,
      "the persistence engine sip reads UDP only",
    ],
    ["SIP by UDP", { ...udp, ...persistent({ engine: "sip" }) } as Service, null],
    ["SIP by mark", { ...mark, ...persistent({ engine: "sip" }) } as Service, null],
    [
      "one packet by TCP",
      { ...tcp, onePacket: true },
      "one-packet scheduling is for UDP and mark services",
    ],
    ["one packet by UDP", { ...udp, onePacket: true }, null],
    ["one packet by mark", { ...mark, onePacket: true }, null],
    ["another port with NAT", { ...tcp, forwarding: "nat", serverPort: 8_080 }, null],
    [
      "another port with direct routing",
      { ...tcp, serverPort: 8_080 },
      "only nat can change the port: with direct routing and tunnels the server must listen on the service's own",
    ],
    ["its own port with direct routing", { ...tcp, serverPort: 80 }, null],
    [
      "another port of a mark",
      { ...mark, forwarding: "nat", serverPort: 8_080 },
      "a mark service keeps the client's port",
    ],
    [
      "one port for every port",
      { ...any, forwarding: "nat", serverPort: 8_080 },
      "a service for every port keeps the client's port",
    ],
    [
      "a mark with a VIP of the other family",
      { ...mark, vips: ["2001:db8::1"] },
      "the VIPs of an IPv4 mark must be IPv4 addresses",
    ],
    ["a mark with a VIP twice", { ...mark, vips: [VIP, VIP] }, "a VIP is named twice"],
    ["a check without a port for a mark", { ...mark, check: TCP_CHECK }, ownPort],
    ["a check without a port for every port", { ...any, check: TCP_CHECK }, ownPort],
    ["no check for a mark", { ...mark, check: NO_CHECK }, null],
    [
      "a tunnel by direct routing",
      { ...tcp, tunnel: IPIP },
      "a tunnel is told exactly when the forwarding method is tunnel",
    ],
    [
      "a tunnel without its kind",
      { ...tcp, forwarding: "tunnel" },
      "a tunnel is told exactly when the forwarding method is tunnel",
    ],
    ["a tunnel", { ...tcp, forwarding: "tunnel", tunnel: IPIP }, null],
    [
      "a flag twice",
      { ...tcp, scheduler: "sh", flags: ["flag-1", "flag-1"] },
      "a scheduler flag is named twice",
    ],
    [
      "a flag without meaning",
      { ...tcp, scheduler: "mh", flags: ["flag-3"] },
      "scheduler mh has no flag-3",
    ],
    [
      "a flag of a scheduler that has none",
      { ...tcp, flags: ["flag-1"] },
      "scheduler wlc has no flags; sh and mh have",
    ],
    ["flags", { ...tcp, scheduler: "sh", flags: ["flag-1", "flag-2"] }, null],
    ["thresholds", { ...tcp, upper: 10, lower: 10 }, null],
    [
      "thresholds the wrong way round",
      { ...tcp, upper: 10, lower: 11 },
      "the lower threshold must not be above the upper one",
    ],
    [
      "a lower threshold alone",
      { ...tcp, lower: 1 },
      "the lower threshold must not be above the upper one",
    ],
  ];
  test.each(cases)("%s", (_what, item, words) => {
    expect(serviceProblem(item)).toBe(words);
  });
});

test("GRE with a checksum is for machines without an agent only", () => {
  const gre = {
    forwarding: "tunnel",
    tunnel: { kind: "gre", port: 0, checksum: "csum" },
  } as const;
  expect(serviceProblem(service(gre))).toStartWith("members take gre without a checksum only");
  expect(serviceProblem(service({ ...gre, members: false }))).toBeNull();
});

describe("port ranges", () => {
  const right: [text: string, range: PortRange, written: string][] = [
    ["tcp/80", { protocol: "tcp", first: 80, last: 80 }, "tcp/80"],
    ["udp/5000-5100", { protocol: "udp", first: 5_000, last: 5_100 }, "udp/5000-5100"],
    ["sctp/1-65535", { protocol: "sctp", first: 1, last: 65_535 }, "sctp/1-65535"],
    ["tcp/80-80", { protocol: "tcp", first: 80, last: 80 }, "tcp/80"],
  ];
  test.each(right)("%j is read", (text, range, written) => {
    expect(parsePortRange(text)).toEqual(range);
    expect(formatPortRange(range)).toBe(written);
  });

  test("nothing else is", () => {
    const wrong = ["", "80", "tcp", "tcp/", "tcp/0", "tcp/80-79", "tcp/80-", "tcp/65536", "TCP/80"];
    for (const text of [...wrong, "icmp/1", "tcp/80-90-91"]) {
      expect([text, parsePortRange(text)]).toEqual([text, undefined]);
    }
  });
});

describe("of a service", () => {
  const mark = markService({
    vips: ["10.0.0.9", "10.0.0.1"],
    ports: ["tcp", "udp", "tcp"].map((protocol) => ({ protocol, first: 1, last: 1 }) as PortRange),
  });

  test("the first VIP leads", () => {
    expect([vipOfService(mark), vipsOfService(mark)]).toEqual([
      "10.0.0.9",
      ["10.0.0.9", "10.0.0.1"],
    ]);
    expect([vipOfService(service()), vipsOfService(service())]).toEqual([VIP, [VIP]]);
  });

  test("members have the service's port, the one that is told, or the client's", () => {
    expect(memberPort(service())).toBe(80);
    expect(memberPort(service({ forwarding: "nat", serverPort: 8_080 }))).toBe(8_080);
    expect(memberPort(service({ port: 0 }))).toBe(0);
    expect(memberPort(mark)).toBe(0);
  });

  test("transports are named once each", () => {
    expect(transportsOf(mark)).toEqual(["tcp", "udp"]);
    expect(transportsOf(service({ protocol: "sctp" }))).toEqual(["sctp"]);
  });

  test("a name is nothing but the name", () => {
    const name = { address: VIP, port: 80, protocol: "tcp" };
    expect(serviceNameSchema.safeParse(name).success).toBe(true);
    expect(serviceNameSchema.safeParse({ protocol: "fwm", family: 6, mark: 7 }).success).toBe(true);
    expect(serviceNameSchema.safeParse({ ...name, scheduler: "rr" }).success).toBe(false);
    expect(serviceNameSchema.safeParse({ protocol: "fwm", mark: 7 }).success).toBe(false);
  });
});

test("vipSchema says what is wrong", () => {
  expect(vipSchema.safeParse("0.0.0.0").error?.issues[0]?.message)
    .toBe("is not an address that can be a VIP");
});
