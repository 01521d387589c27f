/** The table of checks names every kind, and the commands of the documentation can be typed. */
import { expect, test } from "bun:test";
import { checkKinds, readCheckText } from "../../src/core/check.ts";
import { splitWords } from "../../src/core/check/shell_words.ts";
import { pages, pageText } from "../support/pages.ts";

test.each([...checkKinds])("the table of checks has %s", (kind) => {
  const [, section = ""] = pageText("docs/checks.md").split("\n## Health checks\n");
  expect(section.split("\n## ")[0]).toMatch(new RegExp(`^\\|[^|]*\`${kind}\``, "m"));
});

test("every check in an example is read", () => {
  const lines = pages.flatMap((page) => pageText(page).split("\n"))
    .filter((line) => /^(\w+# )?troop service .*--check/.test(line));
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines) {
    const words = splitWords(line) ?? [];
    const behind = (option: string) =>
      words.flatMap((word, at) => words[at - 1] === option ? [word] : []);
    const fields = readCheckText(behind("--check")[0], behind("--check-set"));
    expect(typeof fields, `${line}: ${JSON.stringify(fields)}`).toBe("object");
  }
});
