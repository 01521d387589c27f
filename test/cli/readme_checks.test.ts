/** The README's table of checks names every kind, and its commands can be typed. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { checkKinds, readCheckText } from "../../src/core/check.ts";
import { splitWords } from "../../src/core/check/shell_words.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

test.each([...checkKinds])("the table of checks has %s", (kind) => {
  const [, section = ""] = readme.split("\n## Health checks\n");
  expect(section.split("\n## ")[0]).toMatch(new RegExp(`^\\|[^|]*\`${kind}\``, "m"));
});

test("every check in an example of the README is read", () => {
  const lines = readme.split("\n").filter((line) => /^(\w+# )?troop service .*--check/.test(line));
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines) {
    const words = splitWords(line) ?? [];
    const behind = (option: string) =>
      words.flatMap((word, at) => words[at - 1] === option ? [word] : []);
    const fields = readCheckText(behind("--check")[0], behind("--check-set"));
    expect(typeof fields, `${line}: ${JSON.stringify(fields)}`).toBe("object");
  }
});
