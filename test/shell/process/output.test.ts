/** The command line's output reaches a slow reader whole, and a reader that leaves is no error. */
import { expect, test } from "bun:test";
import { join } from "node:path";

const script = `
  import { openOutput } from ${
  JSON.stringify(join(import.meta.dir, "../../../src/shell/process/output.ts"))
};
  const output = openOutput(1);
  output.write("x".repeat(3_000_000));
  output.write(output.isTty ? "tty" : "end");
  process.exit(3);
`;

function shell(pipeline: string): { readonly out: string; readonly err: string } {
  const { stdout, stderr } = Bun.spawnSync(["bash", "-c", pipeline], {
    env: { ...process.env, BUN: process.execPath, SCRIPT: script },
  });
  return { out: stdout.toString(), err: stderr.toString() };
}

test("openOutput writes three megabytes to a slow reader before the program ends", () => {
  const { out, err } = shell('"$BUN" -e "$SCRIPT" | { sleep 0.3; wc -c; }');
  expect([out.trim(), err]).toEqual(["3000003", ""]);
});

test("openOutput goes on quietly when the reader leaves", () => {
  const { out, err } = shell('"$BUN" -e "$SCRIPT" | head -c 1; echo " ${PIPESTATUS[0]}"');
  expect([out, err]).toEqual(["x 3\n", ""]);
});

test("openOutput waits for a pipe that somebody made non-blocking", () => {
  const { out } = shell(
    `perl -MFcntl -e 'fcntl(STDOUT, F_SETFL, fcntl(STDOUT, F_GETFL, 0) | O_NONBLOCK); exec $ENV{BUN}, "-e", $ENV{SCRIPT}' | { sleep 0.3; wc -c; }`,
  );
  expect(out.trim()).toBe("3000003");
});
