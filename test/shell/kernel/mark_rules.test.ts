import { describe, expect, test } from "bun:test";
import type { MarkRule } from "../../../src/core/service/mark_rules.ts";
import { createMarkRules } from "../../../src/shell/kernel/mark_rules.ts";
import { FakeMarkKernel } from "../../support/fake_mark_kernel.ts";
import { refused } from "../../support/refused.ts";

const web: MarkRule = {
  family: 4,
  address: "192.0.2.1",
  protocol: "tcp",
  firstPort: 80,
  lastPort: 80,
  mark: 5,
};
const web6: MarkRule = { ...web, family: 6, address: "2001:db8::1" };

/** Mark rules on a kernel that a test can change. */
function setUp(change: Partial<FakeMarkKernel> = {}) {
  const kernel = Object.assign(new FakeMarkKernel(), change);
  return { kernel, marks: createMarkRules(kernel) };
}

/** Everything the fake kernel has by iptables, as text. */
function mangle(kernel: FakeMarkKernel): string {
  return [...kernel.mangle[4].chains, ...kernel.mangle[6].chains].join("\n");
}

describe("which tool", () => {
  test("nft where it works, without a look at iptables", async () => {
    const { kernel, marks } = setUp();
    expect(await marks.backend()).toEqual({ tool: "nft" });
    expect(kernel.log).toEqual(["nft -f -"]);
  });

  test("iptables-legacy where the kernel has no nf_tables", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    expect(await marks.backend()).toEqual({ tool: "iptables-legacy" });
    expect(mangle(kernel)).not.toContain("PROBE");
  });

  test("is asked of the kernel once", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    await marks.backend();
    const count = kernel.log.length;
    await marks.backend();
    expect(kernel.log).toHaveLength(count);
  });

  test("is asked again after a failure", async () => {
    const { kernel, marks } = setUp();
    await marks.backend();
    kernel.hasNftables = false;
    await refused(marks.apply([web]));
    expect(await marks.backend()).toEqual({ tool: "iptables-legacy" });
  });

  test.each(
    [
      ["nothing installed", { installed: new Set<string>() }, {
        problem: "nft is not installed, iptables-legacy-restore is not installed",
        remedy: "apt-get install nftables iptables",
      }],
      ["a kernel with neither", { hasNftables: false, hasIptables: false }, {
        problem:
          'nft failed with "Could not process rule: Operation not supported", iptables-legacy failed with "iptables: can\'t initialize table `mangle\'"',
        remedy:
          "use a kernel with nf_tables or ip_tables: apt-get install linux-image-amd64 && reboot",
      }],
      ["one missing, the other without the kernel", {
        installed: new Set(["nft"]),
        hasNftables: false,
      }, {
        problem:
          'nft failed with "Could not process rule: Operation not supported", iptables-legacy-restore is not installed',
        remedy: "apt-get install iptables",
      }],
      ["no privileges", {
        answer: () => ({ status: 1, errors: "Error: Operation not permitted (you must be root)" }),
      }, {
        problem:
          'nft failed with "Operation not permitted (you must be root)", iptables-legacy failed with "Operation not permitted (you must be root)"',
        remedy: "run it as root, or with CAP_NET_ADMIN and CAP_NET_RAW",
      }],
      ["a lock that cannot be made", {
        installed: new Set(["iptables-legacy-restore", "iptables-legacy-save"]),
        answer: () => ({
          status: 4,
          errors: "Fatal: can't open lock file /run/xtables.lock: Read-only file system\n",
        }),
      }, {
        problem:
          'nft is not installed, iptables-legacy failed with "Fatal: can\'t open lock file /run/xtables.lock: Read-only file system"',
        remedy: "touch /run/xtables.lock",
      }],
      ["programs that hang", { answer: () => ({ problem: "did not end within 10 s" }) }, {
        problem: "nft did not end within 10 s, iptables-legacy-restore did not end within 10 s",
        remedy: "try again; `lslocks` says which process has /run/xtables.lock",
      }],
    ] as const,
  )("none: %s", async (_, change, expected) => {
    const { marks } = setUp(change as Partial<FakeMarkKernel>);
    expect(await marks.backend()).toEqual(expected);
    const { message } = await refused(marks.apply([web]));
    expect(message).toBe(`mark packets for IPVS: ${expected.problem}; ${expected.remedy}`);
    // No rules are wanted: there is nothing to complain about.
    await marks.apply([]);
  });
});

