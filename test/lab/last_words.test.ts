/** What a failed scenario says of its agents. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempFolder } from "../support/temp_folder.ts";
import { LAST_WORDS_MAX, lastWords } from "./last_words.ts";

test("the last lines of every agent, whatever they are", () => {
  const folder = tempFolder();
  const line = (second: number) =>
    JSON.stringify({
      level: "info",
      time: `2026-01-02T03:04:0${second}.006Z`,
      msg: `did ${second}`,
    });
  writeFileSync(join(folder, "n2-troop.log"), `${line(1)}\npanic: it broke\n${line(2)}\n`);
  writeFileSync(join(folder, "n1-troop.log"), "x\n".repeat(LAST_WORDS_MAX + 1));
  writeFileSync(join(folder, "n3-troop.log"), "");
  writeFileSync(join(folder, "n1-nginx.log"), "GET /\n");
  expect(lastWords(folder)).toEqual([
    ...Array.from({ length: LAST_WORDS_MAX }, () => "n1 x"),
    "n2 03:04:01.006 did 1",
    "n2 panic: it broke",
    "n2 03:04:02.006 did 2",
  ]);
});
