/** `troop doctor`: what this machine lacks, and the command that mends it. */
import type { Command } from "commander";
import type { Finding, SwitchFinding } from "../ports.ts";
import { addExamples, EXIT_FAILURE, type Session, writeJson } from "./session.ts";
import { printable, styleFor, tableText, type TextStyle, type Tone, toned } from "./table_text.ts";

/** Adds the verb. */
export function addDoctor(program: Command, session: Session): void {
  const command = program.command("doctor")
    .summary("examine this machine: what is missing, and what mends it")
    .description(
      "Examine this machine: kernel modules, firewall, privileges, libraries, ports,\n" +
        "config, and the sysctls troop sets while it runs. Nothing is changed. Exit\n" +
        "status 1 when something is missing.",
    )
    .option("--json", "for programs: [{ what, state, detail, remedy }], some with switches");
  addExamples(command, ["sudo troop doctor", "troop doctor --json"]);
  command.action(async ({ json = false }: { json?: boolean }) => {
    const { context } = session;
    const { stdout, env } = context;
    const findings = [...await context.diagnose(session.home()), ...await askAgent(session)];
    if (json) writeJson(stdout, findings);
    else stdout.write(findingsText(findings, styleFor(stdout, env)));
    if (findings.some((finding) => finding.state === "missing")) session.finish(EXIT_FAILURE);
  });
}

/** What only a running agent knows: whether this machine has its public network. */
async function askAgent(session: Session): Promise<Finding[]> {
  // An agent that does not run, or does not answer, is not what the doctor is asked about here.
  const status = await session.context.connect(session.home()).status().catch(() => null);
  const own = status?.nodes.find(({ name }) => name === status.node);
  return own === undefined || own.witnessReason === "" ? [] : [{
    what: "witness",
    state: own.witness === "silent" ? "warning" : "ok",
    detail: own.witnessReason,
    remedy: own.witness === "silent"
      ? "look at the cable and the switch port, or name another router in `witness` of troop.yaml"
      : null,
  }];
}

const marks: Record<Finding["state"], { readonly text: string; readonly tone: Tone }> = {
  ok: { text: "ok", tone: "good" },
  warning: { text: "warning", tone: "warning" },
  missing: { text: "MISSING", tone: "bad" },
};

/** Writes the findings: one line each, and below it the command that mends it. */
export function findingsText(findings: readonly Finding[], style: TextStyle): string {
  const width = Math.max(...findings.map(({ what }) => what.length), 0);
  const lines = findings.map(({ what, state, detail, remedy }) => {
    const mark = toned(marks[state].text.padEnd(7), marks[state].tone, style);
    const mend = remedy === null ? "" : `${" ".repeat(width + 11)}mend: ${printable(remedy)}\n`;
    return `${mark}  ${printable(what).padEnd(width)}  ${printable(detail)}\n${mend}`;
  });
  const switches = findings.flatMap((finding) => finding.switches ?? []);
  return lines.join("") + switchesText(switches, style) + verdict(findings);
}

/** Writes the switches troop sets: how they are now, and how it wants them. */
function switchesText(switches: readonly SwitchFinding[], style: TextStyle): string {
  if (switches.length === 0) return "";
  const table = tableText({
    heading: ["SYSCTL", "NOW", "TROOP SETS", "WHY"],
    rows: switches.map(({ name, now, wanted, why }) => [name, now ?? "-", wanted, why]),
  }, style);
  return `\n${table}`;
}

function verdict(findings: readonly Finding[]): string {
  const count = (state: Finding["state"]) =>
    findings.filter((finding) => finding.state === state).length;
  const missing = count("missing");
  const warnings = count("warning");
  if (missing + warnings === 0) return "\nThis machine has all that troop needs.\n";
  const words = [
    ...(missing > 0 ? [`${missing} missing`] : []),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? "warning" : "warnings"}`] : []),
  ].join(", ");
  return `\n${words}${missing > 0 ? "; troop cannot do its work here yet" : ""}\n`;
}
