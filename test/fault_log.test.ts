/** Faults nobody takes: told once in a while, and survived by a real process. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { faultLog } from "../src/fault_log.ts";

function harness() {
  const lines: string[] = [];
  const clock = { ms: 0 };
  const logger = { error: (_fields: object, message: string) => void lines.push(message) };
  return { lines, clock, faults: faultLog({ logger, now: () => clock.ms }) };
}

test("faultLog tells a fault that goes on once a minute, and another one at once", () => {
  const { lines, clock, faults } = harness();
  for (clock.ms = 0; clock.ms < 120_000; clock.ms += 25) faults.note("a turn", new Error("one"));
  expect(lines).toHaveLength(2);
  faults.note("a turn", new Error("two"));
  expect(lines).toHaveLength(3);
});

test("faultLog remembers a bounded number of faults", () => {
  const { lines, faults } = harness();
  for (let index = 0; index < 40; index++) faults.note("a turn", `fault ${index}`);
  faults.note("a turn", "fault 39");
  expect(lines).toHaveLength(40);
  faults.note("a turn", "fault 0");
  expect(lines).toHaveLength(41);
});

test("a process with surviveFaults outlives a thrown timer, a thrown microtask and a lost rejection", () => {
  const program = `
    import { surviveFaults } from ${JSON.stringify(join(import.meta.dir, "../src/fault_log.ts"))};
    surviveFaults({ note: (what, error) => console.log(what + ": " + error.message) });
    setTimeout(() => { throw new Error("timer") }, 1);
    queueMicrotask(() => { throw new Error("microtask") });
    void Promise.reject(new Error("rejection"));
    setTimeout(() => console.log("alive"), 50);
  `;
  const { exitCode, stdout } = Bun.spawnSync([process.execPath, "-e", program]);
  expect(stdout.toString().trim().split("\n").toSorted()).toEqual([
    "a callback: microtask",
    "a callback: timer",
    "alive",
    "work in the background: rejection",
  ]);
  expect(exitCode).toBe(0);
});
