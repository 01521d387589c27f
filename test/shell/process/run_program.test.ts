import { describe, expect, test } from "bun:test";
import { readTextOrNull } from "../../../src/shell/files/host_facts.ts";
import {
  findProgram,
  type Program,
  type ProgramEnd,
  runProgram,
} from "../../../src/shell/process/run_program.ts";

/** Waits until a process has ended, a bounded time. One nobody has waited for yet has ended too. */
async function gone(pid: number): Promise<void> {
  for (let look = 0; look < 200; look++) {
    const stat = readTextOrNull(`/proc/${pid}/stat`);
    if (stat === null || stat.includes(") Z ")) return;
    await Bun.sleep(20);
  }
  throw new Error(`process ${pid} goes on`);
}

/** A shell script as a program; generous limits unless a test is about them. */
function script(
  text: string,
  limits: Partial<Program> = {},
): Promise<ProgramEnd> {
  return runProgram({
    command: ["/bin/sh", "-c", text],
    limitMs: 20_000,
    outputMax: 100_000,
    ...limits,
  });
}

describe("findProgram", () => {
  test("finds what PATH has, and nothing else", () => {
    expect(findProgram("sh")).toEndWith("/sh");
    expect(findProgram("no-such-program")).toBeNull();
  });

  test("finds administrators' programs without PATH, and no relative folder's", async () => {
    const path = process.env["PATH"];
    try {
      process.env["PATH"] = ".:test";
      expect(findProgram("ip")).toMatch(/^\/(usr\/)?sbin\/ip$/);
      expect(findProgram("task")).toBeNull();
    } finally {
      process.env["PATH"] = path;
    }
  });
});

describe("runProgram", () => {
  test("passes input, gives both streams and the status", async () => {
    expect(await script("cat; echo no >&2; exit 3", { input: "a\nb" })).toEqual({
      problem: null,
      status: 3,
      output: "a\nb",
      errors: "no\n",
    });
  });

  test("passes arguments as they are, and of the environment only the path", async () => {
    process.env["TROOP_TEST_SECRET"] = "x";
    const { output } = await runProgram({
      command: [
        "/bin/sh",
        "-c",
        'echo "$1 $LC_ALL [$TROOP_TEST_SECRET]"; echo "$PATH"',
        "-",
        "$(id) ;",
      ],
      limitMs: 20_000,
      outputMax: 1_000,
    });
    delete process.env["TROOP_TEST_SECRET"];
    const [line, path] = output.split("\n");
    expect(line).toBe("$(id) ; C []");
    expect(path).toStartWith(process.env["PATH"]?.split(":")[0] ?? "");
    expect(path).toContain(":/usr/sbin");
  });

  test("kills what does not end, with its children", async () => {
    const { problem, status, output } = await script("sleep 600 & echo $! $$; wait", {
      limitMs: 300,
    });
    expect({ problem, status }).toEqual({ problem: "did not end within 0.3 s", status: null });
    const pids = output.trim().split(" ").map(Number);
    expect(pids).toHaveLength(2);
    for (const pid of pids) await gone(pid);
  });

  test("comes back although a process that left the group keeps the streams open", async () => {
    const started = performance.now();
    const { problem, output } = await script("setsid sleep 600 & echo $!; exec sleep 600", {
      limitMs: 300,
    });
    expect(problem).toContain("0.3 s");
    expect(performance.now() - started).toBeLessThan(10_000);
    process.kill(Number(output), "SIGKILL");
  });

  test("kills what prints without end", async () => {
    const { problem, output } = await script("exec yes", { outputMax: 70_000 });
    expect(problem).toBe("printed more than 70000 bytes");
    expect(output.length).toBeLessThanOrEqual(70_000);
  });

  test("says why a program cannot be run, or was killed by somebody", async () => {
    const missing = await runProgram({ command: ["/no/such"], limitMs: 1_000, outputMax: 10 });
    expect(missing.problem).toContain("cannot be run");
    expect((await script("kill -9 $$")).problem).toBe("was killed by SIGKILL");
  });

  test("a program that reads nothing ends all the same", async () => {
    expect((await script("exit 0", { input: "x".repeat(1_000_000) })).status).toBe(0);
  });

  test("the event loop goes on meanwhile", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    await script("sleep 0.5");
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
  });
});
