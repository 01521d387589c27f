/**
 * What is wrong with the request of an HTTP check that its schema takes, in words.
 */
import type { CheckOf } from "./schema.ts";

/** Headers that belong to the connection or to the framing of the body, which the probe sets itself (RFC 9112, 6 and 9). */
const OWN_HEADERS = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Why a page can never be asked for so; null when nothing is known against it. */
export function pageProblem(check: CheckOf<"http" | "https">): string | null {
  const { method, body, expect, host, headers } = check;
  if (method === "HEAD" && expect !== null) return "option expect: a reply to HEAD has no body";
  if (method !== "POST" && body !== null) return "option body: it needs method=POST";
  if (host !== null && !/^[\x21-\x7e]*$/.test(host)) {
    return "option host: write it in ASCII (xn--...)";
  }
  for (const { name, value } of headers) {
    if (name.toLowerCase() === "host") return "option header: name the host as option host";
    if (OWN_HEADERS.has(name.toLowerCase())) return `option header: the check sets ${name} itself`;
    if (!/^[\t\x20-\x7e\xa0-\xff]*$/.test(value)) {
      return `option header: the value of ${name} has characters that no header can have`;
    }
  }
  return null;
}
