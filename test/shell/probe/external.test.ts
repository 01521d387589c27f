import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import type { ProbeResult } from "../../../src/ports.ts";
import { OUTPUT_BYTES_MAX, probeExternal } from "../../../src/shell/probe/external.ts";
import { type CheckOf, checkSchema } from "../../../src/core/check.ts";
import { talkContext } from "./talk_context.ts";
import { countDescriptors } from "./scripted_server.ts";

type Options = Partial<Omit<CheckOf<"external">, "kind">>;
const subject = {
  service: "tcp/192.0.2.1:80",
  vip: "192.0.2.1",
  vipPort: 80,
  node: "n2",
  kind: "member",
} as const;

function check(options: Options): CheckOf<"external"> {
  const whole = { kind: "external", timeoutMs: 5_000, ...options };
  return checkSchema.parse(whole) as CheckOf<"external">;
}

/** Runs the check once for a server 127.0.0.9:8080. */
function probe(options: Options, signal = new AbortController().signal) {
  const target = { key: "x", address: "127.0.0.9", port: 8080, check: check(options), subject };
  return probeExternal(target, talkContext({ signal }));
}

/** The same with the text of a shell script. */
function script(text: string, options: Options = {}): Promise<ProbeResult | null> {
  return probe({ command: ["/bin/sh", "-c", text, "check"], ...options });
}

/** Processes that have this word in their command line. */
function processesWith(word: string): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
    } catch {
      return false;
    }
  });
}

/** Children of this process, zombies too (proc_pid_task, children). */
function children(): string {
  return readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();
}

async function until(holds: () => boolean): Promise<void> {
  for (let look = 0; look < 400 && !holds(); look++) await Bun.sleep(10);
}

describe("probeExternal judges", () => {
  const cases: [text: string, options: Options, ok: boolean, reason: string | RegExp][] = [
    ["exit 0", {}, true, /^exit status 0 in \d+ ms$/],
    ["echo one; echo; echo ' two '; echo", {}, true, /^two in \d+ ms$/],
    ["echo fine >&2", {}, true, /^fine in/],
    ["exit 1", {}, false, "exit status 1"],
    ["echo disk full; exit 3", {}, false, "exit status 3: disk full"],
    ["echo no >&2; exit 1", {}, false, "exit status 1: no"],
    ["exit 1", { dynamic: true }, false, "exit status 1"],
    ["printf 'a\\033[31mb'; exit 1", {}, false, "exit status 1: a?[31mb"],
    ["kill -9 $$", {}, false, "the program was killed by SIGKILL"],
    ["exec yes", {}, false, RegExp(`^the program printed more than ${OUTPUT_BYTES_MAX} bytes`)],
    [
      "exec yes >&2",
      {},
      false,
      RegExp(`^the program printed more than ${OUTPUT_BYTES_MAX} bytes`),
    ],
    [
      "exec sleep 600",
      { timeoutMs: 200 },
      false,
      "timed out after 200 ms before the program ended",
    ],
    [
      "exec >&- 2>&-; sleep 600",
      { timeoutMs: 200 },
      false,
      "timed out after 200 ms before the program ended",
    ],
  ];
  test.each(cases)("%s %j", async (text, options, ok, reason) => {
    const result = await script(text, options);
    const wanted = typeof reason === "string" ? reason : expect.stringMatching(reason);
    expect(result).toMatchObject({ ok, reason: wanted });
    expect(result?.advice).toBeUndefined();
  });

  test.each([[0, undefined], [2, 0], [100, 98], [255, 253]])(
    "exit status %d of a dynamic check: weight %p",
    async (status, weight) => {
      const result = await script(`echo so; exit ${status}`, { dynamic: true });
      expect(result?.ok).toBeTrue();
      const words = `weight ${weight}: so`;
      expect(result?.advice).toEqual(weight === undefined ? undefined : { weight, words });
    },
  );

  test("a program that had no time to end because this process stood still, by what it says then", async () => {
    const running = script("sleep 1.7; echo fine", { timeoutMs: 1_000 });
    Bun.sleepSync(1_500);
    expect((await running)?.reason).toStartWith("fine in");
  });

  test("a program that does not exist", async () => {
    const result = await probe({ command: ["/no/such/program"] });
    expect(result).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^the program cannot be run .*ENOENT/),
    });
  });

  test("an argument no program can be given", async () => {
    const result = await probe({ command: ["/bin/true", "a\0b"] });
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining("cannot be run") });
  });
});

