/** What probes are given besides their target, as tests give it. */
import type { ProbeContext } from "../../../src/shell/probe/attempt.ts";
import { createPatterns } from "../../../src/shell/probe/patterns.ts";
import type { ProbeTools } from "../../../src/shell/probe/probe.ts";
import { createTrust } from "../../../src/shell/probe/trust.ts";

/** Real tools; `authority` is a further certificate to trust, PEM. */
export function talkContext(
  { signal = new AbortController().signal, authority, nowMs }: {
    readonly signal?: AbortSignal;
    readonly authority?: string;
    /** Wall clock, where it matters. */
    readonly nowMs?: number;
  } = {},
): ProbeContext & ProbeTools {
  const clock = { now: () => performance.now(), wallMs: () => nowMs ?? Date.now() };
  const secureContext = createTrust(clock, authority === undefined ? [] : [authority]);
  return { clock, signal, pattern: createPatterns(), secureContext };
}
