/**
 * Command line of the lab: `bun test/lab/run.ts NAME LIMIT_SECONDS COMMAND...` runs the command in the
 * lab, passes its output on, and ends with its exit status; a machine that failed ends with 70.
 * LAB_SLOWDOWN in the environment lets a guest's clock run that much slower while it works.
 */
import { join } from "node:path";
import { labFolder, runInLab } from "./boot.ts";
import { takeTurn } from "./turn.ts";

/** EX_SOFTWARE of sysexits.h: the lab failed, not the command. */
const EXIT_LAB_FAILED = 70;

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
const [name, limitSeconds, ...command] = process.argv.slice(2);
if (name === undefined || !(Number(limitSeconds) > 0) || command.length === 0) {
  process.stderr.write("run lab: write run.ts NAME LIMIT_SECONDS COMMAND...\n");
  process.exit(2);
}
const slowdown = process.env["LAB_SLOWDOWN"];
using _turn = await takeTurn(join(labFolder, "turn"));
const { status, problem } = await runInLab({
  name,
  command,
  limitMs: Number(limitSeconds) * 1000,
  ...(slowdown === undefined ? {} : { slowdown: Number(slowdown) }),
  output: (chunk) => process.stdout.write(chunk),
});
if (problem !== null) process.stderr.write(`${problem}\n`);
process.exit(status ?? EXIT_LAB_FAILED);
