/**
 * The external probe: a program of the operator's decides. Exit status 0 is well; anything else is not, except
 * with `dynamic` weights, where 2 to 255 mean well with weight 0 to 253 (keepalived.conf(5), MISC_CHECK). The
 * last line it prints is the reason.
 *
 * Behind the arguments of the command come ldirectord's four: VIP or firewall mark, its port, address and port
 * of the server. The environment says the same, and more, by name: see {@link environmentOf}.
 */
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { canChangeUser, userProblem } from "../process/privileges.ts";
import { type ProgramEnd, runProgram } from "../process/run_program.ts";
import { type Attempt, quote, runAttempt } from "./attempt.ts";
import type { ProbeOf } from "./probe.ts";

/** What a program may print before it is ended, bytes: only its last line is used. */
export const OUTPUT_BYTES_MAX = 65_536;
/** What failed for want of processes, memory or descriptors of this machine says nothing about the server. */
const OWN_FAULTS = ["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"];
/**
 * Becomes the user, with the groups that belong to it and without any capability. `sh` only looks the group up;
 * the command stays an argument vector.
 */
const AS_USER = 'gid=$(id -g -- "$1") && user=$1 && shift && ' +
  'exec setpriv --reuid="$user" --regid="$gid" --init-groups --inh-caps=-all --ambient-caps=-all -- "$@"';

type ExternalTarget = ProbeTarget<CheckOf<"external">>;

/** Runs the program once. Resolves as {@link runAttempt} does. */
export function probeExternal(
  target: ExternalTarget,
  context: Parameters<ProbeOf<"external">>[1],
): Promise<ProbeResult | null> {
  const { timeoutMs } = target.check;
  return runAttempt(timeoutMs, context, (attempt) => {
    attempt.phase = "before the program ended";
    if (target.check.user !== null && !canChangeUser()) {
      attempt.fail(userProblem(target.check.user));
      return () => {};
    }
    // The attempt alone says when its time is over: two clocks would tell it in two ways.
    const ending = new AbortController();
    const running = runProgram({
      command: commandOf(target),
      environment: environmentOf(target),
      signal: ending.signal,
      limitMs: null,
      outputMax: OUTPUT_BYTES_MAX,
    });
    void running.then((end) => judge(attempt, target.check, end));
    return () => ending.abort();
  });
}

/** The whole argument vector, ldirectord's four arguments behind it. */
function commandOf({ address, port, check, subject }: ExternalTarget): [string, ...string[]] {
  const [program = "", ...rest] = check.command;
  const four = [subject?.vip ?? "", String(subject?.vipPort ?? 0), address, String(port)];
  const command: [string, ...string[]] = check.shell
    ? ["/bin/sh", "-c", program, "sh", ...rest, ...four]
    : [program, ...rest, ...four];
  return check.user === null ? command : ["/bin/sh", "-c", AS_USER, "sh", check.user, ...command];
}

/** What a program is told by name. */
function environmentOf({ address, port, check, subject }: ExternalTarget): Record<string, string> {
  return {
    TROOP_SERVICE: subject?.service ?? "",
    TROOP_VIP: subject?.vip ?? "",
    TROOP_VIP_PORT: String(subject?.vipPort ?? 0),
    TROOP_SERVER_ADDRESS: address,
    TROOP_SERVER_PORT: String(port),
    TROOP_NODE: subject?.node ?? "",
    TROOP_KIND: subject?.kind ?? "",
    TROOP_TIMEOUT_MS: String(check.timeoutMs),
  };
}

function judge(attempt: Attempt, check: CheckOf<"external">, end: ProgramEnd): void {
  if (OWN_FAULTS.includes(end.code ?? "")) return attempt.giveUp();
  const { problem, status } = end;
  const line = lastLine(end.output) ?? lastLine(end.errors);
  if (problem !== null || status === null) {
    return attempt.fail(`the program ${quote(problem ?? "was killed")}${suffix(line)}`);
  }
  if (status === 0) return attempt.pass(line === null ? "exit status 0" : quote(line));
  if (!check.dynamic || status === 1) {
    return attempt.fail(`exit status ${status}${suffix(line)}`);
  }
  const weight = status - 2;
  const words = `weight ${weight}${suffix(line)}`;
  attempt.pass(words, { weight, words });
}

function suffix(line: string | null): string {
  return line === null ? "" : `: ${quote(line)}`;
}

/** The last line that says something. */
function lastLine(text: string): string | null {
  return text.trimEnd().split("\n").at(-1)?.trim() || null;
}
