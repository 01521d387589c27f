/**
 * What one node makes of one server: its checks, what the server says of itself, and whether it is held down because it
 * went down too often.
 */
import type { Advice } from "./advice.ts";
import { parseEndpoint } from "../address.ts";
import { type DrainKey, type DrainTarget, drainTargetText } from "../document/drain.ts";
import { type Flap, heldWords, isHeld, noteDown } from "./flap.ts";
import type { Check } from "../check.ts";
import { type History, unchecked } from "./health.ts";
import { keyedService, type ServerKey } from "../service/server.ts";
import type { Service, ServiceKey } from "../service/service.ts";
import { settingText } from "../document/settings.ts";
import type { State } from "../state.ts";

/** A judgement with all that goes into it. */
export interface ServerVerdict {
  readonly up: boolean;
  /** It works, and is held down: see flap.ts. */
  readonly held: boolean;
  /** It is down by what was seen, not because nobody has looked yet. */
  readonly failed: boolean;
  readonly reason: string;
  readonly advice?: Advice;
}

/** Judges a server by its history; `key` is that of its flaps. */
export function verdictOf(
  state: State,
  key: ServerKey,
  { history, check }: {
    /** Undefined: nobody has checked it yet. */
    readonly history: History | undefined;
    readonly check: Pick<Check, "initial">;
  },
): ServerVerdict {
  if (history === undefined) return { ...unchecked(check), held: false, failed: false };
  const { reason, checked, advice } = history;
  const said = advice === undefined ? {} : { advice };
  if (!history.up) return { up: false, held: false, failed: checked, reason, ...said };
  if (advice?.state === "down") {
    return { up: false, held: false, failed: true, reason: `it says ${advice.words}`, ...said };
  }
  const hold = holdOf(state, key);
  if (hold === undefined) return { up: true, held: false, failed: false, reason, ...said };
  const words = `${heldWords(hold, state.lastTickMs)}; ${reason}`;
  return { up: false, held: true, failed: false, reason: words, ...said };
}

function holdOf(state: State, key: ServerKey): Flap | undefined {
  const flap = state.flaps.get(key);
  const on = isHeld(flap, state.lastTickMs) && dampens(state);
  return on ? flap : undefined;
}

function dampens({ document }: State): boolean {
  return settingText(document.settings, "flap-damping") === "on";
}

/** The key of the flaps of a node's server. */
export function flapKey(service: ServiceKey, node: string): ServerKey {
  return `${service}|${node}`;
}

/** Notes that a server went down. */
export function noteFlap(state: State, key: ServerKey, now: number): void {
  state.flaps.set(key, noteDown(state.flaps.get(key), now));
}

/** Whether a hold ends between two moments. */
export function holdsEnd(state: State, fromMs: number, toMs: number): boolean {
  for (const flap of state.flaps.values()) {
    if (fromMs < flap.untilMs && flap.untilMs <= toMs) return true;
  }
  return false;
}

/**
 * Forgets flaps: of services that are gone or have another check, and of servers an operator has put back (an entry of
 * the document that says so is new).
 */
export function forgetFlaps(state: State, before: State["document"]): void {
  const { services, drains } = state.document;
  const pardons = [...drains].filter(([key, drain]) =>
    !drain.on && before.drains.get(key) !== drain
  );
  for (const key of state.flaps.keys()) {
    const service = keyedService(key);
    const same = isSameCheck(services.get(service), before.services.get(service));
    const isPardoned = pardons.some(([pardon, { target }]) => isMeant(key, pardon, target));
    if (!same || isPardoned) state.flaps.delete(key);
  }
}

/** Of thousands of services an edit changes a few; the others are the same objects. */
function isSameCheck(now: Service | undefined, before: Service | undefined): boolean {
  if (now === undefined || before === undefined) return false;
  return now === before || JSON.stringify(now.check) === JSON.stringify(before.check);
}

/** Whether flaps are those of a server that a drain is about. */
function isMeant(key: ServerKey, drain: DrainKey, target: DrainTarget): boolean {
  const service = drain.slice(0, drain.indexOf("|"));
  if (service !== "*" && service !== keyedService(key)) return false;
  const server = key.slice(key.indexOf("|") + 1);
  if (server === drainTargetText(target)) return true;
  return "address" in target && target.port === null &&
    parseEndpoint(server)?.address === target.address;
}
