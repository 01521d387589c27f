/**
 * What `--fallback`, `--quorum` and their kin say about having nobody left.
 */
import {
  type Fallback,
  fallbackSchema,
  parseFallback,
  QUORUM_MAX,
  quorumMeasures,
  whenAllFailChoices,
} from "../core/service/fallback.ts";
import type { ServiceChange } from "../core/service/service.ts";
import { usage } from "./session.ts";
import { oneOf, readNumber } from "./words.ts";

/** Options as typed; false: undone by its `--no-` form. */
export interface FallbackOptions {
  readonly fallback?: string | false;
  readonly quorum?: string;
  readonly hysteresis?: string;
  readonly quorumBy?: string;
  readonly whenAllFail?: string;
}

type FallbackChange = Pick<
  ServiceChange,
  "fallback" | "quorum" | "hysteresis" | "quorumBy" | "whenAllFail"
>;

/** What is named, and nothing else. Throws a usage Refusal. */
export function readFallback(
  attempted: string,
  { fallback, quorum, hysteresis, quorumBy, whenAllFail }: FallbackOptions,
): FallbackChange {
  const count = (option: string, text: string, min: number) =>
    readNumber(attempted, { option, text, min, max: QUORUM_MAX });
  return {
    ...(fallback === undefined
      ? {}
      : { fallback: fallback === false ? null : readServer(attempted, fallback) }),
    ...(quorum === undefined ? {} : { quorum: count("--quorum", quorum, 1) }),
    ...(hysteresis === undefined ? {} : { hysteresis: count("--hysteresis", hysteresis, 0) }),
    ...(quorumBy === undefined ? {} : {
      quorumBy: oneOf({ attempted, what: "--quorum-by", value: quorumBy }, quorumMeasures),
    }),
    ...(whenAllFail === undefined ? {} : {
      whenAllFail: oneOf(
        { attempted, what: "--when-all-fail", value: whenAllFail },
        whenAllFailChoices,
      ),
    }),
  };
}

function readServer(attempted: string, text: string): Fallback {
  const fallback = parseFallback(text);
  const parsed = fallbackSchema.safeParse(fallback);
  if (parsed.success) return parsed.data;
  throw usage(
    attempted,
    typeof fallback === "string" ? fallback : `--fallback "${text}" is not valid`,
    "for example --fallback 192.0.2.9:8080,nat, --fallback sorry or --fallback none",
  );
}
