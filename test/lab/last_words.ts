/**
 * What the agents of a lab said last, in short: it goes into the message of a scenario that failed, and so into what the
 * whole run says of it in the end.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Lines of each agent's log: what it did in the last seconds of most scenarios. */
export const LAST_WORDS_MAX = 12;

/** Ends the name of an agent's log. */
const AGENT_LOG = "-troop.log";

/** The last lines of every agent's log in a folder, in order of names: time of day, name, message. */
export function lastWords(folder: string): string[] {
  const logs = readdirSync(folder).filter((name) => name.endsWith(AGENT_LOG)).toSorted();
  return logs.flatMap((name) => {
    const lines = readFileSync(join(folder, name), "utf8").trimEnd().split("\n");
    const agent = basename(name, AGENT_LOG);
    return lines.slice(-LAST_WORDS_MAX).filter((line) => line !== "")
      .map((line) => `${agent} ${inShort(line)}`);
  });
}

/** A line of the program's log; one that is none, as it is. */
function inShort(line: string): string {
  try {
    const { time, msg } = JSON.parse(line) as { time?: string; msg?: string };
    return `${time?.slice(time.indexOf("T") + 1, -1) ?? ""} ${msg ?? line}`;
  } catch {
    return line;
  }
}
