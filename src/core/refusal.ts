/**
 * A refusal: what a person asked for cannot be done, and one line says why and what to do.
 * It is an answer, not a crash: it is printed without a stack trace and nothing has changed.
 */

/** What a refusal says, in the order it is printed: `attempted: problem; remedy`. */
export interface RefusalText {
  /** What was attempted: `add service 192.0.2.1:80`. */
  readonly attempted: string;
  /** What is wrong, with the value that is wrong in quotes. */
  readonly problem: string;
  /** What to do about it: a command, or the values that are accepted. */
  readonly remedy: string;
  /** `usage` when the words themselves are wrong (exit 2), `failure` when the world is (exit 1). */
  readonly kind?: "usage" | "failure";
}

/** See the head of this file. */
export class Refusal extends Error {
  readonly attempted: string;
  readonly problem: string;
  readonly remedy: string;
  readonly kind: "usage" | "failure";

  constructor(text: RefusalText, options?: ErrorOptions) {
    super(`${text.attempted}: ${text.problem}; ${text.remedy}`, options);
    this.name = "Refusal";
    this.attempted = text.attempted;
    this.problem = text.problem;
    this.remedy = text.remedy;
    this.kind = text.kind ?? "failure";
  }
}
