/**
 * What a health check asks of a real server, and how it is told: the schema of the cluster document, the text form of
 * the command line, and changes.
 */
import { type Check, checkSchema } from "./check/schema.ts";
import { compilePattern } from "./regex.ts";

export * from "./check/schema.ts";
export {
  changeCheck,
  type CheckChange,
  checkChangeSchema,
  checkIssue,
  completeCheck,
} from "./check/change.ts";
export {
  type CheckFields,
  checkTexts,
  formatCheck,
  HIDDEN,
  hideSecrets,
  parseCheck,
  readCheckText,
} from "./check/text.ts";

/** A check that asks for a TCP connection on the service's own port: the default of a TCP service. */
export const TCP_CHECK: Check = checkSchema.parse({ kind: "tcp" });
/** A check that asks nothing: the default of a UDP service, where silence proves nothing. */
export const NO_CHECK: Check = checkSchema.parse({ kind: "none" });

/** Why the expression cannot be used, in words; undefined when it can. */
export function regexProblem(source: string): string | undefined {
  const pattern = compilePattern(source);
  return typeof pattern === "string" ? pattern : undefined;
}
