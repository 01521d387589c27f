/**
 * The kernel's mark rules: which of the tools does it, that both are never filled at a time, and whether
 * what was applied is still there.
 *
 * Calls are worked off one after the other, each by a few short processes. To ask {@link MarkRules.intact}
 * costs up to three: every few seconds is often enough, and never where no service has a mark.
 */
import type { MarkRule } from "../../core/service/mark_rules.ts";
import { Refusal } from "../../core/refusal.ts";
import type { MarkBackend, MarkRules } from "../../ports.ts";
import {
  legacyTool,
  type MarkTool,
  type MarkToolsHost,
  nftTool,
  systemHost,
  ToolError,
  type ToolProblem,
} from "./mark_tools.ts";

const ATTEMPTED = "mark packets for IPVS";

/**
 * Mark rules of the network namespace this process is in.
 *
 * `apply` rejects with a {@link Refusal}. Without rules it removes what this or an earlier process left
 * behind, and needs no tool. `intact` is false before the first success, after a failure, and when it
 * cannot be told: to apply again then says why. The tools are probed once, and again after a failure.
 */
export function createMarkRules(host: MarkToolsHost = systemHost): MarkRules {
  return new SerialMarkRules([nftTool(host), legacyTool(host)]);
}

class SerialMarkRules implements MarkRules {
  /** In order of preference. */
  readonly #tools: readonly MarkTool[];
  /** The tool that passed the probe; null: not probed, or failed since. */
  #chosen: MarkTool | null = null;
  /** The tool this process has filled, whether or not the kernel still has it. */
  #filled: MarkTool | null = null;
  /** What the kernel showed after the last success. */
  #applied: string | null = null;
  /** Ends with the last call that was made. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(tools: readonly MarkTool[]) {
    this.#tools = tools;
  }

  apply(rules: readonly MarkRule[]): Promise<void> {
    return this.#inTurn(async () => {
      this.#applied = null;
      try {
        this.#applied = rules.length === 0 ? await this.#empty() : await this.#fill(rules);
      } catch (error) {
        this.#chosen = null;
        throw error;
      }
    });
  }

  intact(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#applied === null) return false;
      try {
        return this.#applied === await this.#lookAtAll();
      } catch (error) {
        if (!(error instanceof ToolError)) throw error;
        return false;
      }
    });
  }

  backend(): Promise<MarkBackend> {
    return this.#inTurn(async () => {
      const found = await this.#choose();
      return "look" in found ? { tool: found.name } : found;
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #choose(): Promise<MarkTool | { readonly problem: string; readonly remedy: string }> {
    if (this.#chosen !== null) return this.#chosen;
    const problems: { readonly tool: MarkTool; readonly problem: ToolProblem }[] = [];
    for (const tool of this.#tools) {
      const problem = await tool.probe();
      if (problem === null) return this.#chosen = tool;
      problems.push({ tool, problem });
    }
    return noTool(problems);
  }

  /** Returns what the kernel has now. */
  async #fill(rules: readonly MarkRule[]): Promise<string> {
    const tool = await this.#choose();
    if (!("look" in tool)) throw new Refusal({ attempted: ATTEMPTED, ...tool });
    for (const other of this.#tools) if (other !== tool) await this.#clear(other);
    this.#filled = tool;
    await by(tool, () => tool.fill(rules));
    const now = await by(tool, () => tool.look());
    const count = tool.count(now);
    if (count === rules.length) return await by(tool, () => this.#lookAtAll());
    throw new Refusal({
      attempted: `${ATTEMPTED} with ${tool.name}`,
      problem: `the kernel shows ${count} of ${rules.length} rules right after they were made`,
      remedy: "find out which other program changes them",
    });
  }

  /** Returns what the kernel has now: nothing. */
  async #empty(): Promise<string> {
    for (const tool of this.#tools) await this.#clear(tool);
    this.#filled = null;
    return "";
  }

  async #clear(tool: MarkTool): Promise<void> {
    await by(tool, async () => {
      if (await this.#look(tool) !== "") await tool.fill([]);
    });
  }

  async #lookAtAll(): Promise<string> {
    const looks: string[] = [];
    for (const tool of this.#tools) looks.push(await this.#look(tool));
    return looks.join("");
  }

  /**
   * What the kernel has by this tool. A tool that does not work has nothing, unless this process has filled
   * it: then something may still be there.
   */
  async #look(tool: MarkTool): Promise<string> {
    try {
      return await tool.look();
    } catch (error) {
      if (error instanceof ToolError && tool !== this.#filled) return "";
      throw error;
    }
  }
}

/** Makes a refusal of a tool's error. */
async function by<Result>(tool: MarkTool, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw new Refusal({
      attempted: `${ATTEMPTED} with ${tool.name}`,
      problem: error.problem.text,
      // The tool has passed its probe: what the kernel lacks is something only this rule needs.
      remedy: error.problem.kind === "refused"
        ? "see `dmesg`; the kernel may lack a module for the rule's protocol or address family"
        : remedyFor([{ tool, problem: error.problem }]),
    }, { cause: error });
  }
}

type Failures = readonly { readonly tool: MarkTool; readonly problem: ToolProblem }[];

/** What to say when no tool passed the probe. */
function noTool(failures: Failures): { readonly problem: string; readonly remedy: string } {
  const reasons = failures.map(({ tool, problem }) =>
    problem.text.startsWith('"') ? `${tool.name} failed with ${problem.text}` : problem.text
  );
  return { problem: reasons.join(", "), remedy: remedyFor(failures) };
}

function remedyFor(failures: Failures): string {
  if (failures.some(({ problem }) => problem.kind === "privileges")) {
    return "run it as root, or with CAP_NET_ADMIN and CAP_NET_RAW";
  }
  if (failures.some(({ problem }) => problem.kind === "lock")) {
    return "touch /run/xtables.lock";
  }
  if (failures.some(({ problem }) => problem.kind === "busy")) {
    return "try again; `lslocks` says which process has /run/xtables.lock";
  }
  const missing = failures.filter(({ problem }) => problem.kind === "missing");
  if (missing.length > 0) {
    return `apt-get install ${missing.map(({ tool }) => tool.package).join(" ")}`;
  }
  return "use a kernel with nf_tables or ip_tables: apt-get install linux-image-amd64 && reboot";
}
