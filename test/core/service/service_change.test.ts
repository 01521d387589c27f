import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { IPIP } from "../../../src/core/service/forwarding.ts";
import {
  type Service,
  type ServiceChange,
  serviceChangeSchema,
} from "../../../src/core/service/service.ts";
import { changeService } from "../../../src/core/service/service_change.ts";
import { markService, service, VIP } from "../../support/cluster_views.ts";

const PERSISTENCE = { timeoutS: 360, prefixLength: 24, engine: null };
const GUE = { kind: "gue", port: 6_080, checksum: "none" } as const;
const tunnelled = service({ forwarding: "tunnel", tunnel: GUE });
const hashed = service({ scheduler: "sh", flags: ["flag-1"] });
const persistent = service({ persistence: PERSISTENCE });

describe("changeService", () => {
  const right: [what: string, before: Service, ServiceChange, after: Service][] = [
    ["nothing", service(), {}, service()],
    ["undefined is nothing", hashed, { scheduler: undefined, flags: undefined }, hashed],
    ["the scheduler", service(), { scheduler: "rr" }, service({ scheduler: "rr" })],
    [
      "another scheduler has other flags",
      hashed,
      { scheduler: "mh" },
      service({ scheduler: "mh" }),
    ],
    ["the same scheduler keeps its flags", hashed, { scheduler: "sh" }, hashed],
    [
      "a scheduler with flags",
      hashed,
      { scheduler: "mh", flags: ["flag-2"] },
      service({ scheduler: "mh", flags: ["flag-2"] }),
    ],
    ["no flags any more", hashed, { flags: [] }, service({ scheduler: "sh" })],
    [
      "tunnels of the plainest kind",
      service(),
      { forwarding: "tunnel" },
      service({ forwarding: "tunnel", tunnel: IPIP }),
    ],
    ["a tunnel", service(), { forwarding: "tunnel", tunnel: GUE }, tunnelled],
    ["another tunnel", tunnelled, { tunnel: IPIP }, { ...tunnelled, tunnel: IPIP }],
    ["a tunnel that stays", tunnelled, { forwarding: "tunnel", weight: 2 }, {
      ...tunnelled,
      weight: 2,
    }],
    ["no tunnel any more", tunnelled, { forwarding: "dr" }, service()],
    [
      "persistence",
      service(),
      { persistence: { timeoutS: 60 } },
      service({ persistence: { timeoutS: 60, prefixLength: null, engine: null } }),
    ],
    [
      "another time for the same clients",
      persistent,
      { persistence: { timeoutS: 60 } },
      service({ persistence: { ...PERSISTENCE, timeoutS: 60 } }),
    ],
    [
      "another mask for the same time",
      persistent,
      { persistence: { prefixLength: 16 } },
      service({ persistence: { ...PERSISTENCE, prefixLength: 16 } }),
    ],
    ["no persistence any more", persistent, { persistence: null }, service()],
    [
      "a part of the check",
      service(),
      { check: { intervalMs: 250 } },
      service({ check: { ...service().check, intervalMs: 250 } }),
    ],
    ["thresholds", service(), { upper: 9, lower: 3 }, service({ upper: 9, lower: 3 })],
    ["members", service(), { members: false }, service({ members: false })],
    [
      "the VIPs of a mark",
      markService(),
      { vips: [VIP, "10.0.0.9"] },
      markService({ vips: [VIP, "10.0.0.9"] }),
    ],
    ["the ports of a mark", markService(), { ports: [] }, markService({ ports: [] })],
    ["all else of a mark stays", markService(), { weight: 3 }, markService({ weight: 3 })],
  ];
  test.each(right)("%s", (_what, before, change, after) => {
    const copy = structuredClone(before);
    expect(changeService(before, change)).toEqual(after);
    expect(before).toEqual(copy);
  });

  const wrong: [Service, ServiceChange, words: string][] = [
    [service(), { vips: [VIP] }, "only a mark service has VIPs and ports beside its name"],
    [service(), { ports: [] }, "only a mark service has VIPs and ports beside its name"],
    [service(), { tunnel: GUE }, "a tunnel needs the forwarding method tunnel"],
    [
      tunnelled,
      { forwarding: "nat", tunnel: GUE },
      "a tunnel needs the forwarding method tunnel",
    ],
    [
      service(),
      { persistence: { prefixLength: 24 } },
      "a netmask and a persistence engine need persistence",
    ],
    [
      service(),
      { persistence: { engine: "sip" } },
      "a netmask and a persistence engine need persistence",
    ],
    [service(), { flags: ["flag-1"] }, "scheduler wlc has no flags; sh and mh have"],
    [hashed, { scheduler: "rr", flags: ["flag-1"] }, "scheduler rr has no flags; sh and mh have"],
    [
      service({ upper: 9, lower: 3 }),
      { upper: 2 },
      "the lower threshold must not be above the upper one",
    ],
    [service(), { onePacket: true }, "one-packet scheduling is for UDP and mark services"],
    [
      service({ forwarding: "nat", serverPort: 81 }),
      { forwarding: "dr" },
      "only nat can change the port: with direct routing and tunnels the server must listen on the service's own",
    ],
  ];
  test.each(wrong)("%j refuses %j", (before, change, words) => {
    expect(changeService(before, change)).toBe(words);
  });

  test("can be made twice with the same result", () => {
    const change: fc.Arbitrary<ServiceChange> = fc.record({
      scheduler: fc.constantFrom("rr" as const, "sh" as const, "mh" as const),
      flags: fc.constantFrom<ServiceChange["flags"]>(["flag-1"], []),
      forwarding: fc.constantFrom("dr" as const, "nat" as const, "tunnel" as const),
      persistence: fc.constantFrom<ServiceChange["persistence"]>(
        null,
        { timeoutS: 60 },
        { prefixLength: 16 },
      ),
      weight: fc.integer({ min: 0, max: 9 }),
      members: fc.boolean(),
    }, { requiredKeys: [] });
    const before = fc.constantFrom<Service>(
      service(),
      tunnelled,
      hashed,
      persistent,
      markService(),
    );
    fc.assert(fc.property(before, change, (item, wanted) => {
      const once = changeService(item, wanted);
      if (typeof once === "string") return;
      expect(changeService(once, wanted)).toEqual(once);
    }));
  });
});

test("a change names nothing that it does not name", () => {
  expect(serviceChangeSchema.parse({})).toEqual({});
  expect(serviceChangeSchema.parse({ check: { path: "/" } })).toEqual({ check: { path: "/" } });
  expect(serviceChangeSchema.parse({ persistence: { timeoutS: 9 } }))
    .toEqual({ persistence: { timeoutS: 9 } });
  expect(serviceChangeSchema.safeParse({ address: VIP }).success).toBe(false);
  expect(serviceChangeSchema.safeParse({ weight: -1 }).success).toBe(false);
});
