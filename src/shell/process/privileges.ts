/**
 * What the agent may do: it needs two capabilities of root's some forty, and gives up the others before it does anything
 * else. A process has many threads and each has capabilities of its own, so the program narrows what it may ever have,
 * and executes itself: every thread of what comes then has the two and no other.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { narrowBoundingSet } from "../../../ffi/mod.ts";
import { MODPROBE_MS_MAX } from "../kernel/modules.ts";
import { errorText } from "../log/notices.ts";
import { findProgram } from "./run_program.ts";

/** Capabilities the agent needs, with their numbers (linux/capability.h) and what for. */
export const neededCapabilities = [
  { name: "CAP_NET_ADMIN", bit: 12, why: "to change addresses and the IPVS table" },
  { name: "CAP_NET_RAW", bit: 13, why: "to announce VIPs on the LAN" },
] as const;

/** CAP_SETUID: with it a program can be run as another user. */
const SETUID_BIT = 7;

/** Set in the environment of the program that was executed with less: it never tries again. */
export const DROPPED_VARIABLE = "TROOP_PRIVILEGES_DROPPED";
/**
 * Modules the kernel does not load by itself when an agent without CAP_SYS_MODULE needs them, and IPVS: those of
 * dist/troop.service.
 */
export const AGENT_MODULES = [
  "ip_vs",
  "ip_vs_wlc",
  "ip_vs_ftp",
  "fou",
  "ip_tables",
  "ip6_tables",
] as const;

/** Capabilities of a process, as bits. */
export interface Capabilities {
  readonly effective: bigint;
  readonly permitted: bigint;
  /** What it can get at most by executing a file. */
  readonly bounding: bigint;
}

/** Reads /proc/PID/status (proc(5)); what it does not say is none. */
export function readCapabilities(status: string): Capabilities {
  const read = (name: string) =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
  return { effective: read("CapEff"), permitted: read("CapPrm"), bounding: read("CapBnd") };
}

/** Whether a set has a capability. */
export function hasCapability(set: bigint, bit: number): boolean {
  return ((set >> BigInt(bit)) & 1n) === 1n;
}

let changesUser: boolean | undefined;

/** Whether this process may run programs as other users: root may, unless it gave that up. */
export function canChangeUser(): boolean {
  // Nothing in this process changes what it may do.
  return changesUser ??= hasCapability(
    readCapabilities(readFileSync("/proc/self/status", "utf8")).effective,
    SETUID_BIT,
  );
}

/** Why a program cannot be run as a user, for people who are told while {@link canChangeUser} is false. */
export function userProblem(user: string): string {
  return `cannot run as ${user}: the agent gave up what that needs (\`privileges: keep\` in troop.yaml keeps it)`;
}

const needed = neededCapabilities.reduce((set, { bit }) => set | (1n << BigInt(bit)), 0n);

/** Whether the process has, or as root could get, more than the agent needs. */
export function hasExcess({ effective, permitted }: Capabilities): boolean {
  return ((effective | permitted) & ~needed) !== 0n;
}

/** How to give up privileges; tests give their own. */
export interface DropTools {
  /** /proc/self/status. */
  readonly status: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Words behind the program's name. */
  readonly words: readonly string[];
  /** Loads modules as far as this machine has them. */
  readonly loadModules: (names: readonly string[]) => void;
  readonly narrow: (kept: readonly number[]) => void;
  /** Executes this program anew in the place of this one; returns only in tests. */
  readonly execute: (words: readonly string[], environment: Record<string, string>) => void;
}

/**
 * Gives up what the agent does not need, if there is any: then it does not return. Returns null when there is nothing
 * to give up, else why it cannot be given up.
 */
export function dropPrivileges(tools: DropTools): string | null {
  const capabilities = readCapabilities(tools.status);
  if (!hasExcess(capabilities)) return null;
  if (tools.environment[DROPPED_VARIABLE] !== undefined) {
    return "the kernel gave them back, which it should not";
  }
  // Whoever lacks one of the two is refused later on, in words.
  tools.loadModules(AGENT_MODULES);
  try {
    tools.narrow(neededCapabilities.map(({ bit }) => bit));
  } catch (error) {
    return errorText(error);
  }
  const environment: Record<string, string> = { [DROPPED_VARIABLE]: "1" };
  for (const [name, value] of Object.entries(tools.environment)) {
    if (value !== undefined) environment[name] = value;
  }
  tools.execute(tools.words, environment);
  return null;
}

/** The tools of this process. */
export function dropTools(status: string): DropTools {
  return {
    status,
    environment: process.env,
    words: process.argv.slice(2),
    loadModules,
    narrow: narrowBoundingSet,
    execute: executeSelf,
  };
}

function loadModules(names: readonly string[]): void {
  const modprobe = findProgram("modprobe");
  if (modprobe === null) return;
  // Each by itself: one that is missing must not keep away the others.
  for (const name of names) {
    spawnSync(modprobe, ["-q", "--", name], { stdio: "ignore", timeout: MODPROBE_MS_MAX });
  }
}

/** The same process goes on under the same number, with the same standard streams. */
function executeSelf(words: readonly string[], environment: Record<string, string>): void {
  // A compiled program's files lie in a file system of its own.
  const compiled = Bun.main.startsWith("/$bunfs/");
  const own = compiled ? [process.argv0] : [process.execPath, Bun.main];
  const { execve } = process;
  if (execve === undefined) throw new Error("this runtime cannot execute a program in its place");
  execve.call(process, process.execPath, [...own, ...words], environment);
}
