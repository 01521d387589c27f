/**
 * What operators ask of a running agent: validated against this machine and the cluster, then written to
 * the document, which makes every node do it. A refusal changes nothing.
 */
import { formatEndpoint, type Ip } from "../core/address.ts";
import { interfaceFor } from "../core/placement.ts";
import { incumbentOf, presentMembers, rankCandidates } from "../core/ownership.ts";
import { Refusal } from "../core/refusal.ts";
import { SERVICES_MAX, VIPS_MAX } from "../core/limits.ts";
import { formatServiceName, type Service, serviceKey, type ServiceName } from "../core/service.ts";
import { FUNNEL_MS } from "../core/timing.ts";
import type { Counters, DocumentStore, Operations, Table } from "../ports.ts";
import type { Agent } from "./agent.ts";

/** What operations work on. */
export interface OperationsOptions {
  readonly agent: Agent;
  readonly store: DocumentStore;
  readonly table: Table;
  readonly counters: () => Counters;
  /** Ends the agent for good after a leave: hands over, cleans, forgets. Resolves when done. */
  readonly leave: () => Promise<void>;
  /** Lets time pass while a move runs, ms. */
  readonly sleep?: (ms: number) => Promise<void>;
}

/** Makes the operations of a running agent. */
export function agentOperations(options: OperationsOptions): Operations {
  const { agent, store } = options;
  return {
    status: () => agent.status(),
    counters: options.counters,
    addService: (service) => addService(options, service),
    removeService: async (name) => {
      const key = serviceKey(name);
      if (!agent.state.document.services.has(key)) throw unknownService("remove service", name);
      await store.edit([{ kind: "removeService", key }]);
      return `service ${formatServiceName(name)} removed`;
    },
    moveVip: (vip, nodeName) => moveVip(options, vip, nodeName),
    leave: async () => {
      await options.leave();
      return `${agent.state.self.name} left cluster ${agent.state.self.cluster}`;
    },
  };
}

async function addService(options: OperationsOptions, service: Service): Promise<string> {
  const { agent, store, table } = options;
  const { state } = agent;
  const attempted = `add service ${formatServiceName(service)}`;
  const key = serviceKey(service);
  refuseIf(state.document.services.has(key), {
    attempted,
    problem: "it exists already",
    remedy: `see it with \`troop service list\`, or remove it first with \`troop service remove ${
      formatServiceName(service)
    }\``,
  });
  refuseIf(state.document.services.size >= SERVICES_MAX, {
    attempted,
    problem: `the cluster has ${SERVICES_MAX} services already, the most it takes`,
    remedy: "remove some first",
  });
  refuseIf(!state.vips.includes(service.address) && state.vips.length >= VIPS_MAX, {
    attempted,
    problem: `the cluster has ${VIPS_MAX} VIPs already, the most it takes`,
    remedy: "use an address that is a VIP already",
  });
  refuseBadVip(agent, attempted, service.address);
  if (state.self.director) await tryRow(options, service, attempted);
  try {
    const { sentTo } = await store.edit([{ kind: "putService", service }]);
    return `service ${formatServiceName(service)} added, sent to ${sentTo} ${
      sentTo === 1 ? "peer" : "peers"
    }`;
  } catch (error) {
    if (state.self.director) await table.apply([{ kind: "removeService", service }]);
    await agent.rows.delete([key]);
    throw error;
  }
}

/** The kernel knows best what it takes, and which schedulers it has: the row is tried before anybody is told of it. */
async function tryRow(
  { agent, table }: OperationsOptions,
  service: Service,
  attempted: string,
): Promise<void> {
  const lacking = { attempted, remedy: "`troop doctor` shows what this machine lacks" };
  const present = await table.get(service).catch((error: Error) => {
    throw new Refusal({ ...lacking, problem: error.message }, { cause: error });
  });
  const key = serviceKey(service);
  const flag = service.protocol === "tcp" ? "-t" : "-u";
  refuseIf(present !== null && !agent.rows.has(key), {
    attempted,
    problem: `the kernel of ${agent.state.self.name} has it already, and not from troop`,
    remedy: `take it out first with \`ipvsadm -D ${flag} ${formatEndpoint(service)}\``,
  });
  // Noted first: after a crash in between it is known whose row that is.
  await agent.rows.add([key]);
  const [error] = await table.apply([{ kind: "addService", service: { ...service, servers: [] } }]);
  if (error !== null && error !== undefined) {
    if (present === null) await agent.rows.delete([key]);
    throw new Refusal({ ...lacking, problem: error.message }, { cause: error });
  }
}

