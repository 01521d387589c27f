/**
 * Runs all tests that need no lab and no real server, in one `bun test`. Ends with one line of totals. Arguments choose
 * files by part of their path; `--totals FILE` writes `PASSED FAILED` into a file.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { labFolder, repository } from "./boot.ts";
import { readReport } from "./junit.ts";
import { tellTally } from "../support/tally.ts";

/** A test that waits for something in vain has failed after this, ms. */
const TEST_LIMIT_MS = 30_000;

const { values, positionals: wanted } = parseArgs({
  args: process.argv.slice(2),
  options: { totals: { type: "string" } },
  allowPositionals: true,
});
const files = [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: repository })]
  .filter((file) => !/^test\/(lab\/scenarios|kernel|servers)\//.test(file))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .toSorted();
const report = join(labFolder, "../units.xml");
mkdirSync(join(report, ".."), { recursive: true });
rmSync(report, { force: true });
const runner = Bun.spawnSync([
  process.execPath,
  "test",
  "--only-failures",
  ...["--timeout", String(TEST_LIMIT_MS)],
  ...["--reporter=junit", `--reporter-outfile=${report}`],
  ...files.map((file) => `./${file}`),
], { cwd: repository, stdio: ["ignore", "inherit", "inherit"] });
const tally = readReport(report, runner.exitCode) ??
  { passed: 0, failed: 1, failures: ["unit tests: the runner has left no report"] };
tellTally("unit", tally, values.totals);
process.exit(tally.failed > 0 ? 1 : 0);
