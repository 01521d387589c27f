/**
 * What a program really asks of the kernel to change files, as strace(1) sees it: the calls of one folder in order, each
 * in a few words.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Calls looked at, by what they do. A question mark: not every processor has it. */
const kinds: Readonly<Record<string, "write" | "flush" | "rename" | "link">> = {
  write: "write",
  writev: "write",
  pwrite64: "write",
  pwritev: "write",
  pwritev2: "write",
  copy_file_range: "write",
  sendfile: "write",
  ftruncate: "write",
  fsync: "flush",
  fdatasync: "flush",
  rename: "rename",
  renameat: "rename",
  renameat2: "rename",
  link: "link",
  linkat: "link",
};
/** `PID NAME(ARGUMENTS) = RESULT`; of a call during which another thread made one the two halves are apart. */
const WHOLE = /^\d+ +(\w+)\((.*)\) += \d/;
const BEGUN = /^(\d+) +(\w+\(.*) <unfinished \.\.\.>$/;
const ENDED = /^(\d+) +<\.\.\. \w+ resumed>(.*)$/;
/** A write to standard output that ends a step. */
const MARK = /"done (\w+)\\n"/;

/** Every flush takes 50 ms more: what nobody waits for is seen to go on while the next thing begins. */
const SLOW_DISK = "inject=fsync,fdatasync:delay_enter=50000";

/** A call that did what was asked, and the lines of the log in which it began and ended. */
interface Call {
  readonly name: string;
  readonly text: string;
  readonly begin: number;
  readonly end: number;
}

/**
 * Runs a script that is given a folder to work in, and says `done NAME` in one write when a step is done. Gives what was
 * done to files of that folder for each step, as `write a`, `flush a`, `rename a b`; the folder itself is `.`. Calls of
 * the same kind one behind the other count once.
 */
export function tracedSteps(script: string, folder: string): Map<string, string[]> {
  const log = join(folder, "strace.log");
  const trace = Object.keys(kinds).map((name) => `?${name}`).join();
  const { exitCode, stderr } = Bun.spawnSync([
    ...["strace", "-f", "-y", "-o", log, "-e", `trace=${trace}`, "-e", SLOW_DISK],
    ...[process.execPath, script, folder],
  ], { stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`strace of ${script} ends with ${exitCode}: ${stderr}`);
  const steps = new Map<string, string[]>();
  let step: string[] = [];
  let end = -1;
  for (const call of callsOf(readFileSync(log, "utf8").trimEnd().split("\n"))) {
    const mark = MARK.exec(call.text)?.[1];
    const words = mark === undefined ? wordsOf(call, folder) : undefined;
    if (mark === undefined && words === undefined) continue;
    // What goes on while the next one is asked for is not done when that begins.
    if (call.begin < end) step.push("at the same time");
    end = Math.max(end, call.end);
    if (words !== undefined && words !== step.at(-1)) step.push(words);
    if (mark === undefined) continue;
    steps.set(mark, step);
    step = [];
  }
  return steps;
}

/** The calls that succeeded, in the order in which they began. */
function callsOf(lines: readonly string[]): Call[] {
  const calls: Call[] = [];
  const halves = new Map<string, { readonly text: string; readonly begin: number }>();
  for (const [end, line] of lines.entries()) {
    const [, starting, start = ""] = BEGUN.exec(line) ?? [];
    if (starting !== undefined) {
      halves.set(starting, { text: `${starting} ${start}`, begin: end });
      continue;
    }
    const [, ending = "", rest = ""] = ENDED.exec(line) ?? [];
    const half = halves.get(ending);
    halves.delete(ending);
    const [, name, text] = WHOLE.exec(half === undefined ? line : half.text + rest) ?? [];
    if (name === undefined || text === undefined) continue;
    calls.push({ name, text, begin: half?.begin ?? end, end });
  }
  return calls.toSorted((a, b) => a.begin - b.begin);
}

/** What a call does to files of the folder; undefined: nothing. Process numbers in names are left out. */
function wordsOf({ name, text }: Call, folder: string): string | undefined {
  const kind = kinds[name];
  if (kind === undefined) return undefined;
  // A path of its own is quoted; that of a file that is open stands behind its number.
  const pattern = kind === "rename" || kind === "link" ? /"([^"]*)"/g : /^\d+<([^>]*)>/g;
  const paths = [...text.matchAll(pattern)].map(([, path = ""]) => path)
    .filter((path) => path === folder || path.startsWith(`${folder}/`))
    .map((path) => path.slice(folder.length + 1).replace(/\.\d+\./, ".") || ".");
  return paths.length === 0 ? undefined : [kind, ...paths].join(" ");
}
