/** What probes are given besides their target, as tests give it. */
import type { ProbeContext } from "../../../src/shell/probe/attempt.ts";
import { trustStore } from "../../../src/shell/probe/http.ts";
import { createPatterns } from "../../../src/shell/probe/patterns.ts";
import type { ProbeTools } from "../../../src/shell/probe/probe.ts";

const clock = { now: () => performance.now(), wallMs: () => Date.now() };

/** Real time; `authority` is a further certificate to trust, PEM. */
export function probeContext(
  { signal = new AbortController().signal, authority }: {
    signal?: AbortSignal;
    authority?: string;
  } = {},
): ProbeContext & ProbeTools {
  const secureContext = () => trustStore(authority === undefined ? [] : [authority]);
  return { clock, signal, pattern: createPatterns(), secureContext };
}
