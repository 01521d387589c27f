/**
 * Adding, changing and removing single servers of a service.
 */
import { formatEndpoint } from "../core/address.ts";
import { serverConflict, serverProblem } from "../core/document/conflicts.ts";
import {
  formatServiceName,
  memberPort,
  type Service,
  serviceKey,
  type ServiceName,
} from "../core/service/service.ts";
import { SERVERS_MAX } from "../core/limits.ts";
import type { ServerChange, ServerRef } from "../core/document/order.ts";
import { Refusal } from "../core/refusal.ts";
import {
  isExternal,
  type ServerEntry,
  serverEntrySchema,
  serverKey,
  type ServerTarget,
} from "../core/service/server.ts";
import {
  commit,
  nodeNamed,
  type OperationsOptions,
  refuseFor,
  refuseIf,
  serviceNamed,
  waitMs,
} from "./operation_tools.ts";

/** Which server of which service. */
export interface ServerPlace {
  readonly service: ServiceName;
  readonly server: ServerRef;
}

/** Time for every node to take a server out at once before it is forgotten, ms: gossip and a pass over the table. */
const DROP_MS = 1_500;

/** Adds a machine without an agent. */
export async function addServer(
  options: OperationsOptions,
  place: ServerPlace,
  settings: ServerChange,
): Promise<string> {
  const { agent } = options;
  const words = placeWords(place);
  const attempted = `add server ${words}`;
  const service = serviceNamed(agent, attempted, place.service);
  if ("node" in place.server) return await addMember(options, { place, service }, settings);
  const entry = serverEntrySchema.parse({
    service: serviceKey(service),
    target: targetOf(options, attempted, { service, ref: place.server }),
    ...settings,
  });
  refuseMember(options, attempted, { service, entry });
  refuseFor(serverConflict(agent.state.document, service, entry), {
    attempted,
    remedy: "`troop server list` shows the servers, `troop service list` how each service forwards",
  });
  const count = [...agent.state.document.servers.values()]
    .reduce((sum, servers) => sum + servers.size, 0);
  refuseIf(count >= SERVERS_MAX, {
    attempted,
    problem: `the cluster has ${SERVERS_MAX} servers already, the most it takes`,
    remedy: "remove some first",
  });
  const stored = await commit(options, [{ kind: "putServer", server: entry }]);
  return `server ${words} added, ${stored}`;
}

/** Says what differs for a member, of which nothing is said yet. */
async function addMember(
  options: OperationsOptions,
  { place, service }: { place: ServerPlace; service: Service },
  settings: ServerChange,
): Promise<string> {
  const words = placeWords(place);
  const attempted = `add server ${words}`;
  const target = targetOf(options, attempted, { service, ref: place.server });
  const key = serverKey({ service: serviceKey(service), target });
  const known = options.agent.state.document.servers.get(serviceKey(service))?.has(key) === true;
  refuseIf(known || Object.keys(settings).length === 0, {
    attempted,
    problem: known
      ? "something is said of it already"
      : "a member is a server of every service that takes members",
    remedy: `say what differs with \`troop server set ${words}\``,
  });
  return await setServer(options, place, settings);
}

/** Changes a machine's entry, or what is special about a member. */
export async function setServer(
  options: OperationsOptions,
  place: ServerPlace,
  change: ServerChange,
): Promise<string> {
  const { agent } = options;
  const words = placeWords(place);
  const attempted = `change server ${words}`;
  const service = serviceNamed(agent, attempted, place.service);
  const target = targetOf(options, attempted, { service, ref: place.server });
  const key = serverKey({ service: serviceKey(service), target });
  const before = agent.state.document.servers.get(serviceKey(service))?.get(key);
  if (before === undefined && !("node" in target)) throw unknownServer(attempted);
  const forwarding = change.forwarding ?? before?.forwarding ?? null;
  const entry = serverEntrySchema.parse({
    ...before,
    service: serviceKey(service),
    target,
    ...change,
    off: false,
    // A tunnel belongs to its method: another one has none.
    tunnel: (forwarding ?? service.forwarding) === "tunnel"
      ? change.tunnel ?? before?.tunnel ?? null
      : change.tunnel ?? null,
  });
  refuseFor(serverProblem(service, entry), {
    attempted,
    remedy: "see `troop server set --help` for what goes together",
  });
  const stored = await commit(options, [{ kind: "putServer", server: entry }]);
  return `server ${words} changed, ${stored}`;
}

