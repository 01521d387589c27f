/**
 * Whether a service's pool is enough, and what clients get when it is not: the fallback, the last pool, or nothing.
 *
 * A judgement follows from the pool and from what was remembered of it ({@link notePools}); asking twice gives the same
 * answer twice, so rows, status and events agree.
 */
import { formatEndpoint, type Ip, ipFamily } from "../address.ts";
import type { Check } from "../check.ts";
import {
  type Fallback,
  fallbackPort,
  fallbackProblem,
  parseFallback,
} from "../service/fallback.ts";
import { PENDING } from "./health.ts";
import type { Given } from "../document/per_document.ts";
import { isInherited } from "./inherited.ts";
import { poolOf } from "./pool.ts";
import { type PoolServer, STARTING } from "./pool_server.ts";
import {
  type Service,
  serviceFamily,
  type ServiceKey,
  serviceKey,
  vipOfService,
} from "../service/service.ts";
import { settingNumber, settingText } from "../document/settings.ts";
import type { State } from "../state.ts";
import type { PoolMemory, PoolMode } from "../state/pool_memory.ts";
import type { TableServer } from "../table/table.ts";

/** A judgement. */
export interface PoolJudgement {
  readonly mode: PoolMode;
  /** In words; empty while all is well. */
  readonly reason: string;
  /** Servers (`address:port`) that go on although they are down. */
  readonly kept: ReadonlySet<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Judges the pool of a service. */
export function judgePool(
  state: State,
  service: Service,
  pool: readonly PoolServer[] = poolOf(state, service),
): PoolJudgement {
  const memory = state.pools.get(serviceKey(service));
  const working = pool.filter(isWorking);
  const short = shortage(service, { working, mode: memory?.mode });
  const judged = (mode: PoolMode, reason: string, kept = NOBODY) => ({ mode, reason, kept });
  if (short === null) return judged("pool", "");
  if (working.length === 0 && isUnknown(pool)) {
    const { server } = fallbackServer(state, service);
    return server !== null && isInherited(state, service, server)
      ? judged("fallback", "no server is checked since a restart; the fallback goes on")
      : judged("pool", "no server is checked yet");
  }
  if (working.length === 0 && service.whenAllFail === "keep" && memory?.mode !== "fallback") {
    const kept = keptServers(state, service, pool);
    if (kept.size > 0) return judged("kept", `${short}; the last pool goes on`, kept);
  }
  const { server, problem } = fallbackServer(state, service);
  if (server !== null && service.whenAllFail !== "nothing") {
    return judged("fallback", `${short}; the fallback serves`);
  }
  const why = service.whenAllFail === "nothing" ? "the fallback is not to be used" : problem;
  if (working.length > 0) return judged("pool", `${short}; it goes on, for ${why}`);
  return judged("nothing", `${short}; ${why}`);
}

function isWorking({ up, weight }: PoolServer): boolean {
  return up && weight > 0;
}

/** What is missing, in words; null when nothing is. The pool returns only when it is over quorum and hysteresis. */
function shortage(
  { quorum, quorumBy, hysteresis }: Service,
  { working, mode }: { working: readonly PoolServer[]; mode: PoolMode | undefined },
): string | null {
  if (working.length === 0) return "no server is up";
  const have = quorumBy === "count"
    ? working.length
    : working.reduce((sum, { base }) => sum + base, 0);
  const unit = quorumBy === "count" ? `server${have === 1 ? "" : "s"}` : "weight";
  if (have < quorum) return `${have} ${unit} up, ${quorum} needed`;
  if (mode === undefined || mode === "pool" || have >= quorum + hysteresis) return null;
  return `${have} ${unit} up, ${quorum + hysteresis} needed to return`;
}

/** Nobody has said anything of any server yet: no reason to send clients elsewhere. */
function isUnknown(pool: readonly PoolServer[]): boolean {
  const pending = (words: string) =>
    words === "" || words === PENDING.check || words === PENDING.verdict;
  return pool.length > 0 &&
    pool.every(({ failed, reason, own, reached }) =>
      !failed && (reason === STARTING || (pending(own) && pending(reached)))
    );
}

/** Down now, on a node that is not dead, and in the pool until shortly before the last one left it. */
function keptServers(
  state: State,
  service: Service,
  pool: readonly PoolServer[],
): ReadonlySet<string> {
  const left = new Map(
    [...state.pools.get(serviceKey(service))?.left ?? []]
      .map(([endpoint, leftMs]) => [endpoint, Math.min(leftMs, state.lastTickMs)]),
  );
  const sinceMs = Math.max(-Infinity, ...left.values()) - failingMs(service.check);
  const isDead = ({ node }: PoolServer) =>
    node !== null && state.peers.get(node)?.life.state === "dead";
  return new Set(
    pool.filter((server) => !server.up && server.weight > 0 && !isDead(server))
      .map(formatEndpoint)
      .filter((endpoint) => (left.get(endpoint) ?? NaN) >= sinceMs),
  );
}

/** Time within which checks that fail at once are told to have failed, ms: the slowest one took this much longer. */
function failingMs(check: Check): number {
  return check.fall * check.intervalMs + check.timeoutMs;
}

/** Remembers what later judgements depend on. */
export function notePools(state: State, now: number): void {
  const { services } = state.document;
  for (const key of state.pools.keys()) {
    const service = services.get(key);
    if (service === undefined || !needsMemory(service)) state.pools.delete(key);
  }
  for (const [key, service] of services) {
    if (needsMemory(service)) state.pools.set(key, notePool(state, service, { key, now }));
  }
}

function needsMemory({ quorum, hysteresis, whenAllFail }: Service): boolean {
  return quorum > 1 || hysteresis > 0 || whenAllFail === "keep";
}

function notePool(
  state: State,
  service: Service,
  { key, now }: { readonly key: ServiceKey; readonly now: number },
): PoolMemory {
  const pool = poolOf(state, service);
  const { mode } = judgePool(state, service, pool);
  const before = state.pools.get(key)?.left;
  const left = new Map<string, number>();
  for (const server of pool) {
    const endpoint = formatEndpoint(server);
    const leftMs = before?.get(endpoint);
    if (isWorking(server)) left.set(endpoint, Infinity);
    else if (leftMs !== undefined) left.set(endpoint, Math.min(leftMs, now));
  }
  return { mode, left };
}

/** The fallback a service has: its own, or the cluster's. */
export function fallbackOf({ document }: Given, service: Service): Fallback {
  if (service.fallback !== null) return service.fallback;
  const parsed = parseFallback(settingText(document.settings, "fallback"));
  return typeof parsed === "object" || parsed === "sorry" ? parsed : "none";
}

/** The fallback as a server of this node's table (weight 1), or why there is none. */
export function fallbackServer(
  state: State,
  service: Service,
): { readonly server: TableServer; readonly problem: null } | {
  readonly server: null;
  readonly problem: string;
} {
  const fallback = fallbackOf(state, service);
  const problem = fallback === "none" ? "there is no fallback" : fallbackProblem(service, fallback);
  if (problem !== null || fallback === "none") {
    return { server: null, problem: problem ?? "there is no fallback" };
  }
  const limits = { weight: 1, upper: 0, lower: 0 };
  if (fallback === "sorry") {
    if (state.sorry !== null) return { server: null, problem: `the sorry page: ${state.sorry}` };
    const port = settingNumber(state.document.settings, "sorry-port") ?? 0;
    const address = ownAddress(state, service);
    return {
      server: { address, port, ...limits, forwarding: "nat", tunnel: null },
      problem: null,
    };
  }
  const { address, forwarding, tunnel } = fallback;
  const circle = circleProblem(state, fallback);
  if (circle !== null) return { server: null, problem: circle };
  const port = fallbackPort(service, fallback);
  return { server: { address, port, ...limits, forwarding, tunnel }, problem: null };
}

/** Where this machine answers for itself: its address of the service's family, or the VIP where it has none. */
function ownAddress(state: State, service: Service): Ip {
  const family = serviceFamily(service);
  const own = state.self.paths.find(({ address }) => ipFamily(address) === family);
  return own?.address ?? vipOfService(service);
}

/** What is sent to a director as the client sent it would be balanced there again, and could run in circles. */
function circleProblem(
  { self, peers }: State,
  { address, forwarding }: Pick<TableServer, "address" | "forwarding">,
): string | null {
  if (forwarding === "nat") return null;
  const nodes = [self, ...[...peers.values()].map(({ record }) => record)];
  const balances = nodes.some(({ director, paths }) =>
    director && paths.some((path) => path.address === address)
  );
  return balances ? `the fallback ${address} is a director itself: use nat, or sorry` : null;
}
