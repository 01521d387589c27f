/** Single requests, one after another: for tests that ask who answers and by which way, not how fast. */
import { inBrackets } from "./client_common.ts";
import type { Host } from "./host.ts";

/** A request that takes longer has failed, s: a guest that gets little processor must not decide a test. */
const LIMIT_S = 10;

/** Fetches the page so many times; returns the names of the servers in order of answers, `nobody` for none. */
export async function fetchNames(
  client: Host,
  address: string,
  options: { readonly count: number; readonly port?: number },
): Promise<string[]> {
  const url = `http://${inBrackets(address)}:${options.port ?? 80}/index.html`;
  const fetch = `curl -sf --max-time ${LIMIT_S} ${url} || echo Test Page of nobody`;
  const pages = await client.script(`for i in $(seq ${options.count}); do ${fetch}; done`);
  return [...pages.matchAll(/Test Page of ([\w.-]+)/g)].map(([, name]) => name ?? "");
}
