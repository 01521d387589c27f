/**
 * The TCP probe: a server is well when it accepts a connection.
 */
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { converse, type TalkContext } from "./connection.ts";

/** Connects once. Resolves as {@link converse} does; the result does not wait for the orderly close. */
export function probeTcp(target: ProbeTarget, context: TalkContext): Promise<ProbeResult | null> {
  return converse(target, context, () => Promise.resolve("connected"));
}
