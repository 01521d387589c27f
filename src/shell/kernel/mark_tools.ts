/**
 * The two programs that can put mark rules into the kernel, nft(8) and iptables-legacy-restore(8), each
 * with the same four abilities. What they are fed is written in core/service/mark_rules.ts.
 */
import { readFileSync } from "node:fs";
import {
  countNftRules,
  LEGACY_CHAIN,
  legacyNothing,
  legacyProbeTexts,
  type LegacyState,
  legacyText,
  type MarkRule,
  NFT_TABLE,
  nftProbeText,
  nftText,
  parseLegacySave,
} from "../../core/service/mark_rules.ts";
import { findProgram, type Program, type ProgramEnd, runProgram } from "../process/run_program.ts";

/** How the tools reach the machine. Tests script it, or send it into a network namespace. */
export interface MarkToolsHost {
  /** Path of a program, or null. */
  find(name: string): string | null;
  run(program: Program): Promise<ProgramEnd>;
  /** Text of a file; null when there is none. Throws when it is there and cannot be read. */
  readText(path: string): string | null;
}

/** Why a tool cannot do it. */
export interface ToolProblem {
  /**
   * `missing`: not installed; `privileges`: this process may not; `lock`: iptables' lock is not there and
   * cannot be made, as /run is read-only to a protected service; `busy`: it waited in vain; `refused`:
   * everything else, mostly what the kernel cannot do.
   */
  readonly kind: "missing" | "privileges" | "lock" | "busy" | "refused";
  /** In words: `nft is not installed`, or what the program said, in quotes. */
  readonly text: string;
}

/** A {@link ToolProblem} on its way up. */
export class ToolError extends Error {
  readonly problem: ToolProblem;

  constructor(problem: ToolProblem) {
    super(problem.text);
    this.name = "ToolError";
    this.problem = problem;
  }
}

/** One of the programs. All of its methods but `probe` throw a {@link ToolError}. */
export interface MarkTool {
  readonly name: "nft" | "iptables-legacy";
  /** Debian's package. */
  readonly package: string;
  /** Tries it on the kernel, leaving nothing behind. Null when it works. */
  probe(): Promise<ToolProblem | null>;
  /** Makes troop's rules exactly these. */
  fill(rules: readonly MarkRule[]): Promise<void>;
  /** What the kernel has of troop's, as text that changes when that changes; "" when nothing. */
  look(): Promise<string>;
  /** Of such a text: how many rules it shows that are in force. */
  count(look: string): number;
}

/** Longest run of one program, ms. It is short; iptables waits for its lock, see {@link LOCK_WAIT_S}. */
const PROGRAM_MS_MAX = 10_000;
/** How long iptables waits while another program has its lock (/run/xtables.lock), s. */
const LOCK_WAIT_S = 5;
/** Most a program may print, bytes: some 10,000 rules. */
const OUTPUT_MAX = 2 * 1024 * 1024;
/** A complaint is cut after so many characters: it becomes part of one line. */
const COMPLAINT_MAX = 200;

/** This machine. */
export const systemHost: MarkToolsHost = {
  find: findProgram,
  run: runProgram,
  readText(path) {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  },
};

/** Runs a program that is to succeed and returns what it printed; `accept` lets a failure pass by its complaint. */
async function runTool(
  host: MarkToolsHost,
  [name, ...args]: readonly [string, ...string[]],
  { input = "", accept }: { readonly input?: string; readonly accept?: RegExp } = {},
): Promise<string> {
  const path = host.find(name);
  if (path === null) throw new ToolError({ kind: "missing", text: `${name} is not installed` });
  const end = await host.run({
    command: [path, ...args],
    input,
    limitMs: PROGRAM_MS_MAX,
    outputMax: OUTPUT_MAX,
  });
  if (end.problem !== null) throw new ToolError({ kind: "busy", text: `${name} ${end.problem}` });
  if (end.status === 0) return end.output;
  if (accept?.test(end.errors)) return "";
  throw new ToolError(problemOf(end));
}

