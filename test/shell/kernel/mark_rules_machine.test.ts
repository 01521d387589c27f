/**
 * Mark rules on this machine's own kernel, in a network namespace made for it: real programs, real packets.
 * A kernel or user that cannot do it is named, not failed: the guest's kernel is tried in test/kernel.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { MarkRule } from "../../../src/core/service/mark_rules.ts";
import { createMarkRules } from "../../../src/shell/kernel/mark_rules.ts";
import { type MarkToolsHost, systemHost } from "../../../src/shell/kernel/mark_tools.ts";
import { run, tryRun } from "../../kernel/guest.ts";

const SPACE = `troop-marks-${process.pid}`;
const VIPS = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;
const families = [4, 6] as const;
/** Marks that packets are counted by, and the one that somebody else's rules give. */
const [MARK, OTHER_MARK, FOREIGN_MARK] = [5, 0xffff_ffff, 7];

const problem = makeSpace();
const tools = problem === null ? await workingTools() : [];
if (problem !== null) tell(`mark rules are not tried on this machine's kernel: ${problem}`);
for (const name of ["nft", "iptables-legacy"] as const) {
  if (problem === null && !tools.includes(name)) {
    tell(`mark rules by ${name} are not tried: not in this kernel, or not installed`);
  }
}
afterAll(() => tryRun(`ip netns del ${SPACE}`));

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Null, or why there can be no namespace. */
function makeSpace(): string | null {
  if (process.getuid?.() !== 0) return "it needs root, to make a network namespace";
  try {
    run(`ip netns add ${SPACE}
      ip -n ${SPACE} link set lo up
      ip -n ${SPACE} address add ${VIPS[4]}/32 dev lo
      ip -n ${SPACE} address add ${VIPS[6]}/128 dev lo nodad`);
    return null;
  } catch (error) {
    return (error as Error).message.trim();
  }
}

/** The machine inside the namespace, with only one of the tools. */
function hostWith(tool: "nft" | "iptables-legacy"): MarkToolsHost {
  return {
    find: (name) => name.startsWith("nft") === (tool === "nft") ? systemHost.find(name) : null,
    run: (program) =>
      systemHost.run({
        ...program,
        command: [systemHost.find("ip")!, "netns", "exec", SPACE, ...program.command],
      }),
    readText: (path) => inside(`cat ${path} 2>/dev/null || true`),
  };
}

/** The machine inside the namespace with both. */
const wholeHost: MarkToolsHost = { ...hostWith("nft"), find: systemHost.find };

async function workingTools(): Promise<("nft" | "iptables-legacy")[]> {
  const tried = (["nft", "iptables-legacy"] as const).map(async (tool) => {
    const backend = await createMarkRules(hostWith(tool)).backend();
    return "tool" in backend ? [backend.tool] : [];
  });
  return (await Promise.all(tried)).flat();
}

/** Runs a shell command in the namespace. */
function inside(command: string): string {
  return run(`ip netns exec ${SPACE} bash -c '${command}'`);
}

/** One UDP packet to a VIP of the namespace. It goes through the loopback, so it comes in like any other. */
function send(family: 4 | 6, port: number): void {
  inside(`echo x >/dev/udp/${VIPS[family]}/${port}`);
}

/** Somebody else's rules, in another program's table: a mark on everything before, counters behind. */
const watchers = {
  nft: {
    start: (foreign: boolean) =>
      run(`ip netns exec ${SPACE} nft -f - <<END
        table inet watcher {
          chain before {
            type filter hook prerouting priority raw; policy accept;
            ${foreign ? `meta l4proto udp meta mark set ${FOREIGN_MARK}` : ""}
          }
          chain behind {
            type filter hook input priority 0; policy accept;
            ${countedMarks.map((mark) => `meta l4proto udp meta mark ${mark} counter`).join("\n")}
          }
        }
END`),
    stop: () => inside("nft delete table inet watcher"),
    counts: () =>
      [...inside("nft list chain inet watcher behind").matchAll(/packets (\d+)/g)]
        .map((match) => Number(match[1])),
  },
  "iptables-legacy": {
    start: (foreign: boolean) => {
      for (const program of ["iptables-legacy", "ip6tables-legacy"]) {
        if (foreign) {
          inside(`${program} -t mangle -I PREROUTING -p udp -j MARK --set-mark ${FOREIGN_MARK}`);
        }
        for (const mark of countedMarks) {
          inside(`${program} -A INPUT -p udp -m mark --mark ${mark}`);
        }
      }
    },
    stop: () => {
      for (const program of ["iptables-legacy", "ip6tables-legacy"]) {
        inside(
          `${program} -F INPUT; ${program} -t mangle -D PREROUTING -p udp -j MARK --set-mark 7 || true`,
        );
      }
    },
    counts: () => {
      const both = ["iptables-legacy", "ip6tables-legacy"].map((program) =>
        [...inside(`${program} -L INPUT -v -x -n`).matchAll(/^ +(\d+) .* mark match/gm)]
          .map((match) => Number(match[1]))
      );
      return countedMarks.map((_, index) => both[0]![index]! + both[1]![index]!);
    },
  },
};
const countedMarks = [0, MARK, OTHER_MARK, FOREIGN_MARK];

