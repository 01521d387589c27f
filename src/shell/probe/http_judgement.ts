/**
 * Whether an HTTP reply is right: status, whole body, expected text. The body is read to a bound, and only as much is
 * kept as is searched.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { CheckOf } from "../../core/check.ts";
import type { Pattern } from "../../core/regex.ts";
import { type Attempt, quote } from "./attempt.ts";

/** Bytes of a body that are read; a server that sent so much is well, and the rest costs time and memory. */
export const REPLY_BYTES_MAX = 1_048_576;
/** Bytes of headers that are accepted: what servers themselves accept from clients (nginx: 32 KiB, node: 16). */
export const HEADER_BYTES_MAX = 16_384;

/** Takes a reply as it comes and ends the attempt. */
export interface PageJudgement {
  head(status: number, headers: IncomingHttpHeaders): void;
  chunk(bytes: Uint8Array): void;
  /** The body is whole. */
  end(): void;
  /** The connection ended before the body did. */
  cut(): void;
}

type PageCheck = Pick<CheckOf<"http" | "https">, "status">;

/** Judges one reply. */
export function judgePage(
  attempt: Attempt,
  check: PageCheck,
  pattern: Pattern | null,
): PageJudgement {
  const windowBytes = Math.min(pattern?.window ?? 0, REPLY_BYTES_MAX);
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  let bytes = 0;
  let status = 0;
  let coding: string | undefined;
  const judge = (whole: boolean): void => {
    const text = Buffer.concat(kept).toString("utf8");
    if (pattern !== null && !pattern.found(text)) {
      return attempt.fail(missingText(pattern, bytes > keptBytes ? keptBytes : null, coding));
    }
    attempt.pass(whole ? String(status) : `${status} and more than ${REPLY_BYTES_MAX} bytes`);
  };
  return {
    head(code, headers) {
      status = code;
      coding = headers["content-encoding"];
      if (!check.status.some(([first, last]) => first <= status && status <= last)) {
        return attempt.fail(statusProblem(status, headers.location, check));
      }
      attempt.phase = "while waiting for the body";
    },
    chunk(chunk) {
      bytes += chunk.length;
      if (keptBytes < windowBytes) {
        kept.push(chunk.subarray(0, windowBytes - keptBytes));
        keptBytes = Math.min(windowBytes, bytes);
      }
      if (bytes > REPLY_BYTES_MAX) judge(false);
    },
    end: () => judge(true),
    cut: () => attempt.fail("connection closed before the end of the body"),
  };
}

function statusProblem(status: number, location: string | undefined, check: PageCheck): string {
  const to = status >= 300 && status < 400 && location !== undefined
    ? ` to ${quote(location)}`
    : "";
  return `status ${status}${to}, want ${check.status.map(formatRange).join(" or ")}`;
}

/** `2xx`, `200` or `200-204`. */
function formatRange([first, last]: readonly [number, number]): string {
  if (first === last) return String(first);
  return first % 100 === 0 && last === first + 99 ? `${first / 100}xx` : `${first}-${last}`;
}

function missingText(
  pattern: Pattern,
  searchedBytes: number | null,
  coding: string | undefined,
): string {
  const where = searchedBytes === null
    ? "body lacks"
    : `first ${searchedBytes} bytes of the body lack`;
  const how = coding === undefined || coding === "identity"
    ? ""
    : ` (it came ${quote(coding)}-encoded)`;
  return `${where} /${quote(pattern.source)}/${how}`;
}
