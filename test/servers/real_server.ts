/**
 * Starts real servers from their launchers, breaks them and cleans up after them.
 */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort } from "../support/free_port.ts";
import type { Launcher, Place, Run } from "./launcher.ts";
import type { ServerCertificate } from "./server_certificates.ts";

/** A server that does not answer by then will not, ms: mariadb on a busy machine needs a quarter of it. */
const READY_MS_MAX = 40_000;
/** Between two looks whether it answers, ms. */
const LOOK_MS = 25;
/** Between two looks whether signals have been obeyed, ms. */
const STOP_LOOK_MS = 2;
/** What a server printed is shown so far when it does not start, characters. */
const OUTPUT_LENGTH_MAX = 4_000;

/** A server that runs until it is disposed. */
export interface RealServer extends AsyncDisposable {
  /** The number of one of its ports. */
  port(name: string): number;
  /** The folder of its configuration. */
  readonly folder: string;
  /** Stops every process of the server (SIGSTOP); resolves when none of them does anything any more. */
  stop(): Promise<void>;
  /** Lets them go on after {@link RealServer.stop}. */
  goOn(): void;
  /** Kills the server and every process below it, and waits for its end. */
  kill(): Promise<void>;
  /** Starts it again after {@link RealServer.kill}, on the same ports; waits until it answers. */
  restart(): Promise<void>;
}