describe("probeExternal gives the program", () => {
  test("its arguments untouched, then ldirectord's four", async () => {
    const result = await script('printf "%s|" "$@"', {
      command: ["/bin/sh", "-c", 'printf "%s|" "$@"', "check", "$(id) ;", "*"],
    });
    expect(result?.reason).toStartWith("$(id) ;|*|192.0.2.1|80|127.0.0.9|8080| in");
  });

  test("to a shell only when asked", async () => {
    const shell = await probe({ command: ["echo $((6*7)) $1 $4"], shell: true });
    expect(shell?.reason).toStartWith("42 192.0.2.1 8080 in");
    const plain = await probe({ command: ["/bin/echo", "$((6*7))"] });
    expect(plain?.reason).toStartWith("$((6*7)) 192.0.2.1");
  });

  test("the documented environment, and nothing of this process's own", async () => {
    process.env["TROOP_TEST_SECRET"] = "x";
    const result = await script(
      "env | grep -v -e ^PWD -e ^_ -e ^SHLVL -e ^PATH | sort | tr '\\n' ' '",
    );
    delete process.env["TROOP_TEST_SECRET"];
    expect(result?.reason.replace(/TROOP_RUN=\S+/, "")).toStartWith("LC_ALL=C TROOP_KIND=member ");
    const whole = await script(
      'echo "$TROOP_SERVICE $TROOP_VIP $TROOP_VIP_PORT $TROOP_SERVER_ADDRESS $TROOP_SERVER_PORT' +
        ' $TROOP_NODE $TROOP_KIND $TROOP_TIMEOUT_MS [$TROOP_TEST_SECRET]"',
    );
    expect(whole?.reason).toStartWith(
      "tcp/192.0.2.1:80 192.0.2.1 80 127.0.0.9 8080 n2 member 5000 [] in",
    );
  });

  test.if(process.getuid?.() === 0)("the user, its groups, and no capability", async () => {
    const text = 'echo "$(id -un) $(id -Gn) $(grep CapAmb /proc/self/status | tr -d "\\t") $1"';
    const result = await script(text, { user: "nobody" });
    expect(result?.reason).toStartWith("nobody nogroup CapAmb:0000000000000000 192.0.2.1 in");
    const failed = await script("true", { user: "no-such-user" });
    expect(failed).toMatchObject({ ok: false, reason: expect.stringContaining("no such user") });
  });
});

describe("probeExternal leaves nothing behind of", () => {
  const quiet = "</dev/null >/dev/null 2>&1";
  const cases: [what: string, text: (mark: string) => string, runs: number][] = [
    ["a program that ends", () => "true", 200],
    ["a program that hangs", (mark) => `exec sleep ${mark}`, 20],
    ["children", (mark) => `sleep ${mark} & sleep ${mark} & wait`, 20],
    ["children that outlive it", (mark) => `sleep ${mark} ${quiet} & exit 0`, 60],
    ["children that hold its output", (mark) => `sleep ${mark} & exit 0`, 20],
    [
      "grandchildren in a session of their own",
      (mark) => `(setsid sh -c 'sleep ${mark} & wait' ${quiet} &) ; exit 0`,
      20,
    ],
    [
      "the same of a program that hangs",
      (mark) => `(setsid sleep ${mark} &) ; exec sleep ${mark}`,
      20,
    ],
    [
      "what ignores SIGTERM",
      (mark) => `trap '' TERM; while :; do sleep ${mark}; done`,
      20,
    ],
    ["a flood", (mark) => `: ${mark}; exec yes`, 20],
    [
      "one that closes its streams and goes on",
      (mark) => `exec >&- 2>&- <&-; sleep ${mark}; sleep ${mark}`,
      20,
    ],
  ];
  let unique = 1_000_000 + process.pid * 10;
  test.each(cases)("%s", async (_what, text, runs) => {
    const mark = String(unique++);
    await script("true");
    const descriptors = countDescriptors();
    for (let started = 0; started < runs; started += 20) {
      await Promise.all(Array.from({ length: 20 }, () => script(text(mark), { timeoutMs: 300 })));
    }
    await until(() => processesWith(mark).length === 0 && children() === "");
    expect(processesWith(mark)).toEqual([]);
    expect(children()).toBe("");
    await until(() => countDescriptors() <= descriptors);
    expect(countDescriptors()).toBeLessThanOrEqual(descriptors);
  }, 20_000);

  test("hundreds of runs: their objects are collected", async () => {
    for (let started = 0; started < 200; started += 20) {
      await Promise.all(Array.from({ length: 20 }, () => script("echo fine")));
    }
    const kept = (): number => {
      Bun.gc(true);
      return heapStats().objectTypeCounts["Subprocess"] ?? 0;
    };
    await until(() => kept() < 10);
    expect(kept()).toBeLessThan(10);
  });

  test("a probe that is aborted: it says nothing, and its program is ended", async () => {
    const mark = String(unique++);
    const controller = new AbortController();
    const running = script(`trap '' TERM; sleep ${mark}; sleep ${mark}`, {});
    const aborted = probe(
      { command: ["/bin/sh", "-c", `sleep ${mark}; sleep ${mark}`] },
      controller.signal,
    );
    await until(() => processesWith(mark).length >= 4);
    controller.abort();
    expect(await aborted).toBeNull();
    await until(() => processesWith(mark).length <= 2);
    expect(processesWith(mark).length).toBe(2);
    for (const pid of processesWith(mark)) process.kill(pid, "SIGKILL");
    await running;
  });
});
