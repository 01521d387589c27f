/**
 * What a server says about its own weight and state, through an agent-check or an external check.
 */

/** Largest number an agent may say, as a weight or percent: IPVS knows no larger weight (ip_vs.h). */
export const ADVISED_MAX = 65_535;

/**
 * One such statement. What is absent was not mentioned: an earlier statement about it goes on (as HAProxy has
 * it for its agent-check).
 */
export interface Advice {
  /** Weight as a part of the configured one, percent: 0 and more. */
  readonly weightPercent?: number | undefined;
  /** Weight itself: 0 to 253 from an external check with dynamic weight, 0 to {@link ADVISED_MAX} from an agent. */
  readonly weight?: number | undefined;
  /**
   * `up`: takes part; `down`: does not, as if a check had failed; `drain`: no new connections; `maint`: out of
   * service by will of its operator. `up` ends each of the others.
   */
  readonly state?: "up" | "down" | "drain" | "maint" | undefined;
  /** The statement as an operator should read it: `drain 50%`, `down: disk full`. */
  readonly words: string;
}

/** States by their words. Later ones win over earlier ones when several are said: nobody out of service gets clients. */
const STATES = ["up", "drain", "down", "maint"] as const;
const STATE_OF_WORD = new Map<string, NonNullable<Advice["state"]>>([
  ["up", "up"],
  ["ready", "up"],
  ["drain", "drain"],
  ["down", "down"],
  ["fail", "down"],
  ["failed", "down"],
  ["stopped", "down"],
  ["maint", "maint"],
]);
/** Longest description that is kept. */
const DESCRIPTION_LENGTH_MAX = 100;

/**
 * Reads the line of HAProxy's agent-check (configuration manual, "agent-check"): words apart by spaces, tabs or commas,
 * in any order, `#` and a description at the end. `75%` and `weight:75%` are parts of the configured weight, `weight:7`
 * is one itself; `maxconn:N` is passed over, because IPVS has limits of its own. Returns in words why it means nothing.
 */
export function parseAdvice(line: string): Advice | string {
  const [, said = "", description] = /^([^#]*)(?:#(.*))?$/su.exec(line) ?? [];
  const words = said.toLowerCase().split(/[\s,]+/).filter((word) => word !== "");
  if (words.length === 0) return "nothing said";
  let advice: Omit<Advice, "words"> = {};
  for (const word of words) {
    const more = readWord(word, advice.state);
    if (more === null) return `"${word.slice(0, DESCRIPTION_LENGTH_MAX)}" is no word of an agent`;
    advice = { ...advice, ...more };
  }
  const why = description?.trim().slice(0, DESCRIPTION_LENGTH_MAX) ?? "";
  return { ...advice, words: words.join(" ") + (why === "" ? "" : `: ${why}`) };
}

function readWord(word: string, before: Advice["state"]): Partial<Advice> | null {
  const state = STATE_OF_WORD.get(word);
  if (state !== undefined) {
    const wins = before === undefined || STATES.indexOf(state) > STATES.indexOf(before);
    return wins ? { state } : {};
  }
  if (/^maxconn:\d{1,9}$/.test(word)) return {};
  const [, weight, digits = "", percent] = /^(weight:)?(\d{1,5})(%)?$/.exec(word) ?? [];
  const value = Number(digits);
  if (digits === "" || value > ADVISED_MAX || (weight ?? percent) === undefined) return null;
  return percent === undefined ? { weight: value } : { weightPercent: value };
}
