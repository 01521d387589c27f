import { describe, expect, test } from "bun:test";
import { type Advice, ADVISED_MAX, parseAdvice } from "../../../src/core/pool/advice.ts";

describe("parseAdvice", () => {
  const lines: [line: string, advice: Advice][] = [
    ["75%", { weightPercent: 75, words: "75%" }],
    ["0%", { weightPercent: 0, words: "0%" }],
    ["weight:50%", { weightPercent: 50, words: "weight:50%" }],
    ["weight:7", { weight: 7, words: "weight:7" }],
    ["up", { state: "up", words: "up" }],
    ["ready", { state: "up", words: "ready" }],
    ["drain", { state: "drain", words: "drain" }],
    ["maint", { state: "maint", words: "maint" }],
    ["down", { state: "down", words: "down" }],
    ["fail", { state: "down", words: "fail" }],
    ["failed", { state: "down", words: "failed" }],
    ["stopped # for lunch ", { state: "down", words: "stopped: for lunch" }],
    ["down#disk full", { state: "down", words: "down: disk full" }],
    ["UP, 120%\tmaxconn:30", { state: "up", weightPercent: 120, words: "up 120% maxconn:30" }],
    ["ready drain 10%", { state: "drain", weightPercent: 10, words: "ready drain 10%" }],
    ["maint up", { state: "maint", words: "maint up" }],
  ];
  test.each(lines)("reads %j", (line, advice) => {
    expect(parseAdvice(line)).toEqual(advice);
  });

  const nonsense: [line: string, problem: string][] = [
    ["", "nothing said"],
    ["# only this", "nothing said"],
    ["75", '"75" is no word of an agent'],
    ["-5%", '"-5%" is no word of an agent'],
    [`${ADVISED_MAX + 1}%`, '"65536%" is no word of an agent'],
    ["up sideways", '"sideways" is no word of an agent'],
    ["HTTP/1.1 400 Bad Request", '"http/1.1" is no word of an agent'],
  ];
  test.each(nonsense)("does not read %j", (line, problem) => {
    expect(parseAdvice(line)).toBe(problem);
  });
});
