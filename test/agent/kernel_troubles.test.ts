import { describe, expect, test } from "bun:test";
import { kernelTroubles } from "../../src/agent/kernel_troubles.ts";
import { keptLog } from "../support/fake_memory.ts";

function make() {
  const log = keptLog();
  return { log, troubles: kernelTroubles(log) };
}

const fails = (text: string) => () => {
  throw new Error(text);
};

describe("attempt", () => {
  test("runs the request, and tells whether it was done", () => {
    const { log, troubles } = make();
    let ran = 0;
    expect(troubles.attempt("add address a", () => ran++)).toBe(true);
    expect(troubles.attempt("add address a", fails("EPERM"))).toBe(false);
    expect(ran).toBe(1);
    expect(log.lines()).toEqual(["error: EPERM"]);
  });

  test("tells a fault once, a new one at once, and that it is over", () => {
    const { log, troubles } = make();
    for (let turn = 0; turn < 40; turn++) troubles.attempt("add address a", fails("EPERM"));
    troubles.attempt("add address a", fails("ENODEV"));
    for (let turn = 0; turn < 3; turn++) troubles.attempt("add address a", () => {});
    expect(log.lines()).toEqual([
      "error: EPERM",
      "error: ENODEV",
      "info: add address a: works again",
    ]);
    expect(troubles.present.size).toBe(0);
  });

  test("keeps operations apart", () => {
    const { log, troubles } = make();
    troubles.attempt("add address a", fails("EPERM"));
    troubles.attempt("add address b", fails("EPERM"));
    troubles.attempt("add address b", () => {});
    expect(log.lines()).toEqual([
      "error: EPERM",
      "error: EPERM",
      "info: add address b: works again",
    ]);
    expect([...troubles.present]).toEqual([["add address a", "EPERM"]]);
  });

  test("counts every failure by its kind, which names no object", () => {
    const { troubles } = make();
    for (let index = 0; index < 5; index++) {
      troubles.attempt(`add address 10.0.0.${index}`, fails("EPERM"));
      troubles.attempt(`remove address 10.0.0.${index}`, () => {});
    }
    expect([...troubles.counts]).toEqual([["add address", 5]]);
  });

  test("of very many operations tells a bounded number of lines, however often they fail", () => {
    const { log, troubles } = make();
    const fail = (text: string) => {
      for (let index = 0; index < 1_000; index++) {
        troubles.attempt(`add server ${index}`, fails(text));
      }
    };
    fail("ENOENT");
    expect(log.lines()).toHaveLength(100);
    fail("ENOENT");
    expect(log.lines()).toEqual([]);
    fail("EPERM");
    expect(log.lines()).toHaveLength(100);
    fail("EPERM");
    expect(log.lines()).toEqual([]);
    expect(troubles.counts.get("add server")).toBe(4_000);
  });
});

test("note takes an outcome from elsewhere", () => {
  const { log, troubles } = make();
  troubles.note("add server a", new Error("ENOENT"));
  troubles.note("add server a", null);
  troubles.note("add server a", null);
  expect(log.lines()).toEqual(["error: ENOENT", "info: add server a: works again"]);
});
