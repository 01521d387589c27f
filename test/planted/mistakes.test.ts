/** The list of planted mistakes: it fits the sources, so that it cannot rot. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { faultKindOf } from "../sim/faults/mod.ts";
import { plant } from "./plant.ts";
import { mistakes } from "./mistakes.ts";

const top = resolve(import.meta.dir, "../..");

test("there are enough mistakes, each with a name of its own", () => {
  expect(mistakes.length).toBeGreaterThanOrEqual(25);
  expect(new Set(mistakes.map(({ name }) => name)).size).toBe(mistakes.length);
});

test.each(mistakes)("$name: what is to be replaced stands in its file exactly once", (mistake) => {
  const text = readFileSync(resolve(top, mistake.file), "utf8");
  expect(plant(text, mistake)).not.toBe(text);
});

test("the kinds of faults there are to be are there", () => {
  for (const { kinds = [] } of mistakes) kinds.forEach(faultKindOf);
});

test("a mistake that does not fit is refused", () => {
  const mistake = { name: "x", breaks: "", file: "f.ts", right: "a", wrong: "b" };
  expect(plant("1 a 2", mistake)).toBe("1 b 2");
  expect(() => plant("1 2", mistake)).toThrow("0 times");
  expect(() => plant("a a", mistake)).toThrow("2 times");
});
