/**
 * Taking nodes and servers out of service for a while, and back.
 */
import {
  type Drain,
  DRAIN_KEPT_MS,
  DRAIN_MS_MAX,
  drainKey,
  drainTargetText,
  isDraining,
} from "../core/document/drain.ts";
import { drainedFrom, targetTest } from "../core/pool/drained_connections.ts";
import type { Edit } from "../core/document/document.ts";
import { type DrainOrder, formatServerRef, type ServerRef } from "../core/document/order.ts";
import { poolOf } from "../core/pool/pool.ts";
import { Refusal } from "../core/refusal.ts";
import {
  formatServiceName,
  memberPort,
  serviceKey,
  type ServiceName,
} from "../core/service/service.ts";
import {
  commit,
  nodeNamed,
  type OperationsOptions,
  refuseIf,
  serviceNamed,
} from "./operation_tools.ts";

/** Names of services that a line tells before it only counts. */
const NAMES_TOLD = 3;

/** Takes a node or a server out of service. */
export async function drain(
  options: OperationsOptions,
  server: ServerRef,
  order: DrainOrder,
): Promise<string> {
  const { agent } = options;
  const attempted = `drain ${words(server, order.service)}`;
  const place = placeOf(options, attempted, { server, service: order.service });
  const now = agent.state.wallMs;
  const untilMs = order.forMs === null ? order.untilMs : now + order.forMs;
  refuseBadEnd(attempted, untilMs, now);
  const before = agent.state.document.drains.get(drainKey(place));
  const entry: Drain = {
    ...place,
    on: true,
    comment: order.comment,
    sinceMs: before !== undefined && isDraining(before, now) ? before.sinceMs : now,
    untilMs,
    keepVips: order.keepVips,
  };
  const document = agent.state.document;
  refuseIf(!("node" in entry.target) && drainedFrom(document, entry).length === 0, {
    attempted,
    problem: "no service has such a server",
    remedy: "see them with `troop server list`; a member is drained by its name",
  });
  const stored = await commit(options, [...forgotten(options), { kind: "putDrain", drain: entry }]);
  const end = untilMs === null ? "" : ` until ${new Date(untilMs).toISOString()}`;
  return `${words(server, order.service)} is drained${end}, ${stored}${aloneWords(options, entry)}`;
}

/**
 * Ends maintenance of a node or a server; without a service all there is of it. Also ends what holds a server down
 * because it came and went too often.
 */
export async function undrain(
  options: OperationsOptions,
  server: ServerRef,
  service: ServiceName | null,
): Promise<string> {
  const { agent } = options;
  const attempted = `undrain ${words(server, service)}`;
  const place = placeOf(options, attempted, { server, service });
  const now = agent.state.wallMs;
  const { drains } = agent.state.document;
  const lifted = [...drains.values()].filter((drain) =>
    isDraining(drain, now) && isWithin(drain, place)
  );
  const held = isHeldDown(options, place);
  if (lifted.length === 0 && !held) throw notDrained(options, attempted, place);
  const marks = lifted.length > 0 ? lifted : [
    { ...place, comment: "", untilMs: null, keepVips: false },
  ];
  const edits = marks.map((drain): Edit => ({
    kind: "putDrain",
    drain: { ...drain, on: false, sinceMs: now },
  }));
  const stored = await commit(options, [...forgotten(options), ...edits]);
  return `${words(server, service)} is back, ${stored}`;
}

type Place = Pick<Drain, "service" | "target">;

function placeOf(
  { agent }: OperationsOptions,
  attempted: string,
  { server, service: name }: { readonly server: ServerRef; readonly service: ServiceName | null },
): Place {
  const service = name === null ? null : serviceNamed(agent, attempted, name);
  if ("node" in server) {
    const node = nodeNamed(agent, attempted, server.node);
    return { service: service === null ? null : serviceKey(service), target: { node } };
  }
  const { address, port } = server;
  if (service === null) return { service: null, target: { address, port } };
  return {
    service: serviceKey(service),
    target: { address, port: port ?? memberPort(service) },
  };
}

/** Whether a drain is about this place, or a part of it. */
function isWithin(drain: Drain, { service, target }: Place): boolean {
  if (service !== null && drain.service !== service) return false;
  if (drainTargetText(drain.target) === drainTargetText(target)) return true;
  return "address" in target && target.port === null && "address" in drain.target &&
    drain.target.address === target.address;
}

function refuseBadEnd(attempted: string, untilMs: number | null, now: number): void {
  if (untilMs === null) return;
  refuseIf(untilMs <= now, {
    attempted,
    problem: "its end has passed",
    remedy: "name a later time, or none",
  });
  refuseIf(untilMs - now > DRAIN_MS_MAX, {
    attempted,
    problem: "its end is more than a year away",
    remedy: "leave the end out: it goes on until `troop undrain`",
  });
}

/** Drains that ended long ago, by the clock or by an operator. */
function forgotten({ agent }: OperationsOptions): Edit[] {
  const before = agent.state.wallMs - DRAIN_KEPT_MS;
  return [...agent.state.document.drains].filter(([, drain]) =>
    drain.on ? drain.untilMs !== null && drain.untilMs < before : drain.sinceMs < before
  ).map(([key]) => ({ kind: "removeDrain", key }));
}

/** Services that have nobody left, as the end of a line; empty when there are none. */
function aloneWords({ agent }: OperationsOptions, drain: Drain): string {
  const { state } = agent;
  const isMeant = targetTest(state, drain);
  const names = drainedFrom(state.document, drain).filter((service) =>
    !poolOf(state, service).some((server) => server.up && server.weight > 0 && !isMeant(server))
  ).map(formatServiceName);
  if (names.length === 0) return "";
  const rest = names.length - NAMES_TOLD;
  return `; nobody else serves ${names.slice(0, NAMES_TOLD).join(", ")}${
    rest > 0 ? ` and ${rest} more` : ""
  }`;
}

/** Whether a server of this place is held down because it went down too often, as this node sees it. */
function isHeldDown({ agent }: OperationsOptions, { service: only, target }: Place): boolean {
  const { state } = agent;
  const isMeant = targetTest(state, { target });
  return [...state.document.services.values()].some((service) =>
    (only === null || serviceKey(service) === only) &&
    poolOf(state, service).some((server) => isMeant(server) && server.held)
  );
}

function notDrained(
  { agent }: OperationsOptions,
  attempted: string,
  { service, target }: Place,
): Refusal {
  const whole = agent.state.document.drains.get(drainKey({ service: null, target }));
  const drained = service !== null && whole !== undefined && isDraining(whole, agent.state.wallMs);
  return new Refusal({
    attempted,
    problem: drained ? "it is drained for every service" : "it is not drained",
    remedy: drained
      ? "leave --service out"
      : "`troop status` shows what is in maintenance; a weight of 0 is changed with `troop server set`",
  });
}

function words(server: ServerRef, service: ServiceName | null): string {
  const name = formatServerRef(server);
  return service === null ? name : `${name} for ${formatServiceName(service)}`;
}
