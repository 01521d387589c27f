/**
 * Runs a command in a machine of its own with a real IPVS: a User-Mode Linux guest when this kernel has
 * no IPVS, else fresh namespaces of this machine. Either way the command sees this repository and a
 * private network, /run and /tmp, and nothing of it outlives the command.
 *
 * User-Mode Linux is Debian's package: a kernel that runs as a process. Its root is this machine's own
 * file tree (hostfs). It has one processor, and one of this machine's is its own: the kernel and the
 * process it serves are two processes of this machine that take turns at every system call and page fault,
 * and to wake a process on another processor costs up to thirty times what it costs on the same. Its clock
 * is guest_clock.c's.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { readdirSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildGuestClock } from "./guest_clock.ts";

/** The repository: what the guest works on. */
export const repository = resolve(import.meta.dir, "../..");
/** Where runs keep what they leave behind: consoles, logs, captures, reports. */
export const labFolder = join(repository, ".cache/lab");

/** Memory of one guest, MB: a cluster of agents needs some 600; untouched pages cost nothing. */
const GUEST_MEMORY_MB = 2_048;
/** Lines of the guest's console that are shown when it dies. */
const CONSOLE_TAIL_LINES = 25;
/** Time for a guest to power off after its command has ended, ms. */
const POWER_OFF_LIMIT_MS = 20_000;
/** What else this machine does must not be measured; where it is not allowed, `nice` only complains. */
const PRIORITY = ["nice", "-n", "-10"];
/** A guest is that much slower than a kernel of its own, about: see guest_clock.c. */
const SLOWDOWN = 4;
const UML_MODULES = "/usr/lib/uml/modules";

/** One command to run. */
export interface LabJob {
  /** Names the run's folder below {@link labFolder}; two runs at a time need two names. */
  readonly name: string;
  readonly command: readonly string[];
  /** Two guests at a time get different processors by different numbers here; default 0. */
  readonly processor?: number;
  /** How much slower the clock of a guest runs while it works, default {@link SLOWDOWN}. */
  readonly slowdown?: number;
  /** The run is ended, and has failed, after this time, ms. */
  readonly limitMs: number;
  /** Gets what the command prints, both streams, as it comes. */
  readonly output: (chunk: Uint8Array) => void;
}

/** How a run ended. */
export interface LabResult {
  /** Exit status of the command; null when the machine did not live to tell it. */
  readonly status: number | null;
  /** What went wrong with the machine itself, several lines; null when nothing did. */
  readonly problem: string | null;
}

