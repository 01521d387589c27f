/**
 * What an HTTP check sends, whatever the version of the protocol.
 */
import { ipFamily } from "../../core/address.ts";
import type { CheckOf } from "../../core/check.ts";
import { escapedBytes } from "../../core/check/escapes.ts";
import type { ProbeTarget } from "../../ports.ts";

/** A target that is asked for a page. */
export type PageTarget = ProbeTarget<CheckOf<"http" | "https">>;

/** How the probe names itself in access logs. */
export const USER_AGENT = "troop (health check)";
const DEFAULT_PORT = { http: 80, https: 443 } as const;

/** A request target is ASCII (RFC 3986, 2.1); what is already encoded stays. */
export function requestPath({ path }: PageTarget["check"]): string {
  return path.replace(/[^\x21-\x7e]+/gu, encodeURIComponent);
}

/** RFC 9110, 7.2: the port is left out when it is the scheme's own. */
export function authorityOf({ address, port, check }: PageTarget): string {
  const host = check.host ?? (ipFamily(address) === 6 ? `[${address}]` : address);
  return port === DEFAULT_PORT[check.kind] ? host : `${host}:${port}`;
}

/** The body; undefined for none. */
export function bodyOf({ method, body }: PageTarget["check"]): Uint8Array | undefined {
  return method === "POST" && body !== null ? escapedBytes(body) : undefined;
}

/** The headers: those of the check replace ours of the same name. */
export function headersOf(target: PageTarget): Record<string, string | string[]> {
  const { check } = target;
  const own: [name: string, value: string][] = [
    ["Host", authorityOf(target)],
    ["User-Agent", USER_AGENT],
    ["Accept", "*/*"],
    ["Accept-Encoding", "identity"],
  ];
  if (check.method === "POST") {
    own.push(["Content-Length", String(bodyOf(check)?.length ?? 0)]);
  }
  const given = new Map<string, string[]>();
  for (const { name, value } of check.headers) {
    given.set(name.toLowerCase(), [...(given.get(name.toLowerCase()) ?? []), value]);
  }
  return Object.fromEntries([
    ...own.filter(([name]) => !given.has(name.toLowerCase())),
    ...[...given].map(([name, values]) => [name, values.length === 1 ? values[0]! : values]),
  ]);
}
