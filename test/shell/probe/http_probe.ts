/** One HTTP probe of a scripted server, as tests of the HTTP probe make it. */
import type { CheckOf } from "../../../src/core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../../src/ports.ts";
import { probeHttp, trustStore } from "../../../src/shell/probe/http.ts";
import { createPatterns } from "../../../src/shell/probe/patterns.ts";

const clock = { now: () => performance.now(), wallMs: () => Date.now() };

/** Probes once; `authority` is a further certificate to trust, PEM. */
export async function probeOnce(
  target: ProbeTarget<CheckOf<"http" | "https">>,
  { signal = new AbortController().signal, authority }: {
    signal?: AbortSignal;
    authority?: string;
  } = {},
): Promise<ProbeResult | null> {
  const secureContext = () => trustStore(authority === undefined ? [] : [authority]);
  return await probeHttp(target, { clock, signal, pattern: createPatterns(), secureContext });
}

/** A whole reply with its length. */
export function reply(body: string, head = "HTTP/1.1 200 OK"): string {
  return `${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