/** `host` when this machine's kernel has IPVS, else `uml`. LAB_KIND in the environment overrides it. */
export function labKind(): "host" | "uml" {
  const wanted = process.env["LAB_KIND"];
  if (wanted === "host" || wanted === "uml") return wanted;
  if (existsSync("/proc/net/ip_vs")) return "host";
  const probe = Bun.spawnSync(["modprobe", "-q", "ip_vs"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return probe.success && existsSync("/proc/net/ip_vs") ? "host" : "uml";
}

/** Runs one command in the lab. Never throws for what happens inside. */
export async function runInLab(job: LabJob): Promise<LabResult> {
  const folder = join(labFolder, job.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "command"), commandScript(job.command));
  const console = join(folder, "console.log");
  const kind = labKind();
  const started = kind === "uml"
    ? startGuest(job, folder, console)
    : startNamespaces(folder, console);
  const ended = await outcome(started, job);
  const resultFile = join(folder, "result");
  const result = existsSync(resultFile) ? Number(readFileSync(resultFile, "utf8")) : null;
  const problem = ended ?? (result === null ? "ended without telling a result" : null);
  if (problem === null) return { status: result, problem: null };
  const tail = readFileSync(console, "utf8").trimEnd().split("\n").slice(-CONSOLE_TAIL_LINES);
  const lines = [`lab ${job.name} (${kind}): ${problem}`, ...tail.map((line) => `  | ${line}`)];
  return { status: null, problem: lines.join("\n") };
}

interface Started {
  readonly process: Bun.Subprocess;
  readonly output: ReadableStream<Uint8Array>;
}

/** Waits for the end and passes the output on; returns what went wrong with the machine, or null. */
async function outcome(started: Started, job: LabJob): Promise<string | null> {
  const { process: machine } = started;
  let overdue = false;
  const kill = () => killGroup(machine.pid);
  const timer = setTimeout(() => {
    overdue = true;
    kill();
  }, job.limitMs);
  process.once("exit", kill);
  try {
    for await (const chunk of started.output) job.output(chunk);
    const late = setTimeout(kill, POWER_OFF_LIMIT_MS);
    const status = await machine.exited;
    clearTimeout(late);
    if (overdue) return `not finished after ${job.limitMs / 1000} s`;
    return machine.signalCode === null
      ? null
      : `killed by ${machine.signalCode} (status ${status})`;
  } finally {
    clearTimeout(timer);
    process.off("exit", kill);
    kill();
  }
}

/** The guest's user processes are processes of their own; the group has them all. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All gone.
  }
}

function startGuest(job: LabJob, folder: string, console: string): Started {
  if (/[\s"',]/.test(repository)) {
    throw new Error(
      `boot guest: a kernel's command line cannot have the path "${repository}"; ` +
        `move the repository to a path without spaces, quotes and commas`,
    );
  }
  prepareModules(folder);
  const consoleFd = openSync(console, "w");
  const machine = Bun.spawn([
    ...PRIORITY,
    "taskset",
    "--cpu-list",
    String(allowedProcessor(job.processor ?? 0)),
    "linux.uml",
    `mem=${GUEST_MEMORY_MB}M`,
    `umid=guest`,
    `uml_dir=${folder}/uml`,
    "root=/dev/root",
    "rootfstype=hostfs",
    "rootflags=/",
    "rw",
    `init=${import.meta.dir}/guest.sh`,
    `LAB_KIND=uml`,
    `LAB_JOB=${folder}`,
    `LAB_REPOSITORY=${repository}`,
    "con=null",
    "con0=null,fd:1",
    "con1=null,fd:3",
    "quiet",
  ], {
    stdio: ["ignore", consoleFd, consoleFd, "pipe"],
    env: {
      ...process.env,
      TMPDIR: memoryFolder(),
      GUEST_SLOWDOWN: String(job.slowdown ?? SLOWDOWN),
      LD_PRELOAD: buildGuestClock(join(labFolder, "guest_clock.so")),
    },
    detached: true,
  });
  closeSync(consoleFd);
  return { process: machine, output: Bun.file(machine.stdio[3] as number).stream() };
}

/**
 * The number of one of the processors this process may use; they need not begin at 0 (proc(5), Cpus_allowed_list). Who
 * runs the lab in two copies of the repository gets different ones, more often than not.
 */
function allowedProcessor(index: number): number {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  const numbers = (list ?? "0").split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  });
  return numbers[(process.pid + index) % numbers.length] ?? 0;
}

/** modprobe wants DIR/lib/modules/VERSION; the guest's modules lie elsewhere. */
function prepareModules(folder: string): void {
  const version = readdirSync(UML_MODULES)[0];
  if (version === undefined) throw new Error(`boot guest: ${UML_MODULES} is empty`);
  mkdirSync(join(folder, "modules/lib/modules"), { recursive: true });
  symlinkSync(join(UML_MODULES, version), join(folder, "modules/lib/modules", version));
}

/** Where the guest's memory file lies: in memory if there is room for two guests, else on disk. */
function memoryFolder(): string {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    if (bavail * bsize > 2.5 * GUEST_MEMORY_MB * 1024 * 1024) return "/dev/shm";
  } catch {
    // No such file system: the disk will do.
  }
  return "/tmp";
}

function startNamespaces(folder: string, console: string): Started {
  const consoleFd = openSync(console, "w");
  const machine = Bun.spawn([
    ...PRIORITY,
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    `${import.meta.dir}/guest.sh`,
  ], {
    stdio: ["ignore", consoleFd, consoleFd, "pipe"],
    env: { ...process.env, LAB_KIND: "host", LAB_JOB: folder, LAB_REPOSITORY: repository },
    detached: true,
  });
  closeSync(consoleFd);
  return { process: machine, output: Bun.file(machine.stdio[3] as number).stream() };
}

function commandScript(command: readonly string[]): string {
  // The command's console looks like a terminal, whatever its output ends in.
  const colour = process.stdout.isTTY ? {} : { NO_COLOR: "1" };
  const variables = { ...process.env, ...colour } as Record<string, string | undefined>;
  const passed = ["COLUMNS", "NO_COLOR"].flatMap((name) => {
    const value = variables[name];
    return value === undefined ? [] : [`export ${name}=${quote(value)}\n`];
  });
  return `${passed.join("")}exec ${command.map(quote).join(" ")}\n`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
