import { expect, test } from "bun:test";
import { Refusal } from "../../src/core/refusal.ts";

const TEXT = { attempted: "add service 192.0.2.1:80", problem: "it exists", remedy: "remove it" };

test("Refusal is one line: what was attempted, what is wrong, what to do", () => {
  const refusal = new Refusal(TEXT);
  expect(refusal.message).toBe("add service 192.0.2.1:80: it exists; remove it");
  expect(refusal).toMatchObject({ ...TEXT, kind: "failure", name: "Refusal" });
  expect(refusal).toBeInstanceOf(Error);
});

test("Refusal keeps its kind and its cause", () => {
  const cause = new Error("ENOSPC");
  const refusal = new Refusal({ ...TEXT, kind: "usage" }, { cause });
  expect([refusal.kind, refusal.cause]).toEqual(["usage", cause]);
});
