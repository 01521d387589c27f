/**
 * The words of `troop service` made into a service. Everything wrong with them is refused before any agent is
 * contacted, with what would be right.
 */
import { isUsableVip } from "../core/address.ts";
import {
  type Check,
  CHECK_INTERVAL_MS_MAX,
  CHECK_INTERVAL_MS_MIN,
  EXPECT_LENGTH_MAX,
  NO_CHECK,
  parseCheck,
  TCP_CHECK,
} from "../core/check.ts";
import { formatDuration, parseDuration } from "../core/duration.ts";
import {
  formatServiceName,
  forwardings,
  parseServiceName,
  schedulers,
  type Service,
  type ServiceName,
} from "../core/service.ts";
import { usage } from "./session.ts";

/** Options of `troop service add`, as typed. */
export interface ServiceOptions {
  readonly scheduler: string;
  readonly forward: string;
  readonly check?: string;
  readonly expect?: string;
  readonly interval?: string;
  readonly timeout?: string;
}

/** Reads a service's name; `verb` begins the refusal. */
export function readServiceName(text: string, verb: string): ServiceName {
  const name = parseServiceName(text);
  if (name === undefined) {
    throw usage(
      `${verb} ${text}`,
      `"${text}" is not VIP:PORT`,
      "write for example 192.0.2.100:80, 192.0.2.100:53/udp or [2001:db8::100]:80",
    );
  }
  return name;
}

/** Reads the whole service. Throws a usage Refusal. */
export function readService(text: string, options: ServiceOptions): Service {
  const name = readServiceName(text, "add service");
  const attempted = `add service ${formatServiceName(name)}`;
  if (!isUsableVip(name.address)) {
    throw usage(
      attempted,
      `"${name.address}" cannot be a VIP`,
      "choose a free address of the LAN, not a loopback, link-local, multicast or broadcast one",
    );
  }
  return {
    ...name,
    scheduler: oneOf({ attempted, what: "scheduler", value: options.scheduler }, schedulers),
    forwarding: oneOf(
      { attempted, what: "forwarding method", value: options.forward },
      forwardings,
    ),
    check: readCheck(name, attempted, options),
  };
}

function oneOf<Value extends string>(
  { attempted, what, value }: { attempted: string; what: string; value: string },
  accepted: readonly Value[],
): Value {
  const found = accepted.find((item) => item === value);
  if (found === undefined) {
    throw usage(attempted, `${what} "${value}" is not known`, `use one of ${accepted.join(", ")}`);
  }
  return found;
}

function readCheck(name: ServiceName, attempted: string, options: ServiceOptions): Check {
  const intervalMs = readTime(attempted, "--interval", options.interval);
  const timeoutMs = readTime(attempted, "--timeout", options.timeout) ?? intervalMs;
  const check = readCheckText(name, attempted, options);
  if (check.kind === "none" && intervalMs !== undefined) {
    throw usage(attempted, "there is no check to repeat", "give --check, or leave --interval out");
  }
  return {
    ...check,
    intervalMs: intervalMs ?? check.intervalMs,
    timeoutMs: timeoutMs ?? check.timeoutMs,
  };
}

function readCheckText(name: ServiceName, attempted: string, options: ServiceOptions): Check {
  const { expect } = options;
  if (expect !== undefined && !/^https?:/.test(options.check ?? "")) {
    throw usage(
      attempted,
      "--expect needs a page to look at",
      "give --check http://:PORT/PATH or https://HOST/PATH with it",
    );
  }
  if (expect !== undefined && expect.length > EXPECT_LENGTH_MAX) {
    throw usage(
      attempted,
      `--expect has ${expect.length} characters`,
      `use at most ${EXPECT_LENGTH_MAX}`,
    );
  }
  if (options.check === undefined) return name.protocol === "tcp" ? TCP_CHECK : NO_CHECK;
  const check = parseCheck(options.check, expect === undefined ? {} : { expect });
  if (typeof check !== "string") return check;
  // parseCheck's words hold problem and, behind a colon or not, the accepted forms.
  throw usage(attempted, check, "see `troop service add --help`");
}

function readTime(attempted: string, option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined) {
    throw usage(
      attempted,
      `${option} "${text}" is not a time`,
      "write for example 500ms, 1s or 2m",
    );
  }
  if (ms < CHECK_INTERVAL_MS_MIN || ms > CHECK_INTERVAL_MS_MAX) {
    throw usage(
      attempted,
      `${option} "${text}" is out of range`,
      `use ${formatDuration(CHECK_INTERVAL_MS_MIN)} to ${formatDuration(CHECK_INTERVAL_MS_MAX)}`,
    );
  }
  return ms;
}
