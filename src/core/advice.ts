/**
 * What a server says about its own weight and state, through an agent-check or an external check.
 */

/**
 * One such statement. What is absent was not mentioned: an earlier statement about it goes on (as HAProxy has
 * it for its agent-check).
 */
export interface Advice {
  /** Weight as a part of the configured one, percent: 0 and more. */
  readonly weightPercent?: number;
  /** Weight itself, 0 to 253, from an external check with dynamic weight. */
  readonly weight?: number;
  /**
   * `up`: takes part; `down`: does not, as if a check had failed; `drain`: no new connections; `maint`: out of
   * service by will of its operator. `up` ends each of the others.
   */
  readonly state?: "up" | "down" | "drain" | "maint";
  /** The statement as an operator should read it: `drain 50%`, `down: disk full`. */
  readonly words: string;
}
