/** Giving up privileges: when, in which order, and what is said when it cannot be done. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { examineAgent } from "../../../src/shell/doctor/doctor_agent.ts";
import { statusOfListener } from "../../../src/shell/process/listener_process.ts";
import {
  AGENT_MODULES,
  DROPPED_VARIABLE,
  dropPrivileges,
  hasExcess,
  readCapabilities,
} from "../../../src/shell/process/privileges.ts";
import { config } from "../doctor/doctor_machine.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const status = (set: string) => `Name:\ttroop\nCapPrm:\t${set}\nCapEff:\t${set}\nCapBnd:\t${set}\n`;
const ROOT = status("000001fffeffffff");
const TWO = status("0000000000003000");
const NONE = status("0000000000000000");

/** Gives up what a process with this status has; what was done, in order. */
function drop(text: string, environment: Record<string, string> = {}, refusal?: string) {
  const done: unknown[] = [];
  const result = dropPrivileges({
    status: text,
    environment,
    words: ["run"],
    loadModules: (names) => void done.push(["load", ...names]),
    narrow: (kept) => {
      if (refusal !== undefined) throw new Error(refusal);
      done.push(["narrow", ...kept]);
    },
    execute: (words, variables) => void done.push(["execute", ...words, variables]),
  });
  return { result, done };
}

describe("an agent", () => {
  test("of root loads modules first, narrows itself, and begins again with the same words", () => {
    const { result, done } = drop(ROOT, { PATH: "/bin" });
    expect(result).toBeNull();
    expect(done).toEqual([
      ["load", ...AGENT_MODULES],
      ["narrow", 12, 13],
      ["execute", "run", { PATH: "/bin", [DROPPED_VARIABLE]: "1" }],
    ]);
  });

  test("with no more than it needs does nothing", () => {
    for (const text of [TWO, NONE]) expect(drop(text)).toEqual({ result: null, done: [] });
  });

  test("that has more again does not try for ever, and says so", () => {
    const { result, done } = drop(ROOT, { [DROPPED_VARIABLE]: "1" });
    expect(result).toContain("gave them back");
    expect(done).toEqual([]);
  });

  test("that may not give up anything goes on, and says why", () => {
    const { result, done } = drop(ROOT, {}, "drop capability 0: EPERM");
    expect(result).toBe("drop capability 0: EPERM");
    expect(done).toEqual([["load", ...AGENT_MODULES]]);
  });
});

test("the modules are those of the unit file", () => {
  const unit = readFileSync(join(import.meta.dir, "../../../dist/troop.service"), "utf8");
  expect(/^ExecStartPre=.*modprobe -a (.*)$/m.exec(unit)?.[1]?.split(" ")).toEqual([
    ...AGENT_MODULES,
  ]);
});

test("the real /proc tells what this process may do", () => {
  const own = readFileSync("/proc/self/status", "utf8");
  const { effective, bounding } = readCapabilities(own);
  expect(effective & ~bounding).toBe(0n);
  expect(hasExcess(readCapabilities(ROOT))).toBe(true);
  expect(hasExcess(readCapabilities(TWO))).toBe(false);
});

describe("the doctor says of the agent", () => {
  const kept = { ...config, privileges: "keep" as const };
  const rows: [string, Parameters<typeof examineAgent>, string | undefined, string][] = [
    ["nothing while none runs", [config, null], undefined, ""],
    ["what it lacks", [config, NONE], "missing", "without CAP_NET_ADMIN"],
    ["that it has what it needs", [config, TWO], "ok", "CAP_NET_RAW alone"],
    ["that it has too much", [config, ROOT], "warning", "more privileges"],
    ["that it keeps all as it was told", [kept, ROOT], "ok", "privileges: keep"],
  ];
  for (const [what, words, state, detail] of rows) {
    test(what, () => {
      const [finding] = examineAgent(...words);
      expect(finding?.state).toBe(state as never);
      expect(finding?.detail ?? "").toContain(detail);
    });
  }

  test("what the process says that listens on the node's socket", async () => {
    const path = join(tempFolder(), "a troop.sock");
    expect(statusOfListener(path)).toBeNull();
    const server = Bun.listen({ unix: path, socket: { data: () => {} } });
    expect(statusOfListener(path)).toContain(`\nPid:\t${process.pid}\n`);
    server.stop(true);
    await Bun.sleep(0);
    expect(statusOfListener(path)).toBeNull();
  });
});