describe("apply", () => {
  test("by nft replaces the whole table, and iptables is left alone", async () => {
    const { kernel, marks } = setUp();
    await marks.apply([web, web6]);
    await marks.apply([web6]);
    expect(kernel.nftTable).toContain("ip6 daddr 2001:db8::1 tcp dport 80");
    expect(kernel.nftTable).not.toContain("192.0.2.1");
    expect(kernel.made.size).toBe(0);
    await marks.apply([]);
    expect(kernel.nftTable).toBeNull();
  });

  test("by iptables-legacy fills both families, each by its own program", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    await marks.apply([web, web6]);
    expect(kernel.mangle[4].chains.get("TROOP")).toHaveLength(1);
    expect(kernel.mangle[6].chains.get("TROOP")![0]).toContain("2001:db8::1");
    await marks.apply([web]);
    expect(kernel.mangle[6].chains.has("TROOP")).toBe(false);
    await marks.apply([]);
    expect(mangle(kernel)).not.toContain("TROOP");
  });

  test("asks nothing of IPv6 without a rule for it", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    await marks.apply([web]);
    expect(kernel.made).toEqual(new Set([4]));
  });

  test("empties what another process left in the other tool before it fills its own", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    await marks.apply([web]);
    kernel.hasNftables = true;
    const bothFilled: boolean[] = [];
    kernel.after = () =>
      bothFilled.push(kernel.nftTable !== null && mangle(kernel).includes("TROOP"));
    await createMarkRules(kernel).apply([web]);
    expect(mangle(kernel)).not.toContain("TROOP");
    expect(kernel.nftTable).not.toBeNull();
    expect(bothFilled).not.toContain(true);
  });

  test("fills no second tool while it cannot empty the first", async () => {
    const { kernel, marks } = setUp();
    await marks.apply([web]);
    kernel.installed.delete("nft");
    await refused(marks.apply([web]));
    expect((await refused(marks.apply([web]))).message).toBe(
      "mark packets for IPVS with nft: nft is not installed; apt-get install nftables",
    );
    expect(mangle(kernel)).not.toContain("TROOP");
    kernel.installed.add("nft");
    await marks.apply([web]);
    expect(await marks.intact()).toBe(true);
  });

  test("without rules removes what an earlier process left, whichever tool it used", async () => {
    for (const hasNftables of [true, false]) {
      const { kernel, marks } = setUp({ hasNftables });
      await marks.apply([web, web6]);
      kernel.hasNftables = true;
      await createMarkRules(kernel).apply([]);
      expect(kernel.nftTable).toBeNull();
      expect(mangle(kernel)).not.toContain("TROOP");
    }
  });

  test("without rules does not even try a tool", async () => {
    const { kernel, marks } = setUp();
    await marks.apply([]);
    expect(kernel.log).toEqual(["nft -s list table inet troop"]);
  });

  test("says in one line what the kernel lacks for one rule", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    await marks.backend();
    kernel.answer = ({ input = "" }) =>
      input.includes("sctp")
        ? {
          status: 1,
          errors: "\niptables-restore: line 3 failed: No chain/target/match\n\nhelp\n",
        }
        : undefined;
    const { message } = await refused(marks.apply([{ ...web, protocol: "sctp" }]));
    expect(message).toBe(
      'mark packets for IPVS with iptables-legacy: "iptables-restore: line 3 failed: No chain/target/match"; ' +
        "see `dmesg`; the kernel may lack a module for the rule's protocol or address family",
    );
    expect(await marks.intact()).toBe(false);
  });

  test("notices that somebody removes the rules at once", async () => {
    const { kernel, marks } = setUp();
    kernel.after = ({ input = "" }) => {
      if (input.includes("table inet troop {")) kernel.nftTable = null;
    };
    const { problem } = await refused(marks.apply([web]));
    expect(problem).toBe("the kernel shows 0 of 1 rules right after they were made");
    expect(await marks.intact()).toBe(false);
  });

  test("one program runs at a time, and calls are worked off in order", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    const calls = [
      marks.apply([web]),
      marks.intact(),
      marks.apply([web6]),
      marks.apply([web, web6]),
    ];
    expect(await Promise.all(calls)).toEqual([undefined, true, undefined, undefined]);
    expect(kernel.runningMax).toBe(1);
    expect(kernel.mangle[4].chains.get("TROOP")).toHaveLength(1);
    expect(kernel.mangle[6].chains.get("TROOP")).toHaveLength(1);
  });

  test("a call that failed does not hold up the next", async () => {
    const { marks } = setUp();
    const bad = refused(marks.apply([{ ...web, mark: 0 }]));
    const good = marks.apply([web]);
    expect((await bad).problem).toBe('"0" is no mark');
    await good;
    expect(await marks.intact()).toBe(true);
  });
});

