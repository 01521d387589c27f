import { describe, expect, test } from "bun:test";
import { checkSchema, NO_CHECK } from "../../../src/core/check.ts";
import { IPIP } from "../../../src/core/service/forwarding.ts";
import {
  isTunnelDevice,
  receivingInterfaces,
  tunnelDevice,
  tunnelEnds,
  watchPoint,
} from "../../../src/core/desired/receiving.ts";
import type { Service } from "../../../src/core/service/service.ts";
import type { State } from "../../../src/core/state.ts";
import {
  addressOf,
  idOf,
  markService,
  modelNode,
  serverEntry,
  service,
  type Shared,
  viewOf,
  VIP,
} from "../../support/cluster_views.ts";

const VIP6 = "2001:db8::100";
const TUNNEL = { forwarding: "tunnel", tunnel: IPIP } as const;
const NAT = { forwarding: "nat" } as const;
const GUE = {
  forwarding: "tunnel",
  tunnel: { kind: "gue", port: 6_080, checksum: "none" },
} as const;
const GRE = { forwarding: "tunnel", tunnel: { kind: "gre", port: 0, checksum: "none" } } as const;

function stateOf(services: readonly Service[], more: Partial<Shared> = {}, realServer = true) {
  return viewOf([modelNode(1, { realServer })], 1, { ...more, services });
}

/** A node whose only address is IPv6. */
function six(state: State): State {
  const [path] = state.self.paths;
  return { ...state, self: { ...state.self, paths: [{ ...path, address: "2001:db8::1" }] } };
}

describe("receivingInterfaces", () => {
  const cases: [what: string, state: State, wanted: string[]][] = [
    ["direct routing", stateOf([service()]), ["lo"]],
    ["NAT", stateOf([service(NAT)]), []],
    ["a tunnel", stateOf([service(TUNNEL)]), ["lo", "tunl0"]],
    ["GUE", stateOf([service(GUE)]), ["lo", "tunl0"]],
    ["GRE", stateOf([service(GRE)]), ["gre0", "lo"]],
    ["no address of the tunnel's family", six(stateOf([service(TUNNEL)])), []],
    ["NAT beside direct routing", stateOf([service({ port: 443 }), service(NAT)]), ["lo"]],
    ["several tunnels", stateOf([service(TUNNEL), service({ port: 443, ...GRE })]), [
      "gre0",
      "lo",
      "tunl0",
    ]],
    ["a service without members", stateOf([service({ members: false })]), []],
    ["no real server", stateOf([service()], {}, false), []],
    ["no address of the family", six(stateOf([service()])), []],
    [
      "NAT for this member alone",
      stateOf([service()], { servers: [serverEntry({ node: idOf(1) }, NAT)] }),
      [],
    ],
    [
      "direct routing for this member alone",
      stateOf([service(NAT)], {
        servers: [serverEntry({ node: idOf(1) }, { forwarding: "dr" })],
      }),
      ["lo"],
    ],
    [
      "NAT for another member",
      stateOf([service()], { servers: [serverEntry({ node: idOf(2) }, NAT)] }),
      ["lo"],
    ],
  ];
  test.each(cases)("with %s", (_what, state, wanted) => {
    expect(receivingInterfaces(state, VIP)).toEqual(wanted);
  });

  test("has every VIP of a mark service, and no other", () => {
    const state = stateOf([markService({ vips: [VIP, "10.0.0.101"] })]);
    expect(["10.0.0.100", "10.0.0.101", "10.0.0.102"].map((vip) => receivingInterfaces(state, vip)))
      .toEqual([["lo"], ["lo"], []]);
  });

  test("an IPv6 VIP is not needed at the end of a tunnel", () => {
    const state = six(stateOf([service({ address: VIP6, ...TUNNEL })]));
    expect(receivingInterfaces(state, VIP6)).toEqual(["lo"]);
  });
});

