import { describe, expect, test } from "bun:test";
import {
  FAILBACK_S_MAX,
  groupOf,
  leaderOf,
  plainVip,
  vipEntrySchema,
} from "../../../src/core/document/vip.ts";
import { idOf, VIP } from "../../support/cluster_views.ts";

test("plainVip is the entry of a VIP of which nobody said anything", () => {
  expect(plainVip(VIP)).toEqual({
    address: VIP,
    interface: null,
    label: null,
    group: null,
    prefer: [],
    failbackS: null,
  });
});

describe("vipEntrySchema", () => {
  const cases: [fields: Record<string, unknown>, accepted: boolean][] = [
    [{}, true],
    [{ interface: "eth0.7" }, true],
    [{ interface: "" }, false],
    [{ interface: "sixteen-letters-" }, false],
    [{ label: "1" }, true],
    [{ label: "a b" }, false],
    [{ label: "eth0:1" }, false],
    [{ label: "" }, false],
    [{ group: "web-1.a" }, true],
    [{ group: "-web" }, false],
    [{ prefer: [idOf(1)] }, true],
    [{ prefer: ["n1"] }, false],
    [{ failbackS: 0 }, true],
    [{ failbackS: FAILBACK_S_MAX }, true],
    [{ failbackS: FAILBACK_S_MAX + 1 }, false],
    [{ failbackS: -1 }, false],
    [{ address: "127.0.0.1" }, false],
    [{ netmask: 24 }, false],
  ];
  test.each(cases)("%j: %p", (fields, accepted) => {
    expect(vipEntrySchema.safeParse({ address: VIP, ...fields }).success).toBe(accepted);
  });
});

describe("groupOf", () => {
  const entries = new Map(
    (["10.0.0.9", "10.0.0.10", "10.0.0.3", "2001:db8::1", "10.0.0.5"] as const).map((
      address,
      index,
    ) => [address, { ...plainVip(address), group: [null, "a", "b", "a", "a"][index] ?? null }]),
  );

  test("is every VIP of the group, in one order for all", () => {
    const group = ["10.0.0.10", "10.0.0.5", "2001:db8::1"] as const;
    for (const vip of group) {
      expect(groupOf(vip, entries)).toEqual(group as unknown as [string, ...string[]]);
      expect(leaderOf(vip, entries)).toBe("10.0.0.10");
      expect(groupOf(vip, new Map([...entries].reverse())))
        .toEqual(group as unknown as [string, ...string[]]);
    }
  });

  test("is the VIP alone without a group, without an entry, and in a group of one", () => {
    for (const vip of ["10.0.0.9", "10.0.0.99", "10.0.0.3"]) {
      expect(groupOf(vip, entries)).toEqual([vip]);
      expect(leaderOf(vip, entries)).toBe(vip);
    }
  });
});
