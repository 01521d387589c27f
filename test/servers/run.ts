/**
 * Runs the tests against real servers, in namespaces of their own: a network of nothing but loopback, so that any
 * port is free, and processes that end with the run. Needs root. Ends with the table of kinds and failures and one
 * line of totals; `--totals FILE` writes `PASSED FAILED` into a file. Arguments choose files by part of their path,
 * `--rows PART` rows of the table by part of their name.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repository } from "../lab/boot.ts";
import { readReport } from "../lab/junit.ts";
import { tellTally } from "../support/tally.ts";
import { ROWS_VARIABLE } from "./chosen_rows.ts";

/** A test that waits for something in vain has failed after this, ms. */
const TEST_LIMIT_MS = 30_000;

const { values, positionals: wanted } = parseArgs({
  args: process.argv.slice(2),
  options: { totals: { type: "string" }, rows: { type: "string", default: "" } },
  allowPositionals: true,
});
const files = [...new Bun.Glob("test/servers/**/*.test.ts").scanSync({ cwd: repository })]
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .toSorted();
const report = join(repository, ".cache/servers.xml");
mkdirSync(join(report, ".."), { recursive: true });
rmSync(report, { force: true });
// Whatever servers leave behind is in here.
const folder = mkdtempSync(join(tmpdir(), "troop-servers-"));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
const namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
// The shell stays: as the first process it takes note of the end of processes that have lost their parent.
const inside = `chmod 711 "$TMPDIR" && ip link set lo up && mount -t tmpfs run /run || exit
"$@"
status=$?
exit $status`;
const runner = Bun.spawn([
  ...["unshare", ...namespaces, "sh", "-c", inside, "sh"],
  process.execPath,
  "test",
  ...["--timeout", String(TEST_LIMIT_MS)],
  ...["--reporter=junit", `--reporter-outfile=${report}`],
  ...(wanted.length === 0 ? ["--only-failures"] : []),
  ...files.map((file) => `./${file}`),
], {
  cwd: repository,
  env: { ...process.env, TMPDIR: folder, [ROWS_VARIABLE]: values.rows },
  stdio: ["ignore", "inherit", "inherit"],
});
// With it ends everything in its namespaces.
process.on("exit", () => {
  runner.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
const status = await runner.exited;
const tally = readReport(report, status) ??
  { passed: 0, failed: 1, failures: ["servers tests: the runner has left no report"] };
tellTally("servers", tally, values.totals);
process.exit(tally.failed > 0 ? 1 : 0);
