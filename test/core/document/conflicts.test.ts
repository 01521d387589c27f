import { describe, expect, test } from "bun:test";
import {
  serverConflict,
  serverProblem,
  serviceConflict,
} from "../../../src/core/document/conflicts.ts";
import { IPIP } from "../../../src/core/service/forwarding.ts";
import type { Service } from "../../../src/core/service/service.ts";
import {
  documentOf,
  idOf,
  machine,
  markService,
  serverEntry,
  service,
  type Shared,
  VIP,
  vipEntry,
} from "../../support/cluster_views.ts";

const OTHER = "10.0.0.101";
const range = (protocol: "tcp" | "udp", first: number, last = first) => ({ protocol, first, last });

describe("serviceConflict", () => {
  const conflict = (item: Service, services: readonly Service[], more: Partial<Shared> = {}) =>
    serviceConflict(documentOf({ ...more, services }), item);
  const taken = (what: string, by: string) =>
    `${what} belongs to ${by} already, and a packet can have one service only`;
  const marked = markService({ ports: [range("tcp", 80, 90), range("udp", 53)] });

  const cases: [what: string, item: Service, others: Service[], words: string | null][] = [
    ["alone", service(), [], null],
    ["itself", service({ scheduler: "rr" }), [service()], null],
    ["another port", service({ port: 443 }), [service()], null],
    ["another protocol", service({ protocol: "udp" }), [service()], null],
    ["every port beside one", service({ port: 0 }), [service()], null],
    ["every port beside a mark", service({ port: 0 }), [marked], null],
    [
      "an endpoint that a mark takes",
      service({ port: 85 }),
      [marked],
      taken(`${VIP} tcp/85`, "fwmark:7"),
    ],
    [
      "an endpoint at the range's first end",
      service(),
      [marked],
      taken(`${VIP} tcp/80`, "fwmark:7"),
    ],
    [
      "an endpoint at the range's last end",
      service({ port: 90 }),
      [marked],
      taken(`${VIP} tcp/90`, "fwmark:7"),
    ],
    ["an endpoint before the range", service({ port: 79 }), [marked], null],
    ["an endpoint behind the range", service({ port: 91 }), [marked], null],
    ["an endpoint of the other protocol", service({ port: 85, protocol: "udp" }), [marked], null],
    ["an endpoint of another VIP", service({ address: OTHER, port: 85 }), [marked], null],
    [
      "a mark over an endpoint",
      marked,
      [service({ port: 53, protocol: "udp" })],
      taken(`${VIP} udp/53`, `${VIP}:53/udp`),
    ],
    [
      "a mark over a mark",
      markService({ mark: 8, ports: [range("tcp", 70, 85)] }),
      [marked],
      taken(`${VIP} tcp/80-85`, "fwmark:7"),
    ],
    [
      "a mark beside a mark",
      markService({ mark: 8, ports: [range("tcp", 70, 79)] }),
      [marked],
      null,
    ],
    ["a mark whose rules somebody else makes", markService({ mark: 8, ports: [] }), [marked], null],
  ];
  test.each(cases)("%s", (_what, item, others, words) => {
    expect(conflict(item, others)).toBe(words);
  });

  test("several VIPs of a mark must be one group", () => {
    const both = markService({ vips: [VIP, OTHER] });
    const apart = `${VIP} and ${OTHER} are not in one group, so two nodes could hold them`;
    const vips = (first: string | null, second: string | null) => ({
      vips: [vipEntry({ group: first }), vipEntry({ address: OTHER, group: second })],
    });
    expect(conflict(both, [])).toBe(apart);
    expect(conflict(both, [], vips(null, null))).toBe(apart);
    expect(conflict(both, [], vips("a", "b"))).toBe(apart);
    expect(conflict(both, [], vips("a", null))).toBe(apart);
    expect(conflict(both, [], vips("a", "a"))).toBeNull();
  });

  test("servers that are entered must fit a changed service", () => {
    const servers = [serverEntry(machine(21))];
    expect(conflict(service(), [service()], { servers })).toBeNull();
    expect(conflict(service({ upper: 9 }), [service()], {
      servers: [serverEntry({ node: idOf(2) }, { lower: 10, upper: 12 })],
    })).toBeNull();
    const nat = [serverEntry(machine(21, 8_080), { forwarding: "nat" })];
    expect(conflict(service(), [service()], { servers: nat })).toBeNull();
    const inherited = [serverEntry(machine(21, 8_080))];
    expect(conflict(service(), [service()], { servers: inherited })).toBe(
      "server 10.0.0.21:8080: direct routing cannot change the port: " +
        "the server must listen on 80, the service's own",
    );
    const lower = [serverEntry({ node: idOf(2) }, { lower: 10 })];
    expect(conflict(service({ upper: 9 }), [service()], { servers: lower }))
      .toBe("server settings of a member: the lower threshold must not be above the upper one");
  });
});

