import { expect, test } from "bun:test";
import { runAtOnce, runInTurns, type Steps } from "../../src/core/steps.ts";

function* counting(done: string[]): Steps<number> {
  for (const name of ["one", "two", "three"]) {
    done.push(name);
    yield;
  }
  return done.length;
}

test("steps are done at once, or one in a turn", async () => {
  expect(runAtOnce(counting([]))).toBe(3);
  const done: string[] = [];
  const seen: number[] = [];
  const result = runInTurns(counting(done), async () => void seen.push(done.length));
  expect(done).toEqual(["one"]);
  expect(await result).toBe(3);
  expect(seen).toEqual([1, 2, 3]);
});
