/**
 * What changed between two looks at the state, in words: for the log, and for people who wait for it.
 */
import type { Ip } from "../core/address.ts";
import { PENDING } from "../core/health.ts";
import { followsFromDocument } from "../core/desired_row.ts";
import { poolOf } from "../core/pool.ts";
import { formatServiceName } from "../core/service.ts";
import type { State } from "../core/state.ts";

/** One change worth a line. */
export interface Change {
  readonly what: "phase" | "vip" | "node" | "server";
  readonly level: "info" | "warn";
  readonly text: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

/** The parts of a state whose changes people care about. */
export interface Outline {
  readonly phase: string;
  readonly vips: ReadonlyMap<
    Ip,
    { readonly phase: string; readonly epoch: number; readonly reason: string }
  >;
  readonly nodes: ReadonlyMap<string, string>;
  readonly servers: ReadonlyMap<string, { readonly up: boolean; readonly reason: string }>;
  readonly version: number;
}

/** Draws the outline. Servers are looked at only when the table may have changed. */
export function outline(state: State, before?: Outline): Outline {
  const vips = new Map(state.vips.map((vip) => {
    const hold = state.holds.get(vip);
    return [vip, {
      phase: hold?.phase ?? "free",
      epoch: hold?.epoch ?? 0,
      reason: state.reasons.get(vip) ?? "",
    }];
  }));
  const nodes = new Map(
    [...state.peers.values()].map((peer) => [peer.record.name, peer.life.state as string]),
  );
  const version = state.tableVersion;
  const servers = before?.version === version ? before.servers : serversOf(state);
  return { phase: state.phase, vips, nodes, servers, version };
}

/** Services whose servers are followed in the log: beyond, single lines tell nobody anything. */
const FOLLOWED_SERVICES_MAX = 100;

function serversOf(state: State): Outline["servers"] {
  const servers = new Map<string, { up: boolean; reason: string }>();
  let count = 0;
  for (const service of state.document.services.values()) {
    // Machines that nobody checks are always up.
    if (followsFromDocument(service)) continue;
    if (++count > FOLLOWED_SERVICES_MAX) break;
    for (const server of poolOf(state, service)) {
      servers.set(`${server.name} for ${formatServiceName(service)}`, {
        up: server.up,
        reason: server.reason,
      });
    }
  }
  return servers;
}

/** The changes from one outline to the next. */
export function changesBetween(before: Outline, after: Outline): Change[] {
  const changes: Change[] = [];
  if (before.phase !== after.phase) {
    changes.push({
      what: "phase",
      level: "info",
      text: `this node is ${after.phase}`,
      fields: { phase: after.phase },
    });
  }
  for (const [vip, now] of after.vips) {
    const was = before.vips.get(vip);
    if ((was?.phase ?? "free") === now.phase && (was?.epoch ?? 0) === now.epoch) continue;
    changes.push({
      what: "vip",
      level: "info",
      text: `${vip}: ${vipWords(now.phase)} (epoch ${now.epoch || was?.epoch || 0}): ${now.reason}`,
      fields: { vip, phase: now.phase, epoch: now.epoch },
    });
  }
  for (const [name, state] of after.nodes) {
    if (before.nodes.get(name) === state) continue;
    const level = state === "dead" ? "warn" : "info";
    changes.push({
      what: "node",
      level,
      text: `node ${name} is ${state}`,
      fields: { node: name, state },
    });
  }
  if (before.servers === after.servers) return changes;
  for (const [name, now] of after.servers) {
    const was = before.servers.get(name);
    if (was?.up === now.up || (was === undefined && isPending(now))) continue;
    changes.push({
      what: "server",
      level: now.up ? "info" : "warn",
      text: `server ${name} is ${now.up ? "up" : "down"}: ${now.reason}`,
      fields: { server: name, up: now.up },
    });
  }
  return changes;
}

/** A server that is new is no trouble before its first check. */
function isPending({ up, reason }: { readonly up: boolean; readonly reason: string }): boolean {
  return !up && (reason === PENDING.check || reason === PENDING.verdict);
}

function vipWords(phase: string): string {
  switch (phase) {
    case "holding":
      return "this node holds it";
    case "settling":
    case "lingering":
      return "let go, finishing what still arrives";
    default:
      return "not held here";
  }
}
