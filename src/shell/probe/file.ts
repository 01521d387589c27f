/**
 * The file probe: a file on the server itself, there or not, as a switch for its operator. Only a member can be
 * asked, by itself.
 */
import { stat } from "node:fs/promises";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { type ProbeContext, quote, runAttempt } from "./attempt.ts";

/**
 * Looks once. Resolves as {@link runAttempt} does: a file system that hangs (a dead NFS server) is a timeout.
 * Links are followed; a link to nothing is absent.
 */
export function probeFile(
  target: ProbeTarget<CheckOf<"file">>,
  context: ProbeContext,
): Promise<ProbeResult | null> {
  const { path, when, timeoutMs } = target.check;
  return runAttempt(timeoutMs, context, (attempt) => {
    if (target.subject?.kind === "server") {
      attempt.fail("cannot look for a file on a server without an agent: use another check");
      return () => {};
    }
    attempt.phase = `while looking for ${quote(path)}`;
    const found = (present: boolean): void => {
      const words = `${quote(path)} is ${present ? "present" : "absent"}`;
      if (present === (when === "present")) attempt.pass(words);
      else attempt.fail(words);
    };
    stat(path).then(() => found(true), (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") found(false);
      else attempt.fail(`cannot look for ${quote(path)}: ${quote(error.code ?? error.message)}`);
    });
    return () => {};
  });
}
