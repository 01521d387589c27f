/**
 * Who says what of a server, and since when, as a person reads it. What is well is said in a few words; where somebody
 * says "down", or has said so lately, each has a line.
 */
import { formatDuration } from "../core/duration.ts";
import type { StatusServer, StatusVerdict } from "../core/status/status.ts";
import type { Row, Tone } from "./table_text.ts";

/** How long an error is worth a line after the recovery, ms (an hour): later it is history. */
const LATELY_MS = 3_600_000;
const INDENT = "      ";

/** When the server as a whole went up or down, ISO 8601; null when that is not known. */
export function sinceOf({ up, verdicts: { own, holder } }: StatusServer): string | null {
  const since = [own, holder].flatMap((verdict) => verdict?.up === up ? [verdict.since] : [])
    .sort();
  // Up it is since both say so, down since one of them does.
  return (up ? since.at(-1) : since[0]) ?? null;
}

/** Time since then: `5.2 s`. */
export function agoText(iso: string | null, atMs: number): string {
  return iso === null ? "-" : formatDuration(Math.max(0, atMs - Date.parse(iso)));
}

/** The reason in short, where the lines of the verdicts say the rest. */
export function whyText({ up, drained, reason, verdicts: { own, holder } }: StatusServer): string {
  if (drained !== null) return reason;
  if (own === null || holder === null) return reason;
  if (up && own.up && holder.up) return agreed(own.reason, holder.reason);
  if (own.up && holder.up) return reason;
  if (own.up === holder.up) return "both say so";
  return own.up ? "the holder says so" : "it says so itself";
}

/** `200 in 1 ms / 2 ms` where both saw the same. */
function agreed(own: string, holder: string): string {
  const [what, time] = holder.split(/(?<=.) in (?=\S+ ms$)/);
  return time !== undefined && own.startsWith(`${what} in `)
    ? `${own} / ${time}`
    : `${own}; holder: ${holder}`;
}

/** A line for each verdict of a server in trouble, and for its last error when that is not long ago. */
export function verdictRows(server: StatusServer, atMs: number): Row[] {
  const { own, holder } = server.verdicts;
  const told = [["itself", own], ["holder", holder]] as const;
  if (told.some(([, verdict]) => verdict?.up === false)) {
    return told.flatMap(([who, verdict]) =>
      verdict === null ? [] : [verdictRow(who, verdict, atMs)]
    );
  }
  return told.flatMap(([who, verdict]) => verdict === null ? [] : errorRows(who, verdict, atMs));
}

function verdictRow(who: string, verdict: StatusVerdict, atMs: number): Row {
  const { up, since, reason, tookMs } = verdict;
  const tone: Tone = up ? "good" : "bad";
  const took = tookMs >= 1 && !up ? ` (took ${formatDuration(tookMs)})` : "";
  return {
    line: [
      `${INDENT}${who}`,
      { text: up ? "up  " : "DOWN", tone },
      `${agoText(since, atMs).padStart(8)}`,
      `${reason}${took}`,
    ],
  };
}

function errorRows(who: string, { up, lastError }: StatusVerdict, atMs: number): Row[] {
  if (!up || lastError === null || atMs - Date.parse(lastError.at) > LATELY_MS) return [];
  return [{
    line: [`${INDENT}${who}  last error ${agoText(lastError.at, atMs)} ago: ${lastError.reason}`],
  }];
}
