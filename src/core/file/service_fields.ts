/**
 * What a service says in a file, in the words of `troop service add`. Each line that is left out means the standard.
 */
import { PORT_MAX } from "../address.ts";
import {
  fallbackSchema,
  formatFallback,
  parseFallback,
  QUORUM_MAX,
  quorumMeasures,
  whenAllFailChoices,
} from "../service/fallback.ts";
import { formatTunnel, forwardings, parseTunnel } from "../service/forwarding.ts";
import { WEIGHT_MAX } from "../limits.ts";
import { schedulers } from "../service/scheduling.ts";
import { type Service, THRESHOLD_MAX } from "../service/service.ts";
import { failureActions, SLOW_START_MS_MAX, SLOW_START_MS_MIN } from "../service/transition.ts";
import { formatPlainDuration, parseDuration } from "../duration.ts";
import { type Field, switchField } from "./field.ts";
import { numberField, type Reading, wordField } from "./field_codecs.ts";
import type { FileValue } from "./tree.ts";

/** Reads a tunnel as the command line does. */
export function tunnelField(text: string): Reading {
  const tunnel = parseTunnel(text);
  return typeof tunnel === "string" ? { problem: tunnel } : { value: tunnel };
}

function fallbackField(text: string): Reading {
  const fallback = parseFallback(text);
  const parsed = fallbackSchema.safeParse(fallback);
  if (parsed.success) return { value: parsed.data };
  return { problem: typeof fallback === "string" ? fallback : `"${text}" is not valid` };
}

function slowStartField(text: string): Reading {
  const ms = text === "0" ? 0 : parseDuration(text);
  if (ms === 0 || (ms !== undefined && ms >= SLOW_START_MS_MIN && ms <= SLOW_START_MS_MAX)) {
    return { value: ms };
  }
  return { problem: `"${text}" is not a time from 1s to 1h` };
}

type Plain = Exclude<keyof Service, "check">;

/** A field that is written where it differs from its standard. */
function plain(
  name: string,
  property: Plain,
  standard: unknown,
  read: (text: string) => Reading,
): Field<Service> {
  return {
    name,
    property,
    read,
    write: (service) => service[property] === standard ? undefined : service[property] as FileValue,
  };
}

/** Fields of one line, in the order of the file. What is more than a line: see service_entry.ts. */
export const serviceFields: readonly Field<Service>[] = [
  { ...plain("scheduler", "scheduler", null, wordField(schedulers)) },
  switchField("ops", "onePacket", false),
  plain("forward", "forwarding", null, wordField(forwardings)),
  {
    name: "tunnel",
    property: "tunnel",
    read: tunnelField,
    write: ({ tunnel }) => tunnel === null ? undefined : formatTunnel(tunnel),
  },
  plain("server-port", "serverPort", null, numberField(1, PORT_MAX)),
  switchField("members", "members", true),
  plain("weight", "weight", 1, numberField(0, WEIGHT_MAX)),
  plain("upper", "upper", 0, numberField(0, THRESHOLD_MAX)),
  plain("lower", "lower", 0, numberField(0, THRESHOLD_MAX)),
  plain("on-failure", "onFailure", "quiesce", wordField(failureActions)),
  {
    name: "slow-start",
    property: "slowStartMs",
    read: slowStartField,
    write: ({ slowStartMs }) => slowStartMs === 0 ? undefined : formatPlainDuration(slowStartMs),
  },
  switchField("adapt-weights", "adaptWeights", false),
  {
    name: "fallback",
    property: "fallback",
    read: fallbackField,
    write: ({ fallback }) => fallback === null ? undefined : formatFallback(fallback),
  },
  plain("quorum", "quorum", 1, numberField(1, QUORUM_MAX)),
  plain("quorum-by", "quorumBy", "count", wordField(quorumMeasures)),
  plain("hysteresis", "hysteresis", 0, numberField(0, QUORUM_MAX)),
  plain("when-all-fail", "whenAllFail", "fallback", wordField(whenAllFailChoices)),
];
