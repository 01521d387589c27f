/**
 * The candidates of a virtual service on this node, and whether each is up.
 */
import { formatEndpoint, type Ip, ipFamily } from "../address.ts";
import { type NodeId, serverEntries } from "../document/document.ts";
import { adjusted } from "./effective_weight.ts";
import { IPIP } from "../service/forwarding.ts";
import { combineVerdicts, PENDING } from "./health.ts";
import type { Given } from "../document/per_document.ts";
import type { NodeRecord, Path, Verdict } from "../cluster/record.ts";
import { isExternal, type ServerEntry, type ServerKey, serverKey } from "../service/server.ts";
import { withInherited } from "./inherited.ts";
import { LEAVING, type PoolServer, STARTING } from "./pool_server.ts";
import { flapKey, type ServerVerdict, verdictOf } from "./server_verdict.ts";
import { memberPort, type Service, serviceFamily, serviceKey } from "../service/service.ts";
import type { Peer, State } from "../state.ts";

/**
 * The candidates of a service: every member that is a real server and has not left, and every machine that was
 * entered by hand. Sorted by name.
 *
 * One per address and port, as in the kernel's row: a machine that was set up anew has a new id and its old
 * address, and the node it was before must not take its place.
 */
export function poolOf(state: State, service: Service): PoolServer[] {
  const servers = new Map<string, PoolServer>();
  const add = (server: PoolServer | undefined) => {
    if (server === undefined) return;
    const endpoint = formatEndpoint(server);
    if (!servers.has(endpoint)) servers.set(endpoint, server);
  };
  const absent: Peer[] = [];
  if (service.members) {
    add(selfServer(state, service));
    for (const peer of state.peers.values()) {
      if (absence(peer) === null) add(peerServer(state, peer, service));
      else absent.push(peer);
    }
    for (const peer of absent) add(peerServer(state, peer, service));
  }
  for (const entry of serverEntries(state.document, serviceKey(service))) {
    if (isExternal(entry) && !entry.off) add(externalServer(state, service, entry));
  }
  const pool = [...servers.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return withoutHolds(adjusted(state, service, withInherited(state, service, pool)));
}

/** Where nobody else is left, servers that are held down serve: now and then is better than never. */
function withoutHolds(pool: PoolServer[]): PoolServer[] {
  const serves = ({ weight }: PoolServer) => weight > 0;
  if (pool.some((server) => server.up && serves(server))) return pool;
  if (!pool.some((server) => server.held && serves(server))) return pool;
  return pool.map((server) =>
    server.held && serves(server)
      ? { ...server, up: true, held: false, reason: `nobody else is left; ${server.reason}` }
      : server
  );
}

type Settings = Pick<
  PoolServer,
  "forwarding" | "tunnel" | "weight" | "base" | "upper" | "lower"
>;

/** What the service says, unless something else is said of this very server. */
function settingsOf(service: Service, entry: ServerEntry | undefined): Settings {
  const forwarding = entry?.forwarding ?? service.forwarding;
  const tunnel = forwarding === "tunnel" ? entry?.tunnel ?? service.tunnel ?? IPIP : null;
  return {
    forwarding,
    tunnel,
    weight: entry?.weight ?? service.weight,
    base: entry?.weight ?? service.weight,
    upper: entry?.upper ?? service.upper,
    lower: entry?.lower ?? service.lower,
  };
}

function entryOf({ document }: Given, service: Service, node: NodeId): ServerEntry | undefined {
  const key = serviceKey(service);
  return document.servers.get(key)?.get(serverKey({ service: key, target: { node } }));
}

/** How this service is forwarded to a member. */
export function memberSettings(given: Given, service: Service, node: NodeId): Settings {
  return settingsOf(service, entryOf(given, service, node));
}

function selfServer(state: State, service: Service): PoolServer | undefined {
  const { self } = state;
  const settings = memberSettings(state, service, self.id);
  const address = serverAddress(self.paths, service);
  if (!self.realServer || address === undefined) return undefined;
  const { up, reason, ...verdict } = ownVerdict(state, service);
  const leaving = state.phase === "leaving" || state.phase === "stopped";
  return {
    node: self.id,
    name: self.name,
    address,
    port: memberPort(service),
    ...settings,
    ...verdict,
    held: verdict.held && !leaving,
    up: up && !leaving,
    reason: leaving ? LEAVING : reason,
    own: reason,
    reached: "",
    drain: null,
  };
}

function peerServer(state: State, peer: Peer, service: Service): PoolServer | undefined {
  const { record, life } = peer;
  const settings = memberSettings(state, service, record.id);
  const address = serverAddress(record.paths, service);
  if (!record.realServer || address === undefined || life.state === "left") return undefined;
  const own = record.verdicts[serviceKey(service)] ?? null;
  const reached = reachedVerdict(state, service, peer);
  const absent = absence(peer);
  const verdict = own === null
    ? { up: false, reason: PENDING.verdict }
    : combineVerdicts(own, reached);
  const up = absent === null && verdict.up;
  const works = own !== null && (own.up || own.held === true) &&
    (reached === null || reached.up || reached.held);
  const advice = reached?.advice ?? own?.advice;
  return {
    node: record.id,
    name: record.name,
    address,
    port: memberPort(service),
    ...settings,
    up,
    held: absent === null && !up && works,
    failed: life.state === "dead" || (absent !== LEAVING && !works && isNews(own, reached)),
    ...(advice === undefined ? {} : { advice }),
    reason: absent ?? verdict.reason,
    own: own?.reason ?? PENDING.verdict,
    reached: reached?.reason ?? "",
    drain: null,
  };
}

/** This node's verdict about a peer's server; null where it has not checked it. */
function reachedVerdict(state: State, service: Service, peer: Peer): ServerVerdict | null {
  const key = serviceKey(service);
  const history = peer.reached.get(key);
  return history === undefined
    ? null
    : verdictOf(state, flapKey(key, peer.record.id), { history, check: service.check });
}

/** Whether one of the two has looked and found it down. */
function isNews(own: Verdict | null, reached: ServerVerdict | null): boolean {
  return (own !== null && !own.up && own.reason !== PENDING.check) || reached?.failed === true;
}

/** What a check that asks nothing says of every machine without an agent. */
const UNCHECKED: ServerVerdict = { up: true, held: false, failed: false, reason: "not checked" };
/** A file of this machine says nothing about another, and nobody there can be asked. */
const UNASKABLE: ServerVerdict = {
  ...UNCHECKED,
  up: false,
  reason: "a file check asks members only",
};

function externalServer(
  state: State,
  service: Service,
  entry: ServerEntry & { readonly target: { readonly address: Ip; readonly port: number } },
): PoolServer {
  const { address, port } = entry.target;
  const verdict = externalVerdict(state, service, serverKey(entry));
  return {
    node: null,
    name: formatEndpoint(entry.target),
    address,
    port,
    ...settingsOf(service, entry),
    ...verdict,
    own: "",
    reached: verdict.reason,
    drain: null,
  };
}

function externalVerdict(
  state: State,
  { check }: Service,
  key: ServerKey,
): ServerVerdict {
  if (check.kind === "none") return UNCHECKED;
  if (check.kind === "file") return UNASKABLE;
  return verdictOf(state, key, { history: state.external.get(key), check });
}

function absence(peer: Peer): string | null {
  if (peer.life.state === "dead") return "its node is dead";
  // Until a run of a peer has proved itself, nobody knows whether it claims the same VIP.
  if (peer.life.heardMs === -Infinity) return "not heard yet";
  if (peer.life.leaving || peer.record.phase !== "running") return LEAVING;
  if (peer.life.starting) return STARTING;
  return null;
}

/** The address under which a node's server is reached for a service: the first of the service's family. */
export function serverAddress(
  paths: readonly Path[] | NodeRecord["paths"],
  service: Service,
): Ip | undefined {
  const family = serviceFamily(service);
  return paths.find((path) => ipFamily(path.address) === family)?.address;
}

/** This node's verdict about its own server: the listening socket first, then the check. */
export function ownVerdict(state: State, service: Service): ServerVerdict {
  const key = serviceKey(service);
  const deaf = state.deaf.get(key);
  if (deaf !== undefined) return { up: false, held: false, failed: true, reason: deaf };
  return verdictOf(state, flapKey(key, state.self.id), {
    history: state.own.get(key),
    check: service.check,
  });
}
