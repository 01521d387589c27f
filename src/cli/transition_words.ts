/**
 * What `--on-failure`, `--slow-start` and `--adapt-weights` say about how servers leave a pool and return.
 */
import type { Command } from "commander";
import { parseDuration } from "../core/duration.ts";
import type { ServiceChange } from "../core/service/service.ts";
import {
  failureActions,
  SLOW_START_MS_MAX,
  SLOW_START_MS_MIN,
} from "../core/service/transition.ts";
import { usage } from "./session.ts";
import { oneOf } from "./words.ts";

/** Options as typed; false: undone by its `--no-` form. */
export interface TransitionOptions {
  readonly onFailure?: string;
  readonly slowStart?: string | false;
  readonly adaptWeights?: boolean;
}

/** Adds them to a verb. */
export function addTransitionOptions(command: Command, verb: "add" | "set"): Command {
  const standard = verb === "add" ? " (default: quiesce)" : "";
  command
    .option(
      "--on-failure <action>",
      `a server that is down: quiesce (its connections finish) or remove (they end)${standard}`,
    )
    .option("--slow-start <time>", "a server that comes up gets its full weight after so long")
    .option("--adapt-weights", "members with busy processors get less, down to half");
  if (verb === "add") return command;
  return command
    .option("--no-slow-start", "the full weight at once")
    .option("--no-adapt-weights", "weights do not follow load");
}

/** What is named, and nothing else. Throws a usage Refusal. */
export function readTransition(
  attempted: string,
  { onFailure, slowStart, adaptWeights }: TransitionOptions,
): Pick<ServiceChange, "onFailure" | "slowStartMs" | "adaptWeights"> {
  return {
    ...(onFailure === undefined ? {} : {
      onFailure: oneOf({ attempted, what: "--on-failure", value: onFailure }, failureActions),
    }),
    ...(slowStart === undefined ? {} : {
      slowStartMs: slowStart === false ? 0 : readSlowStart(attempted, slowStart),
    }),
    ...(adaptWeights === undefined ? {} : { adaptWeights }),
  };
}

function readSlowStart(attempted: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= SLOW_START_MS_MIN && ms <= SLOW_START_MS_MAX) return ms;
  throw usage(
    attempted,
    `--slow-start "${text}" is not a time from 1s to 1h`,
    "write for example 30s or 5m",
  );
}
