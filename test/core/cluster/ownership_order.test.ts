/**
 * The order of candidates and of claims, on members written down one by one.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { incumbentOf, rankCandidates } from "../../../src/core/cluster/candidates.ts";
import { type Member } from "../../../src/core/cluster/member.ts";
import type { WitnessView } from "../../../src/core/state/gateway_witness.ts";
import { spreadHash } from "../../../src/core/spread_hash.ts";
import { idOf, modelNode, service, viewOf, VIP } from "../../support/cluster_views.ts";

function member(index: number, fields: Partial<Member> = {}): Member {
  return {
    id: idOf(index),
    name: `n${index}`,
    priority: 100,
    director: true,
    unfit: null,
    untold: false,
    witness: "none",
    leaving: false,
    starting: false,
    claim: undefined,
    ...fields,
  };
}

/** A cluster whose operators prefer nobody. */
const STATE = viewOf([modelNode(1)], 1, { services: [service()] });

function rank(members: readonly Member[], vip: string, first: string | null): Member[] {
  return rankCandidates(STATE, { members, vip, first });
}

const names = (members: readonly Member[]) => members.map((item) => item.name);

describe("rankCandidates", () => {
  test("puts the target of a move first, then priority, then the hash", () => {
    const members = [
      member(1, { priority: 90 }),
      member(2, { priority: 110 }),
      member(3, { priority: 110 }),
      member(4, { priority: 120 }),
    ];
    const byHash = [member(2), member(3)]
      .sort((a, b) => spreadHash(b.id + VIP) - spreadHash(a.id + VIP));
    expect(names(rank(members, VIP, null))).toEqual(["n4", ...names(byHash), "n1"]);
    expect(names(rank(members, VIP, idOf(1)))).toEqual(["n1", "n4", ...names(byHash)]);
  });

  test("is the same whatever the order in which members became known", () => {
    fc.assert(fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6 }), (order) => {
      const members = order.map((index) => member(index, { priority: index % 2 }));
      const sorted = members.toSorted((a, b) => a.id < b.id ? -1 : 1);
      expect(names(rank(members, VIP, null)))
        .toEqual(names(rank(sorted, VIP, null)));
    }));
  });

  const unable: [what: string, fields: Partial<Member>][] = [
    ["that is no director", { director: false }],
    ["that is unfit", { unfit: "eth0 is down" }],
    ["that leaves", { leaving: true }],
    ["that starts", { starting: true }],
  ];
  test.each(unable)("leaves out a member %s, even as the target of a move", (_what, fields) => {
    expect(rank([member(1, { ...fields, priority: 255 })], VIP, idOf(1))).toEqual([]);
  });

  const witnesses: [what: string, views: readonly WitnessView[], ranked: readonly string[]][] = [
    ["leaves out whom it does not answer while it answers another one", ["answers", "silent"], [
      "n1",
    ]],
    ["does so also if that is the node itself, or one ordered to hold it", ["silent", "answers"], [
      "n2",
    ]],
    ["keeps whom it does not answer while it answers nobody", ["none", "silent"], ["n1", "n2"]],
    ["keeps who only has a doubt", ["answers", "doubt"], ["n1", "n2"]],
    ["keeps who has none", ["none", "answers"], ["n1", "n2"]],
  ];
  test.each(witnesses)("the gateway witness %s", (_what, views, ranked) => {
    const members = views.map((witness, index) => member(index + 1, { witness }));
    expect(names(rank(members, VIP, idOf(1))).toSorted()).toEqual([...ranked]);
  });

  test("an answer to a node that cannot hold the VIP keeps nobody from it", () => {
    for (const [, fields] of unable) {
      const members = [
        member(1, { ...fields, witness: "answers" }),
        member(2, { witness: "silent" }),
      ];
      expect(names(rank(members, VIP, null))).toEqual(["n2"]);
    }
  });

  const vips = Array.from({ length: 56 }, (_, index) => `192.0.2.${index + 100}`);
  const first = (members: readonly Member[], vip: string) =>
    rank(members, vip, null)[0]?.id as string;
  // As real ids are: the starts of hashes. Taken from SHA-256 of the numbers, so that the test stays the same.
  const realistic = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      ...member(index),
      id: new Bun.CryptoHasher("sha256").update(String(index)).digest("hex").slice(0, 16),
    }));

  test.each([2, 3, 5])("spreads many VIPs over %d equal nodes", (count) => {
    const members = realistic(count);
    const shares = new Map(members.map(({ id }) => [id, 0]));
    for (const vip of vips) {
      const id = first(members, vip);
      shares.set(id, (shares.get(id) ?? 0) + 1);
    }
    const fair = vips.length / count;
    for (const share of shares.values()) {
      expect(share).toBeGreaterThan(fair * 0.4);
      expect(share).toBeLessThan(fair * 1.6);
    }
  });

  test("spreads neighbouring VIPs over nodes with neighbouring ids too", () => {
    const members = [member(1), member(2)];
    const share = vips.filter((vip) => first(members, vip) === idOf(1)).length;
    expect(share).toBeGreaterThan(vips.length * 0.25);
    expect(share).toBeLessThan(vips.length * 0.75);
  });

  test("moves only the VIPs of a node that is gone", () => {
    const members = realistic(4);
    const rest = members.slice(1);
    for (const vip of vips) {
      if (first(members, vip) !== members[0]?.id) {
        expect(first(rest, vip)).toBe(first(members, vip));
      }
    }
  });
});

describe("incumbentOf", () => {
  const claim = (epoch: number, yielding = false) => ({ claim: { epoch, yielding } });
  const cases: [what: string, members: Member[], name: string | undefined][] = [
    ["nobody claims", [member(1), member(2)], undefined],
    ["one claims", [member(1), member(2, claim(1))], "n2"],
    ["the higher epoch wins", [
      member(1, { ...claim(3), priority: 200 }),
      member(2, claim(4)),
    ], "n2"],
    [
      "then the higher priority",
      [member(1, claim(3)), member(2, { ...claim(3), priority: 101 })],
      "n2",
    ],
    ["then the lower id", [member(2, claim(3)), member(1, claim(3))], "n1"],
    ["an unfit claimer is one all the same", [member(1, { ...claim(3), unfit: "down" })], "n1"],
    ["and so is one that yields", [member(1, claim(3, true)), member(2, claim(2))], "n1"],
  ];
  test.each(cases)("%s", (_what, members, name) => {
    expect(incumbentOf(members)?.name).toBe(name);
    expect(incumbentOf(members.toReversed())?.name).toBe(name);
  });
});
