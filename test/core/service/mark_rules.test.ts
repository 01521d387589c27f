import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  countNftRules,
  legacyNothing,
  legacyProbeTexts,
  legacyText,
  type MarkRule,
  nftProbeText,
  nftText,
  parseLegacySave,
} from "../../../src/core/service/mark_rules.ts";
import { Refusal } from "../../../src/core/refusal.ts";
import { FakeMangle } from "../../support/fake_mark_kernel.ts";

const web: MarkRule = {
  family: 4,
  address: "192.0.2.1",
  protocol: "tcp",
  firstPort: 80,
  lastPort: 80,
  mark: 5,
};
const media: MarkRule = {
  family: 6,
  address: "2001:db8::1",
  protocol: "udp",
  firstPort: 5_000,
  lastPort: 5_009,
  mark: 0xffff_ffff,
};
const WEB_LINE =
  '-A TROOP -d 192.0.2.1 -p tcp -m tcp --dport 80 -m comment --comment "troop: tcp 192.0.2.1:80 is FWM 5" -j MARK --set-mark 5';
const JUMP_SPEC =
  '-m comment --comment "troop: marks packets for IPVS; written anew whenever services change, do not edit" -j TROOP';

const rule4 = fc.record({
  family: fc.constant(4 as const),
  address: fc.integer({ min: 1, max: 254 }).map((last) => `192.0.2.${last}`),
  protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const),
  ports: fc.tuple(fc.nat(65_535), fc.nat(65_535)),
  mark: fc.integer({ min: 1, max: 0xffff_ffff }),
}).map(({ ports, ...rest }): MarkRule => ({
  ...rest,
  firstPort: Math.min(...ports),
  lastPort: Math.max(...ports),
}));
const rules4 = fc.array(rule4, { maxLength: 5 });

describe("nftText", () => {
  test("makes the table anew in one transaction, whether or not it was there", () => {
    expect(nftText([web, media])).toBe(
      `table inet troop
delete table inet troop
table inet troop {
  comment "troop: marks packets for IPVS; written anew whenever services change, do not edit"
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    ip daddr 192.0.2.1 tcp dport 80 counter meta mark set 5 comment "troop: tcp 192.0.2.1:80 is FWM 5"
    ip6 daddr 2001:db8::1 udp dport 5000-5009 counter meta mark set 4294967295 comment "troop: udp [2001:db8::1]:5000-5009 is FWM 4294967295"
  }
}
`,
    );
  });

  test("removes the table when there are no rules", () => {
    expect(nftText([])).toBe("table inet troop\ndelete table inet troop\n");
  });

  test("tries both families and leaves nothing", () => {
    const text = nftProbeText();
    expect(text).toStartWith("table inet troop_probe {");
    expect(text).toEndWith("}\ndelete table inet troop_probe\n");
    expect(text).toContain(" ip daddr ");
    expect(text).toContain(" ip6 daddr ");
  });

  test("keeps comments within what nft takes: 127 bytes", () => {
    const long = { ...media, address: "2001:db8:1111:2222:3333:4444:5555:6666", firstPort: 10_000 };
    const text = nftText([{ ...long, protocol: "sctp", lastPort: 65_535 }]);
    const comments = [...text.matchAll(/comment "([^"]*)"/g)].map((match) => match[1]!.length);
    expect(comments).toHaveLength(2);
    expect(Math.max(...comments)).toBeLessThan(128);
  });
});

test("countNftRules counts troop's rules, not those somebody put beside them", () => {
  const foreign =
    '    tcp dport 1 meta mark set 0x1 comment "mine"\n    tcp dport 2 meta mark set 1\n';
  expect(countNftRules(nftText([web, media]))).toBe(2);
  expect(countNftRules(nftText([web]) + foreign)).toBe(1);
  expect(countNftRules("")).toBe(0);
});

