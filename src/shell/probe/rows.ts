/**
 * Judges the rows of a query: one is enough, or one whose first column matches.
 */
import type { Pattern } from "../../core/regex.ts";
import { ProbeFailure, quote } from "./attempt.ts";

/** Counts rows until one is right. */
export class RowJudge {
  readonly #pattern: Pattern | null;
  readonly #right: () => void;
  #rows = 0;

  /** `right` is called for every row that is right. A pattern that is a text cannot be compiled: throws. */
  constructor(pattern: Pattern | string | null, right: () => void) {
    if (typeof pattern === "string") throw new ProbeFailure(pattern);
    this.#pattern = pattern;
    this.#right = right;
  }

  /** Looks at a row, as text of its columns. */
  take(row: unknown): void {
    if (!Array.isArray(row)) return;
    this.#rows += 1;
    const first: unknown = row[0];
    const text = typeof first === "string" ? first : "";
    if (this.#pattern === null || this.#pattern.found(text)) this.#right();
  }

  /** Why none was right, when there are no more. */
  failure(): ProbeFailure {
    if (this.#pattern === null || this.#rows === 0) {
      return new ProbeFailure("the query gave no row");
    }
    const rows = this.#rows === 1 ? "the row's" : `none of ${this.#rows} rows'`;
    const lacks = this.#rows === 1 ? "lacks" : "has";
    return new ProbeFailure(`${rows} first column ${lacks} /${quote(this.#pattern.source)}/`);
  }
}