/** The first line that says something: nft adds the line it is about, iptables how to get help. */
function problemOf({ errors, status }: ProgramEnd): ToolProblem {
  const lines = errors.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const line = lines.find((text) => text.includes("rror: ")) ?? lines[0] ?? `exit status ${status}`;
  const text = `"${line.replace(/^.*?Error: /, "").slice(0, COMPLAINT_MAX)}"`;
  if (/Operation not permitted|Permission denied|must be root/.test(errors)) {
    return { kind: "privileges", text };
  }
  if (errors.includes("can't open lock file")) return { kind: "lock", text };
  return { kind: errors.includes("holding the xtables lock") ? "busy" : "refused", text };
}

async function problemIn(attempt: () => Promise<unknown>): Promise<ToolProblem | null> {
  try {
    await attempt();
    return null;
  } catch (error) {
    if (error instanceof ToolError) return error.problem;
    throw error;
  }
}

/** nft, which needs a kernel with nf_tables for the family `inet`. */
export function nftTool(host: MarkToolsHost): MarkTool {
  const feed = (input: string) => runTool(host, ["nft", "-f", "-"], { input });
  return {
    name: "nft",
    package: "nftables",
    probe: () => problemIn(() => feed(nftProbeText())),
    fill: async (rules) => void await feed(nftText(rules)),
    look: () =>
      // -s: without counters, which change by themselves. A kernel without nf_tables says ENOENT as well.
      runTool(host, ["nft", "-s", "list", "table", "inet", NFT_TABLE], {
        accept: /No such file or directory/,
      }),
    count: countNftRules,
  };
}

/** The programs and the list of tables of one address family. */
const legacyFamilies = [
  { family: 4, program: "iptables-legacy", tables: "/proc/net/ip_tables_names" },
  { family: 6, program: "ip6tables-legacy", tables: "/proc/net/ip6_tables_names" },
] as const;
type LegacyFamily = (typeof legacyFamilies)[number];

/**
 * iptables-legacy, for kernels that have only ip_tables. Each family has its own transaction. Nothing is
 * asked of a family without need: to look at a table that the kernel has not made yet makes it, with its hooks.
 */
export function legacyTool(host: MarkToolsHost): MarkTool {
  const restore = async ({ program }: LegacyFamily, input: string) => {
    const wait = ["--wait", `${LOCK_WAIT_S}`];
    await runTool(host, [`${program}-restore`, "--noflush", ...wait], { input });
  };
  const state = async ({ program, tables }: LegacyFamily): Promise<LegacyState> => {
    if (!mayHaveMangle(host, tables)) return legacyNothing;
    return parseLegacySave(await runTool(host, [`${program}-save`, "-t", "mangle"]));
  };
  return {
    name: "iptables-legacy",
    package: "iptables",
    probe: () =>
      problemIn(async () => {
        // IPv6 is asked when a rule needs it: it may be switched off.
        const { add, remove } = legacyProbeTexts(legacyFamilies[0].family);
        await restore(legacyFamilies[0], add);
        await restore(legacyFamilies[0], remove);
      }),
    fill: async (rules) => {
      for (const member of legacyFamilies) {
        const own = rules.filter(({ family }) => family === member.family);
        const text = legacyText(own, await state(member));
        if (text !== null) await restore(member, text);
      }
    },
    look: async () => {
      const states: LegacyState[] = [];
      for (const member of legacyFamilies) states.push(await state(member));
      return legacyLook(states);
    },
    count: (look) => look.split("\n").filter((line) => line.includes("-j MARK ")).length,
  };
}

/** Rules count only where something leads to them. */
function legacyLook(states: readonly LegacyState[]): string {
  return states.flatMap(({ chainExists, usedByOthers, rules, jumps }, index) => {
    const { family } = legacyFamilies[index]!;
    if (jumps.length > 0) return [`IPv${family}`, ...jumps, ...rules];
    const remains = rules.length > 0 || (chainExists && !usedByOthers);
    return remains ? [`IPv${family} ${LEGACY_CHAIN} without a jump`] : [];
  }).join("\n");
}

/** The kernel lists the tables it has made in this network namespace. A list that may not be read says nothing. */
function mayHaveMangle(host: MarkToolsHost, tables: string): boolean {
  try {
    return (host.readText(tables) ?? "").split("\n").includes("mangle");
  } catch {
    return true;
  }
}
