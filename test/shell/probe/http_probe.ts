/** One HTTP probe of a scripted server, as tests of the HTTP probe make it. */
import type { CheckOf } from "../../../src/core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../../src/ports.ts";
import { probeHttp } from "../../../src/shell/probe/http.ts";
import { talkContext } from "./talk_context.ts";

/** Probes once; `authority` is a further certificate to trust, PEM. */
export async function probeOnce(
  target: ProbeTarget<CheckOf<"http" | "https">>,
  options: Parameters<typeof talkContext>[0] = {},
): Promise<ProbeResult | null> {
  return await probeHttp(target, talkContext(options));
}

/** A whole reply with its length. */
export function reply(body: string, head = "HTTP/1.1 200 OK"): string {
  return `${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