function refuseBadVip(agent: Agent, attempted: string, vip: Ip): void {
  const { state } = agent;
  const network = { links: [], addresses: agent.addresses, paths: state.self.paths };
  const owners = [state.self.name, ...[...state.peers.values()].map((peer) => peer.record.name)];
  const paths = [state.self.paths, ...[...state.peers.values()].map((peer) => peer.record.paths)];
  const index = paths.findIndex((list) => list.some((path) => path.address === vip));
  refuseIf(index >= 0, {
    attempted,
    problem: `${vip} is the own address of node ${owners[index]}`,
    remedy: "choose an address that no machine has",
  });
  refuseIf(interfaceFor(vip, network) === null, {
    attempted,
    problem: `no interface of ${state.self.name} has a network that contains ${vip}`,
    remedy: `choose an address inside one of ${
      networksOf(agent)
    }, or give an interface one with \`ip address add\``,
  });
}

function networksOf(agent: Agent): string {
  const networks = agent.addresses
    .filter((item) =>
      item.interface !== "lo" && item.prefixLength < (item.address.includes(":") ? 128 : 32)
    )
    .map((item) => `${item.address}/${item.prefixLength} (${item.interface})`);
  return networks.length > 0 ? networks.join(", ") : "none";
}

/** Time a move may take beyond the handover itself, ms: the order has to reach both nodes. */
const MOVE_EXTRA_MS = 7_500;
/** How often a running move is looked at, ms. */
const MOVE_LOOK_MS = 50;

async function moveVip(options: OperationsOptions, vip: Ip, nodeName: string): Promise<string> {
  const { agent, store } = options;
  const { state } = agent;
  const attempted = `move VIP ${vip} to ${nodeName}`;
  refuseIf(!state.vips.includes(vip), {
    attempted,
    problem: `${vip} is not a VIP of this cluster`,
    remedy: state.vips.length > 0
      ? `it has ${state.vips.join(", ")}`
      : "add a service with `troop service add` first",
  });
  const members = presentMembers(state, vip);
  const known = members.find((member) => member.name === nodeName);
  if (known === undefined) {
    throw new Refusal({
      attempted,
      problem: `no node "${nodeName}" is alive`,
      remedy: `alive are ${members.map((member) => member.name).join(", ")}`,
    });
  }
  const holder = incumbentOf(members);
  if (holder?.id === known.id) return `${nodeName} holds ${vip} already`;
  refuseIf(rankCandidates(members, vip, known.id)[0]?.id !== known.id, {
    attempted,
    problem: known.unfit ??
      (known.director ? `${nodeName} is leaving or starting` : `${nodeName} is not a director`),
    remedy: "`troop status` shows which nodes can hold it",
  });
  const fromEpoch = state.epochs.get(vip) ?? 0;
  await store.edit([{ kind: "putMove", move: { vip, to: known.id, fromEpoch } }]);
  await moved(options, { vip, id: known.id, attempted, nodeName });
  return `${vip} moved to ${nodeName}`;
}

async function moved(
  { agent, sleep = waitMs }: OperationsOptions,
  move: { vip: Ip; id: string; attempted: string; nodeName: string },
): Promise<void> {
  for (let waitedMs = 0; waitedMs < FUNNEL_MS + MOVE_EXTRA_MS; waitedMs += MOVE_LOOK_MS) {
    if (incumbentOf(presentMembers(agent.state, move.vip))?.id === move.id) return;
    await sleep(MOVE_LOOK_MS);
  }
  throw new Refusal({
    attempted: move.attempted,
    problem: `${move.nodeName} has not taken it yet`,
    remedy: "`troop status` shows why; the order stands until the VIP changes hands",
  });
}

function waitMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function unknownService(attempted: string, name: ServiceName): Refusal {
  return new Refusal({
    attempted: `${attempted} ${formatServiceName(name)}`,
    problem: "there is no such service",
    remedy: "see them with `troop service list`",
  });
}

function refuseIf(wrong: boolean, text: ConstructorParameters<typeof Refusal>[0]): void {
  if (wrong) throw new Refusal(text);
}