describe("legacyText", () => {
  test("makes chain and jump", () => {
    expect(legacyText([web], legacyNothing)).toBe(
      `*mangle\n:TROOP - [0:0]\n${WEB_LINE}\n-A PREROUTING ${JUMP_SPEC}\nCOMMIT\n`,
    );
  });

  test("fills the chain anew and leaves the jump where it is", () => {
    const now = { ...legacyNothing, chainExists: true, jumps: [`-A PREROUTING ${JUMP_SPEC}`] };
    expect(legacyText([web], now)).toBe(`*mangle\n:TROOP - [0:0]\n${WEB_LINE}\nCOMMIT\n`);
  });

  test("writes a range with a colon", () => {
    expect(legacyText([media], legacyNothing)).toContain("--dport 5000:5009 ");
  });

  test("does nothing where nothing is and nothing is wanted", () => {
    expect(legacyText([], legacyNothing)).toBeNull();
  });

  test("whatever was there, one jump leads to exactly the rules; without rules nothing is left", () => {
    fc.assert(fc.property(fc.array(rules4, { minLength: 1 }), fc.nat(3), (lists, jumps) => {
      const table = new FakeMangle();
      table.chains.get("PREROUTING")!.push("-p tcp -j MARK --set-xmark 0x7/0xffffffff");
      const untouched = structuredClone(table.chains);
      if (jumps > 0) table.chains.set("TROOP", []);
      for (let jump = 0; jump < jumps; jump++) table.chains.get("PREROUTING")!.push(JUMP_SPEC);
      for (const rules of [...lists, []]) {
        const text = legacyText(rules, parseLegacySave(table.save()));
        if (text !== null) table.restore(text);
        const state = parseLegacySave(table.save());
        expect(state.jumps).toHaveLength(rules.length > 0 ? 1 : 0);
        expect(state.chainExists).toBe(rules.length > 0);
        expect(state.rules.map((line) => / --set-xmark (\d+)/.exec(line)![1])).toEqual(
          rules.map(({ mark }) => `${mark}`),
        );
      }
      expect(table.chains).toEqual(untouched);
    }));
  });

  test("leaves an empty chain to rules of somebody else that jump to it", () => {
    const table = new FakeMangle();
    table.restore(legacyText([web], legacyNothing)!);
    table.chains.get("OUTPUT")!.push("-d 192.0.2.1/32 -j TROOP");
    const state = parseLegacySave(table.save());
    expect(state.usedByOthers).toBe(true);
    table.restore(legacyText([], state)!);
    expect([...table.chains]).toEqual([
      ["PREROUTING", []],
      ["OUTPUT", ["-d 192.0.2.1/32 -j TROOP"]],
      ["TROOP", []],
    ]);
    expect(legacyText([], parseLegacySave(table.save()))).toBeNull();
  });

  test("a jump without troop's comment is somebody else's", () => {
    const table = new FakeMangle();
    table.restore(legacyText([web], legacyNothing)!);
    table.chains.set("PREROUTING", ["-j TROOP"]);
    expect(parseLegacySave(table.save())).toMatchObject({ jumps: [], usedByOthers: true });
  });

  test("the probe's second transaction takes away what the first has made, also when it was there", () => {
    const table = new FakeMangle();
    const before = table.save();
    const { add, remove } = legacyProbeTexts(4);
    table.restore(add);
    expect(table.save()).toContain("-j MARK");
    table.restore(add);
    table.restore(remove);
    expect(table.save()).toBe(before);
    table.restore(remove);
    expect(table.save()).toBe(before);
  });
});

describe("a rule that cannot be", () => {
  const wrong: readonly [string, Partial<Record<keyof MarkRule, unknown>>, string][] = [
    ["an address with more behind it", { address: '192.0.2.1"; flush ruleset' }, "canonical"],
    ["an address in another spelling", { family: 6, address: "2001:DB8::1" }, "canonical"],
    ["an address of the other family", { family: 6 }, "canonical IPv6"],
    ["a protocol without ports", { protocol: "icmp" }, '"icmp" has no ports'],
    ["a port that is none", { lastPort: 65_536 }, '"80-65536" is no range'],
    ["half a port", { firstPort: 79.5 }, '"79.5-80" is no range'],
    ["a range that is upside down", { firstPort: 81 }, '"81-80" is no range'],
    ["no mark", { mark: 0 }, '"0" is no mark'],
    ["a mark of 33 bits", { mark: 2 ** 32 }, '"4294967296" is no mark'],
  ];

  test.each(wrong)("%s is refused by both", (_, change, problem) => {
    const rule = { ...web, ...change } as MarkRule;
    for (const write of [() => nftText([rule]), () => legacyText([rule], legacyNothing)]) {
      let refusal: unknown;
      try {
        write();
      } catch (error) {
        refusal = error;
      }
      expect(refusal).toBeInstanceOf(Refusal);
      expect((refusal as Refusal).problem).toContain(problem);
    }
  });
});
