import { expect, test } from "bun:test";
import { escapedBytes, escapeProblem } from "../../../src/core/check/escapes.ts";

test.each<[string, number[]]>([
  ["", []],
  ["PING\\r\\n", [80, 73, 78, 71, 13, 10]],
  ["\\x1b\\x00\\0\\xff", [27, 0, 0, 255]],
  ["a\\\\nb\\t", [97, 92, 110, 98, 9]],
  ["é", [0xc3, 0xa9]],
  ["\\q\\x4", [92, 113, 92, 120, 52]],
])("%j is these bytes", (text, bytes) => {
  expect([...escapedBytes(text)]).toEqual(bytes);
});

test.each<[string, string | null]>([
  ["plain", null],
  ["\\\\q", null],
  ["\\xfF\\r\\n\\t\\0", null],
  ["a\\q", '"\\q" is no escape: write \\r \\n \\t \\0 \\\\ or \\xHH'],
  ["end\\", '"\\" is no escape: write \\r \\n \\t \\0 \\\\ or \\xHH'],
  ["\\x4", '"\\x" is no escape: write \\r \\n \\t \\0 \\\\ or \\xHH'],
])("escapes of %j: %j", (text, problem) => {
  expect(escapeProblem(text)).toBe(problem);
});