/** Removes a machine; with `now` its connections are cut, else they end first. For a member: what was special about it. */
export async function removeServer(
  options: OperationsOptions,
  place: ServerPlace,
  now: boolean,
): Promise<string> {
  const { agent, store } = options;
  const words = placeWords(place);
  const attempted = `remove server ${words}`;
  const service = serviceNamed(agent, attempted, place.service);
  const target = targetOf(options, attempted, { service, ref: place.server });
  const key = serverKey({ service: serviceKey(service), target });
  const entry = agent.state.document.servers.get(serviceKey(service))?.get(key);
  if (entry === undefined) {
    if (!("node" in target)) throw unknownServer(attempted);
    throw new Refusal({
      attempted,
      problem: "it is a member, and nothing special is said of it",
      remedy: `take it out of the pool with \`troop server set ${words} --weight 0\``,
    });
  }
  if (isExternal(entry) && now) {
    // Half of what is done here: it is not remembered by itself.
    await store.edit([{ kind: "putServer", server: { ...entry, off: true } }]);
    await (options.sleep ?? waitMs)(DROP_MS);
  }
  const stored = await commit(options, [{ kind: "removeServer", key }]);
  if ("node" in target) return `server ${words} is as the service says, ${stored}`;
  const how = now ? "removed at once" : "removed; its connections end first";
  return `server ${words} ${how}, ${stored}`;
}

function placeWords({ service, server }: ServerPlace): string {
  const name = "node" in server
    ? server.node
    : server.port === null
    ? server.address
    : formatEndpoint({ address: server.address, port: server.port });
  return `${formatServiceName(service)} ${name}`;
}

/** Without a port a machine has the port of the service's members. */
function targetOf(
  { agent }: OperationsOptions,
  attempted: string,
  { service, ref }: { service: Service; ref: ServerRef },
): ServerTarget {
  if ("node" in ref) return { node: nodeNamed(agent, attempted, ref.node) };
  return { address: ref.address, port: ref.port ?? memberPort(service) };
}

/**
 * A member serves already, under its own verdict. Entered as a machine it would be known as nobody's server: its
 * packets could run between its table and the holder's, unless NAT gives them another destination.
 */
export function refuseMember(
  { agent }: OperationsOptions,
  attempted: string,
  { service, entry }: { service: Service; entry: ServerEntry },
): void {
  if (!isExternal(entry)) return;
  const { state } = agent;
  const { address } = entry.target;
  const members = [state.self, ...[...state.peers.values()].map(({ record }) => record)];
  const member = members.find(({ paths }) => paths.some((path) => path.address === address));
  if (member === undefined) return;
  const name = formatServiceName(service);
  refuseIf(service.members && member.realServer, {
    attempted,
    problem: `${address} is member ${member.name}, which is a server of this service already`,
    remedy: `set what is special about it with \`troop server set ${name} ${member.name}\``,
  });
  refuseIf((entry.forwarding ?? service.forwarding) !== "nat", {
    attempted,
    problem: `${address} is member ${member.name}, which only nat can reach as a single machine`,
    remedy:
      `let members be its servers (\`troop service set ${name} --members\`), or add it with --forward nat`,
  });
}

function unknownServer(attempted: string): Refusal {
  return new Refusal({
    attempted,
    problem: "the service has no such server",
    remedy: "see them with `troop server list`",
  });
}
