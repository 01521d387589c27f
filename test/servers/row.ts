/**
 * A row of the table: one kind of check against one real server.
 */
import type { CheckKind, CheckOf } from "../../src/core/check.ts";
import type { Failure } from "./failures.ts";
import type { Launcher } from "./launcher.ts";

/** Options of a check, all optional. */
export type CheckOptions<Kind extends CheckKind = CheckKind> = {
  readonly [Option in keyof CheckOf<Kind>]?: CheckOf<Kind>[Option];
};

/** See the file's head. */
export interface Row {
  /** Unique; it says what of the kind is meant: "https", "smtp starttls". */
  readonly name: string;
  readonly launcher: Launcher;
  /** Name of the launcher's port that is probed. */
  readonly port: string;
  /** Default: TCP. */
  readonly transport?: "udp";
  /** The check, which must find the server well. */
  readonly check: { readonly kind: CheckKind } & Record<string, unknown>;
  /** What is different in the check for a failure the check itself brings about; without it the cell is left out. */
  readonly changes?: Partial<Record<"wrong answer" | "wrong password", Record<string, unknown>>>;
  /** The server shows its certificate: the three failures of certificates are tried. */
  readonly secure?: true;
  /** What the reason must match where {@link words} does not fit; `up` where this kind cannot notice the failure. */
  readonly words?: Partial<Record<Failure, RegExp | "up">>;
  /** How the answer without end begins, so that it is taken for an answer. */
  readonly floodHead?: string;
}
