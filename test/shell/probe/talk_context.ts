/** What a probe gets besides its target, for tests that call one. */
import type { TalkContext } from "../../../src/shell/probe/connection.ts";
import { trustStore } from "../../../src/shell/probe/http.ts";
import { createPatterns } from "../../../src/shell/probe/patterns.ts";

/** Real tools; `authority` is a further certificate to trust, PEM. */
export function talkContext(
  { signal = new AbortController().signal, authority, nowMs }: {
    readonly signal?: AbortSignal;
    readonly authority?: string;
    /** Wall clock, where it matters. */
    readonly nowMs?: number;
  } = {},
): TalkContext {
  return {
    clock: { now: () => performance.now(), wallMs: () => nowMs ?? Date.now() },
    signal,
    pattern: createPatterns(),
    secureContext: () => trustStore(authority === undefined ? [] : [authority]),
  };
}
