/**
 * What changed between two looks at the state, in words: for the log, and for people who wait for it.
 */
import type { Ip } from "../core/address.ts";
import { EVENT_TEXT_MAX, type News } from "../core/event.ts";
import { drainWords } from "../core/document/drain.ts";
import { PENDING } from "../core/pool/health.ts";
import { followsFromDocument } from "../core/desired/desired_row.ts";
import { poolOf } from "../core/pool/pool.ts";
import { formatServiceName } from "../core/service/service.ts";
import { judgePool } from "../core/pool/pool_judgement.ts";
import type { PoolMode } from "../core/state/pool_memory.ts";
import type { State } from "../core/state.ts";
import { currentWarnings } from "../core/cluster/warnings.ts";

/** One change worth a line. */
export type Change = Readonly<News>;

/** A server of a service. */
interface OutlinedServer {
  readonly server: string;
  readonly service: string;
  readonly up: boolean;
  readonly reason: string;
  /** The maintenance it is in, in words; null when it is in none. */
  readonly drained: string | null;
}

/** The parts of a state whose changes people care about. */
export interface Outline {
  readonly phase: string;
  readonly vips: ReadonlyMap<
    Ip,
    { readonly phase: string; readonly epoch: number; readonly reason: string }
  >;
  readonly nodes: ReadonlyMap<string, string>;
  readonly servers: ReadonlyMap<string, OutlinedServer>;
  /** Who serves each service, and why, where it is not its pool. */
  readonly services: ReadonlyMap<string, { readonly mode: PoolMode; readonly reason: string }>;
  readonly version: number;
  /** What is wrong between nodes. */
  readonly warnings: readonly string[];
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
  const pools = before?.version === version ? before : poolsOf(state);
  const { servers, services } = pools;
  const warnings = currentWarnings(state, state.lastTickMs);
  return { phase: state.phase, vips, nodes, servers, services, version, warnings };
}

/** Services whose servers are followed in the log: beyond, single lines tell nobody anything. */
const FOLLOWED_SERVICES_MAX = 100;

function poolsOf(state: State): Pick<Outline, "servers" | "services"> {
  const servers = new Map<string, OutlinedServer>();
  const services = new Map<string, { mode: PoolMode; reason: string }>();
  let count = 0;
  for (const service of state.document.services.values()) {
    // Machines that nobody checks are always up.
    if (followsFromDocument(service)) continue;
    if (++count > FOLLOWED_SERVICES_MAX) break;
    const name = formatServiceName(service);
    const pool = poolOf(state, service);
    services.set(name, judgePool(state, service, pool));
    for (const server of pool) {
      servers.set(`${server.name} for ${name}`, {
        server: server.name,
        service: name,
        up: server.up,
        reason: server.reason,
        drained: server.drain === null ? null : drainWords(server.drain),
      });
    }
  }
  return { servers, services };
}

/** The changes from one outline to the next. */
export function changesBetween(before: Outline, after: Outline): Change[] {
  const phase: Change = {
    kind: "phase",
    level: "info",
    text: `this node is ${after.phase}`,
    fields: { phase: after.phase },
  };
  return [
    ...(before.phase === after.phase ? [] : [phase]),
    ...vipChanges(before.vips, after.vips),
    ...nodeChanges(before.nodes, after.nodes),
    ...warningChanges(before.warnings, after.warnings),
    ...(before.servers === after.servers ? [] : serverChanges(before.servers, after.servers)),
    ...(before.servers === after.servers ? [] : drainChanges(before.servers, after.servers)),
    ...(before.services === after.services ? [] : serviceChanges(before.services, after.services)),
  ];
}

function vipChanges(before: Outline["vips"], after: Outline["vips"]): Change[] {
  return [...after].flatMap(([vip, now]): Change[] => {
    const was = before.get(vip);
    if ((was?.phase ?? "free") === now.phase && (was?.epoch ?? 0) === now.epoch) return [];
    const epoch = now.epoch || was?.epoch || 0;
    return [{
      kind: "vip",
      level: "info",
      text: `${vip}: ${vipWords(now.phase)} (epoch ${epoch}): ${now.reason}`,
      fields: { vip, phase: now.phase, epoch: now.epoch },
    }];
  });
}

function nodeChanges(before: Outline["nodes"], after: Outline["nodes"]): Change[] {
  return [...after].filter(([name, state]) => before.get(name) !== state)
    .map(([name, state]): Change => ({
      kind: "node",
      level: state === "dead" ? "warn" : "info",
      text: `node ${name} is ${state}`,
      fields: { node: name, state },
    }));
}

function warningChanges(before: readonly string[], after: readonly string[]): Change[] {
  return after.filter((text) => !before.includes(text)).map((text): Change => ({
    kind: "node",
    level: "warn",
    text: text.slice(0, EVENT_TEXT_MAX),
    fields: {},
  }));
}

function serverChanges(before: Outline["servers"], after: Outline["servers"]): Change[] {
  return [...after].filter(([name, now]) => {
    const was = before.get(name);
    return was?.up !== now.up && (was !== undefined || !isPending(now));
  }).map(([name, now]): Change => ({
    kind: "server",
    level: now.up ? "info" : "warn",
    text: `server ${name} is ${now.up ? "up" : "down"}: ${now.reason}`,
    fields: { server: now.server, service: now.service, up: now.up },
  }));
}

function drainChanges(before: Outline["servers"], after: Outline["servers"]): Change[] {
  return [...after].filter(([name, now]) => (before.get(name)?.drained ?? null) !== now.drained)
    .map(([name, { server, service, up, drained }]): Change => ({
      kind: "server",
      level: "info",
      text: `server ${name} is ${drained ?? "out of maintenance"}`,
      fields: { server, service, up, drained: drained !== null },
    }));
}

function serviceChanges(before: Outline["services"], after: Outline["services"]): Change[] {
  return [...after].filter(([name, now]) => (before.get(name)?.mode ?? "pool") !== now.mode)
    .map(([name, { mode, reason }]): Change => ({
      kind: "service",
      level: mode === "pool" ? "info" : "warn",
      text: `service ${name}: ${mode === "pool" ? "its servers serve again" : reason}`,
      fields: { service: name, mode },
    }));
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