/** Starts a server with this certificate; resolves when it answers. */
export async function startServer(
  launcher: Launcher,
  certificate: ServerCertificate,
): Promise<RealServer> {
  const folder = await mkdtemp(join(tmpdir(), `troop-${launcher.name}-`));
  try {
    const place = await makePlace(launcher, certificate, folder);
    const run = await launcher.prepare(place);
    const server = new Server(launcher, place, run);
    await server.restart();
    return server;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

class Server implements RealServer {
  readonly folder: string;
  readonly #launcher: Launcher;
  readonly #place: Place;
  readonly #run: Run;
  #child: ReturnType<typeof spawn> | undefined;

  constructor(launcher: Launcher, place: Place, run: Run) {
    this.#launcher = launcher;
    this.#place = place;
    this.#run = run;
    this.folder = place.folder;
  }

  port(name: string): number {
    return this.#place.port(name);
  }

  async stop(): Promise<void> {
    if (this.#child === undefined) return;
    const told = new Set<number>();
    // Again and again: what has not stopped yet may have begun another process. One that waits for its child of
    // vfork(2), which has stopped (D in proc(5)), cannot obey, but does nothing more either.
    for (;;) {
      const running = family(this.#child.pid)
        .filter((pid) => !isEvery(pid, told.has(pid) ? "DTtZX" : "TtZX"));
      if (running.length === 0) return;
      signalAll(running, "SIGSTOP");
      for (const pid of running) told.add(pid);
      await Bun.sleep(STOP_LOOK_MS);
    }
  }

  goOn(): void {
    if (this.#child !== undefined) signalAll(family(this.#child.pid), "SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    // Stopped first: whoever loses its parent is somebody else's child, and not found here.
    await this.stop();
    const pids = family(child.pid);
    signalAll(pids, "SIGKILL");
    await child.exited;
    // Until the last of them is gone too, its sockets are open. A zombie has none.
    while (pids.some((pid) => !isEvery(pid, "ZX"))) await Bun.sleep(STOP_LOOK_MS);
    this.#child = undefined;
  }

  async restart(): Promise<void> {
    const child = spawn(this.#run, this.#launcher, this.folder);
    this.#child = child;
    const printed = keepOutput(child);
    const words = (): string => printed() + readLog(this.folder, this.#run);
    const ready = this.#run.ready ?? (() => allAccept(this.#launcher, this.#place));
    const deadlineMs = performance.now() + READY_MS_MAX;
    let problem = "";
    while (performance.now() < deadlineMs) {
      if (child.exitCode !== null) {
        throw new Error(`${this.#launcher.name} ended (${child.exitCode}): ${words()}`);
      }
      try {
        if (await ready()) return;
      } catch (error) {
        problem = (error as Error).message;
      }
      await Bun.sleep(LOOK_MS);
    }
    await this.kill();
    throw new Error(`${this.#launcher.name} does not answer ${problem}: ${words()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function makePlace(
  launcher: Launcher,
  certificate: ServerCertificate,
  folder: string,
): Promise<Place> {
  const owner = launcher.user === undefined ? null : await idsOf(launcher.user);
  const own = async (path: string): Promise<string> => {
    if (owner !== null) await chown(path, owner.uid, owner.gid);
    return path;
  };
  const makeFolder = async (name: string, mode = 0o755): Promise<string> => {
    const path = join(folder, name);
    // One that is there already, perhaps made by a program, keeps its mode.
    if (await mkdir(path, { recursive: true }) !== undefined) await chmod(path, mode);
    return own(path);
  };
  const write = async (name: string, text: string, mode = 0o644): Promise<string> => {
    const path = join(folder, name);
    if (dirname(name) !== ".") await makeFolder(dirname(name));
    await writeFile(path, text, { mode });
    return own(path);
  };
  await chmod(folder, 0o755);
  await own(folder);
  const ports = new Map<string, number>();
  for (const name of launcher.ports) ports.set(name, await unusedPort());
  const port = (name: string): number => {
    const number = ports.get(name);
    if (number === undefined) throw new Error(`${launcher.name} has no port "${name}"`);
    return number;
  };
  const tls = {
    certificate: await write("tls.pem", certificate.pair.cert),
    key: await write("tls.key", certificate.pair.key, launcher.user === undefined ? 0o600 : 0o400),
    authority: await write("authority.pem", certificate.authority),
  };
  const run = (command: readonly string[], input = "") =>
    runToEnd(asUser(command, launcher.user), folder, input);
  return { folder, port, tls, write, makeFolder, run };
}

/** Handed out in this process: a port that was free for one server must not be found free for the next. */
const handedOut = new Set<number>();

async function unusedPort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

async function idsOf(user: string): Promise<{ uid: number; gid: number }> {
  const uid = Number(await Bun.$`id -u ${user}`.text());
  const gid = Number(await Bun.$`id -g ${user}`.text());
  return { uid, gid };
}

function asUser(command: readonly string[], user: string | undefined): string[] {
  if (user === undefined) return [...command];
  return ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--init-groups", "--", ...command];
}

function spawn(run: Run, { user }: Launcher, folder: string) {
  return Bun.spawn({
    cmd: asUser(run.command, user),
    cwd: folder,
    env: { ...process.env, ...run.environment },
    stdio: ["ignore", "pipe", "pipe"],
    // A session of its own, by which whoever has lost its parent is found.
    detached: true,
  });
}

/** Reads what a server prints for as long as it runs; the last of it, on demand. */
function keepOutput(child: ReturnType<typeof spawn>): () => string {
  let kept = "";
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      kept = (kept + decoder.decode(chunk, { stream: true })).slice(-OUTPUT_LENGTH_MAX);
    }
  };
  for (const stream of [child.stdout, child.stderr]) read(stream).catch(() => {});
  return () => kept.trim();
}

async function runToEnd(command: string[], folder: string, input: string): Promise<string> {
  const child = Bun.spawn({
    cmd: command,
    cwd: folder,
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (await child.exited === 0) return out;
  throw new Error(`${command.join(" ")}: ${(err + out).trim().slice(-OUTPUT_LENGTH_MAX)}`);
}

function readLog(folder: string, { log }: Run): string {
  if (log === undefined) return "";
  const path = join(folder, log);
  return existsSync(path) ? readFileSync(path, "utf8").slice(-OUTPUT_LENGTH_MAX) : "";
}

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly session: number;
}

/** State, parent and session of a process or thread, see proc(5); undefined when there is none. */
function statOf(pid: number | string): Stat | undefined {
  try {
    // The name in parentheses may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, parent, _group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: state!, parent: Number(parent), session: Number(session) };
  } catch {
    return undefined;
  }
}

/** Whether every thread of a process is in one of these states, see proc(5); none is, when it has ended. */
function isEvery(pid: number, states: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => {
      const state = statOf(`${pid}/task/${thread}`)?.state;
      return state === undefined || states.includes(state);
    });
  } catch {
    return true;
  }
}

function signalAll(pids: readonly number[], name: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // Ended by itself meanwhile.
    }
  }
}

/**
 * A process, all of its session, and all below any of them: who begins a session of its own has its parent still,
 * and whose parent has ended is in the session still, perhaps stopped, and with the server's sockets open.
 */
function family(top: number): number[] {
  const stats = new Map<number, Stat>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number)) {
    const stat = statOf(pid);
    if (stat !== undefined) stats.set(pid, stat);
  }
  const found = new Set([top]);
  for (const [pid, { session }] of stats) if (session === top) found.add(pid);
  // A set can grow while it is walked.
  for (const one of found) {
    for (const [pid, { parent }] of stats) if (parent === one) found.add(pid);
  }
  return [...found];
}

async function allAccept({ ports }: Launcher, place: Place): Promise<boolean> {
  const answers = await Promise.all(ports.map((name) => accepts(place.port(name))));
  return answers.every(Boolean);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => resolve(false));
    socket.on("connect", () => {
      socket.end();
      resolve(true);
    });
  });
}