describe("serverProblem", () => {
  const nat = service({ forwarding: "nat", serverPort: 8_080 });
  const cases: [
    what: string,
    item: Service,
    entry: ReturnType<typeof serverEntry>,
    string | null,
  ][] = [
    ["a machine", service(), serverEntry(machine(21)), null],
    ["a member", service(), serverEntry({ node: idOf(2) }, { weight: 0 }), null],
    [
      "a tunnel by direct routing",
      service(),
      serverEntry(machine(21), { tunnel: IPIP }),
      "a tunnel needs the forwarding method tunnel",
    ],
    ["a tunnel", service(), serverEntry(machine(21), { forwarding: "tunnel", tunnel: IPIP }), null],
    [
      "the service's tunnel",
      service({ forwarding: "tunnel", tunnel: IPIP }),
      serverEntry(machine(21), { tunnel: IPIP }),
      null,
    ],
    [
      "a machine on another port",
      service(),
      serverEntry(machine(21, 81)),
      "direct routing cannot change the port: the server must listen on 80, the service's own",
    ],
    ["NAT on another port", nat, serverEntry(machine(21, 81)), null],
    ["a member that NAT reaches on its port", nat, serverEntry({ node: idOf(2) }), null],
    [
      "a member by direct routing among others on another port",
      nat,
      serverEntry({ node: idOf(2) }, { forwarding: "dr" }),
      "the service's servers listen on port 8080, which only nat can reach",
    ],
    [
      "thresholds",
      service({ lower: 3, upper: 9 }),
      serverEntry(machine(21), { upper: 2 }),
      "the lower threshold must not be above the upper one",
    ],
    [
      "a threshold of its own",
      service({ lower: 3, upper: 9 }),
      serverEntry(machine(21), { upper: 2, lower: 1 }),
      null,
    ],
  ];
  test.each(cases)("%s", (_what, item, entry, words) => {
    expect(serverProblem(item, entry)).toBe(words);
  });
});

describe("serverConflict", () => {
  const shared: Shared = {
    services: [service(), service({ address: OTHER })],
    servers: [serverEntry(machine(21))],
    vips: [vipEntry({ address: "10.0.0.102" })],
  };
  const conflict = (entry: ReturnType<typeof serverEntry>) =>
    serverConflict(documentOf(shared), service(), entry);

  const cases: [number, words: string | null][] = [
    [22, null],
    [21, "it is there already"],
    [100, "10.0.0.100 is the service's own VIP"],
    [101, "10.0.0.101 is a VIP of this cluster"],
    [102, "10.0.0.102 is a VIP of this cluster"],
  ];
  test.each(cases)("the machine 10.0.0.%d", (index, words) => {
    expect(conflict(serverEntry(machine(index)))).toBe(words);
  });

  test("has what is wrong with the server itself", () => {
    expect(conflict(serverEntry(machine(22, 81)))).toStartWith("direct routing cannot change");
    expect(conflict(serverEntry({ node: idOf(2) }))).toBeNull();
  });
});