describe("tunnelDevice", () => {
  const gue = { kind: "gue" } as const;
  const ipip = { kind: "ipip" } as const;
  const gre = { kind: "gre" } as const;
  const cases: [tunnel: typeof gue | typeof ipip | typeof gre, 4 | 6, 4 | 6, device: string][] = [
    [ipip, 4, 4, "tunl0"],
    [ipip, 4, 6, "sit0"],
    [ipip, 6, 4, "ip6tnl0"],
    [ipip, 6, 6, "ip6tnl0"],
    [gue, 4, 4, "tunl0"],
    [gue, 4, 6, "sit0"],
    [gue, 6, 4, "ip6tnl0"],
    [gue, 6, 6, "ip6tnl0"],
    [gre, 4, 4, "gre0"],
    [gre, 4, 6, "gre0"],
    [gre, 6, 4, "ip6gre0"],
    [gre, 6, 6, "ip6gre0"],
  ];
  test.each(cases)("%j: IPv%d around IPv%d comes by %s", (tunnel, outer, inner, device) => {
    expect(tunnelDevice(tunnel, { outer, inner })).toBe(device as ReturnType<typeof tunnelDevice>);
    expect(isTunnelDevice(device)).toBe(true);
  });

  test("is no LAN interface", () => {
    for (const name of ["lo", "eth0", "tunl1"]) expect(isTunnelDevice(name)).toBe(false);
  });
});

describe("tunnelEnds", () => {
  test("names devices and ports once each", () => {
    const services = [
      service(TUNNEL),
      service({ port: 443, ...TUNNEL }),
      service({ port: 1, ...GUE }),
      service({ port: 2, ...GUE }),
      service({ port: 3, ...GUE, tunnel: { ...GUE.tunnel, port: 6_081 } }),
      service({ port: 4, ...GRE }),
      service({ port: 5, address: VIP6, ...TUNNEL }),
    ];
    expect(tunnelEnds(stateOf(services))).toEqual({
      devices: ["gre0", "tunl0"],
      guePorts: [{ port: 6_080, family: 4 }, { port: 6_081, family: 4 }],
    });
    expect(tunnelEnds(six(stateOf([service({ address: VIP6, ...GUE })]))))
      .toEqual({ devices: ["ip6tnl0"], guePorts: [{ port: 6_080, family: 6 }] });
  });

  test("are none without tunnels, without members, and on a node that is no real server", () => {
    const none = { devices: [], guePorts: [] };
    expect(tunnelEnds(stateOf([service(), service({ port: 443, ...NAT })]))).toEqual(none);
    expect(tunnelEnds(stateOf([service({ ...GUE, members: false })]))).toEqual(none);
    expect(tunnelEnds(stateOf([service(GUE)], {}, false))).toEqual(none);
  });
});

describe("watchPoint", () => {
  test("is the VIP, or with NAT the node's own address and the members' port", () => {
    const state = stateOf([]);
    expect(watchPoint(state, service()))
      .toEqual({ protocol: "tcp", address: VIP, port: 80, place: "the VIP" });
    expect(watchPoint(state, service({ ...TUNNEL, protocol: "udp" })))
      .toEqual({ protocol: "udp", address: VIP, port: 80, place: "the VIP" });
    expect(watchPoint(state, service({ ...NAT, serverPort: 8_080 }))).toEqual({
      protocol: "tcp",
      address: addressOf(1),
      port: 8_080,
      place: "its own address",
    });
  });

  const blind: [what: string, service: Service][] = [
    ["a check that asks nothing", service({ check: NO_CHECK })],
    ["a mark", markService()],
    ["SCTP", service({ protocol: "sctp" })],
    [
      "every port",
      service({
        port: 0,
        persistence: { timeoutS: 60, prefixLength: null, engine: null },
        check: checkSchema.parse({ kind: "tcp", port: 80 }),
      }),
    ],
    ["no members", service({ members: false })],
    ["another family", service({ address: VIP6 })],
  ];
  test.each(blind)("is none where nobody can say: %s", (_what, item) => {
    expect(watchPoint(stateOf([]), item)).toBeNull();
  });
});