describe("intact", () => {
  test("is false before anything was applied, also where nothing is to be", async () => {
    const { marks } = setUp();
    expect(await marks.intact()).toBe(false);
    await marks.apply([]);
    expect(await marks.intact()).toBe(true);
  });

  test("nft: false when the table is gone or another", async () => {
    const { kernel, marks } = setUp();
    await marks.apply([web]);
    const written = kernel.nftTable!;
    expect(await marks.intact()).toBe(true);
    kernel.nftTable = written.replace("set 5", "set 6");
    expect(await marks.intact()).toBe(false);
    kernel.nftTable = null;
    expect(await marks.intact()).toBe(false);
    kernel.nftTable = written;
    expect(await marks.intact()).toBe(true);
  });

  test("iptables-legacy: false when a rule, the chain or the jump is gone, in either family", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    const table = kernel.mangle[6];
    const breakages = [
      () => table.chains.set("TROOP", []),
      () => table.chains.set("PREROUTING", []),
      () => void (table.chains = new FakeMarkKernel().mangle[6].chains),
    ];
    for (const breakage of breakages) {
      await marks.apply([web, web6]);
      expect(await marks.intact()).toBe(true);
      breakage();
      expect(await marks.intact()).toBe(false);
    }
    await marks.apply([web, web6]);
    // Somebody else's rules are nobody's business.
    table.chains.get("OUTPUT")!.push("-j ACCEPT");
    table.chains.get("PREROUTING")!.unshift("-p udp -j ACCEPT");
    expect(await marks.intact()).toBe(true);
  });

  test("iptables-legacy: false while a second jump leads to the rules; that one goes", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    await marks.apply([web]);
    const jumps = kernel.mangle[4].chains.get("PREROUTING")!;
    jumps.push(jumps[0]!);
    expect(await marks.intact()).toBe(false);
    await marks.apply([web]);
    expect(kernel.mangle[4].chains.get("PREROUTING")).toHaveLength(1);
    expect(await marks.intact()).toBe(true);
  });

  test("iptables-legacy: a chain nothing leads to is removed, one that others use is theirs", async () => {
    const { kernel, marks } = setUp({ hasNftables: false });
    const { chains } = kernel.mangle[4];
    await marks.apply([web]);
    chains.set("PREROUTING", []);
    await marks.apply([]);
    expect(chains.has("TROOP")).toBe(false);
    await marks.apply([web]);
    chains.get("OUTPUT")!.push("-j TROOP");
    await marks.apply([]);
    expect(chains.get("TROOP")).toEqual([]);
    expect(await marks.intact()).toBe(true);
  });

  test("is false after a failure, although the kernel still has what was applied before", async () => {
    const { kernel, marks } = setUp();
    await marks.apply([web]);
    kernel.answer = ({ input }) => input === undefined || input === "" ? undefined : { status: 1 };
    await refused(marks.apply([web, web6]));
    kernel.answer = () => undefined;
    expect(kernel.nftTable).toContain("192.0.2.1");
    expect(await marks.intact()).toBe(false);
  });

  test("is false when nothing is wanted and there is something", async () => {
    const { kernel, marks } = setUp();
    await marks.apply([]);
    await createMarkRules(kernel).apply([web]);
    expect(await marks.intact()).toBe(false);
  });

  test("is false when it cannot be told", async () => {
    const { kernel, marks } = setUp();
    await marks.apply([web]);
    kernel.answer = () => ({ problem: "did not end within 10 s" });
    expect(await marks.intact()).toBe(false);
  });
});