function ruleFor(family: 4 | 6, firstPort: number, lastPort = firstPort): MarkRule {
  return { family, address: VIPS[family], protocol: "udp", firstPort, lastPort, mark: MARK };
}

/** Everything any program has put into the namespace's firewall, without counters and dates. */
function firewall(): string {
  const legacy = "iptables-legacy-save; ip6tables-legacy-save";
  return `${tools.includes("nft") ? inside("nft -s list ruleset") : ""}${
    tools.includes("iptables-legacy") ? inside(legacy) : ""
  }`.split("\n").filter((line) => /^-A|table inet|chain|set/.test(line)).join("\n");
}

for (const tool of tools) {
  describe(tool, () => {
    const marks = createMarkRules(hostWith(tool));
    const watcher = watchers[tool];
    afterEach(() => marks.apply([]));

    test("the probe leaves nothing", async () => {
      const before = firewall();
      expect(await createMarkRules(hostWith(tool)).backend()).toEqual({ tool });
      expect(firewall()).toBe(before);
    });

    test.each([[0, false], [FOREIGN_MARK, true]])(
      "packets get the mark of the last rule that matches, others keep theirs, %i",
      async (_, foreign) => {
        const overlapping = { ...ruleFor(4, 90), mark: OTHER_MARK };
        await marks.apply([...families.map((family) => ruleFor(family, 80, 90)), overlapping]);
        watcher.start(foreign);
        try {
          for (const family of families) {
            for (const port of [79, 80, 85, 90, 91]) send(family, port);
          }
          const untouched = foreign ? [0, 4] : [4, 0];
          expect(watcher.counts()).toEqual([untouched[0]!, 5, 1, untouched[1]!]);
        } finally {
          watcher.stop();
        }
      },
    );

    test("is intact until somebody flushes it; comes back, and goes without a trace", async () => {
      const before = firewall();
      const rules = families.map((family) => ruleFor(family, 0, 65_535));
      await marks.apply(rules);
      expect(await marks.intact()).toBe(true);
      inside(
        tool === "nft"
          ? "nft flush ruleset"
          : "iptables-legacy -t mangle -F; iptables-legacy -t mangle -X",
      );
      expect(await marks.intact()).toBe(false);
      await marks.apply(rules);
      expect(await marks.intact()).toBe(true);
      await marks.apply([]);
      expect(await marks.intact()).toBe(true);
      expect(firewall()).toBe(before);
    });

    test("takes every protocol and a thousand rules", async () => {
      const rules = families.flatMap((family) =>
        (["tcp", "udp", "sctp"] as const).flatMap((protocol) =>
          Array.from({ length: 170 }, (_, index) => ({
            ...ruleFor(family, index, index * 2),
            protocol,
            mark: index + 1,
          }))
        )
      );
      await marks.apply(rules);
      expect(await marks.intact()).toBe(true);
      expect(
        firewall().split("\n").filter((line) =>
          line.includes(" dport ") || line.includes("-j MARK")
        ),
      )
        .toHaveLength(rules.length);
    });

    test("a transaction the kernel refuses changes nothing", async () => {
      await marks.apply([ruleFor(4, 80)]);
      const before = firewall();
      const host = hostWith(tool);
      const nonsense = (input: string) =>
        input.replace("meta mark set 9 ", "jump nowhere ").replace("MARK --set-mark 9", "NOWHERE");
      const broken = createMarkRules({
        ...host,
        run: (program) => host.run({ ...program, input: nonsense(program.input ?? "") }),
      });
      const error = await broken.apply([
        ruleFor(4, 81),
        { ...ruleFor(4, 82), protocol: "sctp", mark: 9 },
      ]).catch((caught: Error) => caught);
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).message).toMatch(/^mark packets for IPVS with [^\n]+; [^\n]+$/);
      expect(firewall()).toBe(before);
    });
  });
}

if (tools.length === 2) {
  describe("both tools", () => {
    beforeAll(() => void inside("nft flush ruleset"));

    test("what iptables-legacy had is emptied when nft becomes able, and the other way round", async () => {
      const rules = families.map((family) => ruleFor(family, 80));
      await createMarkRules(hostWith("iptables-legacy")).apply(rules);
      expect(firewall()).toContain("-j TROOP");
      await createMarkRules(wholeHost).apply(rules);
      expect(firewall()).not.toContain("TROOP");
      expect(firewall()).toContain("table inet troop");
      const unable: MarkToolsHost = {
        ...wholeHost,
        run: (program) =>
          program.input?.includes("troop_probe")
            ? wholeHost.run({ ...program, input: "add nonsense" })
            : wholeHost.run(program),
      };
      await createMarkRules(unable).apply(rules);
      expect(firewall()).toContain("-j TROOP");
      expect(firewall()).not.toContain("table inet troop");
      await createMarkRules(wholeHost).apply([]);
      expect(firewall()).toBe("");
    });
  });
}

test("a process without privileges is told what it needs", async () => {
  const drop = ["setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set=-all"];
  const backend = await createMarkRules({
    ...systemHost,
    run: (program) =>
      systemHost.run(
        process.getuid?.() === 0
          ? { ...program, command: ["/usr/bin/env", ...drop, ...program.command] }
          : program,
      ),
  }).backend();
  expect(backend).toHaveProperty(
    "remedy",
    expect.stringMatching(/^run it as root|^apt-get install/),
  );
});
