/**
 * Adding, changing, removing and moving VIPs.
 */
import { type Ip, ipFamily } from "../core/address.ts";
import { serviceConflict } from "../core/document/conflicts.ts";
import type { Edit } from "../core/document/document.ts";
import { VIPS_MAX } from "../core/limits.ts";
import type { VipChange } from "../core/document/order.ts";
import { incumbentOf, presentEpoch, rankCandidates } from "../core/cluster/candidates.ts";
import { type Member, presentMembers } from "../core/cluster/member.ts";
import { interfaceFor } from "../core/cluster/placement.ts";
import { Refusal } from "../core/refusal.ts";
import { isExternal } from "../core/service/server.ts";
import { formatServiceName, vipsOfService } from "../core/service/service.ts";
import { FUNNEL_MS } from "../core/timing.ts";
import { groupOf, leaderOf, plainVip, type VipEntry } from "../core/document/vip.ts";
import type { Agent } from "./agent.ts";
import {
  commit,
  nodeNamed,
  type OperationsOptions,
  refuseFor,
  refuseIf,
  remember,
  waitMs,
} from "./operation_tools.ts";

/** Time a move may take beyond the handover itself, ms: the order has to reach both nodes. */
const MOVE_EXTRA_MS = 7_500;
/** How often a running move is looked at, ms. */
const MOVE_LOOK_MS = 100;

/** Adds a VIP, before or without any service. */
export async function addVip(
  options: OperationsOptions,
  vip: Ip,
  settings: VipChange,
): Promise<string> {
  const { agent } = options;
  const attempted = `add VIP ${vip}`;
  refuseIf(agent.state.document.vips.has(vip), {
    attempted,
    problem: "it exists already",
    remedy: `change it with \`troop vip set ${vip}\``,
  });
  refuseTooManyVips(agent, attempted, [vip]);
  const entry = changedEntry(options, attempted, { entry: plainVip(vip), change: settings });
  refuseBadVip(agent, attempted, vip, entry.interface);
  const stored = await commit(options, groupEdits(agent, attempted, entry));
  return `VIP ${vip} added, ${stored}`;
}

/** Changes what is said of a VIP. */
export async function setVip(
  options: OperationsOptions,
  vip: Ip,
  change: VipChange,
): Promise<string> {
  const { agent } = options;
  const attempted = `change VIP ${vip}`;
  refuseUnknownVip(agent, attempted, vip);
  const before = agent.state.document.vips.get(vip) ?? plainVip(vip);
  const entry = changedEntry(options, attempted, { entry: before, change });
  if (entry.interface !== before.interface) {
    refuseBadVip(agent, attempted, vip, entry.interface);
  }
  const stored = await commit(options, groupEdits(agent, attempted, entry));
  return `VIP ${vip} changed, ${stored}`;
}

/** Removes what is said of a VIP, and the VIP unless it is one of a service. */
export async function removeVip(options: OperationsOptions, vip: Ip): Promise<string> {
  const { agent } = options;
  const attempted = `remove VIP ${vip}`;
  refuseUnknownVip(agent, attempted, vip);
  const user = [...agent.state.document.services.values()]
    .find((service) => vipsOfService(service).includes(vip));
  if (user !== undefined) {
    throw new Refusal({
      attempted,
      problem: `service ${formatServiceName(user)} has it`,
      remedy: `remove that first with \`troop service remove ${formatServiceName(user)}\``,
    });
  }
  return `VIP ${vip} removed, ${await commit(options, [{ kind: "removeVip", address: vip }])}`;
}

function changedEntry(
  { agent }: OperationsOptions,
  attempted: string,
  { entry, change }: { entry: VipEntry; change: VipChange },
): VipEntry {
  const { prefer, ...rest } = change;
  const changed = {
    ...entry,
    ...rest,
    prefer: prefer === undefined
      ? entry.prefer
      : prefer.map((name) => nodeNamed(agent, attempted, name)),
  } as VipEntry;
  refuseIf(changed.label !== null && ipFamily(entry.address) === 6, {
    attempted,
    problem: "an IPv6 address has no label",
    remedy: "leave --label out",
  });
  refuseIf(new Set(changed.prefer).size < changed.prefer.length, {
    attempted,
    problem: "--prefer names a node twice",
    remedy: "name each once, best first",
  });
  return changed;
}

/**
 * The edits that change a VIP's entry. Who should hold a group and when it goes back is said once for all of
 * its VIPs: they are always held by one node.
 */
function groupEdits(agent: Agent, attempted: string, entry: VipEntry): Edit[] {
  const { document } = agent.state;
  const entries = new Map([...document.vips, [entry.address, entry]]);
  const { prefer, failbackS } = entry;
  const group = groupOf(entry.address, entries).map((vip): VipEntry => (
    { ...entries.get(vip) ?? plainVip(vip), prefer, failbackS }
  ));
  const vips = new Map([...entries, ...group.map((vip) => [vip.address, vip] as const)]);
  const after = { ...document, vips };
  for (const service of document.services.values()) {
    if (service.protocol !== "fwm" || service.vips.length < 2) continue;
    refuseFor(serviceConflict(after, service), {
      attempted,
      remedy: `service ${formatServiceName(service)} needs all its VIPs in one group`,
    });
  }
  return group.map((vip) => ({ kind: "putVip", vip }));
}

/** Refuses VIPs beyond what the cluster takes. */
export function refuseTooManyVips(agent: Agent, attempted: string, vips: readonly Ip[]): void {
  const { state } = agent;
  const count = new Set([...state.vips, ...vips]).size;
  refuseIf(count > VIPS_MAX && count > state.vips.length, {
    attempted,
    problem: `the cluster would have ${count} VIPs, and takes ${VIPS_MAX}`,
    remedy: "use an address that is a VIP already",
  });
}

/** Refuses an address that cannot be a VIP of this cluster, as seen from this machine. */
export function refuseBadVip(
  agent: Agent,
  attempted: string,
  vip: Ip,
  interfaceName: string | null = null,
): void {
  const { state } = agent;
  const owners = [state.self.name, ...[...state.peers.values()].map((peer) => peer.record.name)];
  const paths = [state.self.paths, ...[...state.peers.values()].map((peer) => peer.record.paths)];
  const index = paths.findIndex((list) => list.some((path) => path.address === vip));
  refuseIf(index >= 0, {
    attempted,
    problem: `${vip} is the own address of node ${owners[index]}`,
    remedy: "choose an address that no machine has",
  });
  for (const servers of state.document.servers.values()) {
    for (const entry of servers.values()) {
      refuseIf(isExternal(entry) && entry.target.address === vip, {
        attempted,
        problem: `${vip} is the address of a real server`,
        remedy: "choose an address that no machine has",
      });
    }
  }
  const wanted = interfaceName ?? state.document.vips.get(vip)?.interface ?? null;
  const network = { links: [], addresses: agent.addresses, paths: state.self.paths };
  // Only a director holds it.
  if (!state.self.director) return;
  if (wanted !== null) {
    // Who names an interface knows that no network there contains the VIP.
    refuseIf(!agent.links.some(({ name }) => name === wanted), {
      attempted,
      problem: `${state.self.name} has no interface "${wanted}"`,
      remedy: `it has ${
        agent.links.map(({ name }) => name).filter((name) => name !== "lo").join(", ")
      }; the name must be the same on every director`,
    });
    return;
  }
  refuseIf(interfaceFor(vip, network) === null, {
    attempted,
    problem: `no interface of ${state.self.name} has a network that contains ${vip}`,
    remedy: `choose an address inside one of ${
      networksOf(agent)
    }, or name an interface with \`troop vip add ${vip} --interface NAME\``,
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

function refuseUnknownVip(agent: Agent, attempted: string, vip: Ip): void {
  const { state } = agent;
  refuseIf(!state.vips.includes(vip), {
    attempted,
    problem: `${vip} is not a VIP of this cluster`,
    remedy: state.vips.length > 0
      ? `it has ${state.vips.join(", ")}`
      : "add a service with `troop service add` first",
  });
}

/** Hands a VIP, and all of its group, to another node. */
export async function moveVip(
  options: OperationsOptions,
  vip: Ip,
  nodeName: string,
): Promise<string> {
  const { agent } = options;
  const { state } = agent;
  const attempted = `move VIP ${vip} to ${nodeName}`;
  refuseUnknownVip(agent, attempted, vip);
  const leader = leaderOf(vip, state.document.vips);
  const members = presentMembers(state, leader);
  const known = members.find((member) => member.name === nodeName);
  if (known === undefined) {
    throw new Refusal({
      attempted,
      problem: `no node "${nodeName}" is alive`,
      remedy: `alive are ${members.map((member) => member.name).sort().join(", ")}`,
    });
  }
  const holder = incumbentOf(members);
  if (holder?.id === known.id) return `${nodeName} holds ${vip} already`;
  refuseIf(rankCandidates(state, { members, vip: leader, first: known.id })[0]?.id !== known.id, {
    attempted,
    problem: obstacleOf(known),
    remedy: "`troop status` shows which nodes can hold it",
  });
  const fromEpoch = presentEpoch(state, leader, members);
  await remember(options, [{ kind: "putMove", move: { vip: leader, to: known.id, fromEpoch } }]);
  await moved(options, { vip, id: known.id, attempted, nodeName });
  const group = groupOf(vip, state.document.vips);
  return group.length > 1
    ? `${group.join(", ")} moved to ${nodeName}`
    : `${vip} moved to ${nodeName}`;
}

/** Why a node is no candidate. */
function obstacleOf({ name, unfit, director, leaving, starting }: Member): string {
  if (unfit !== null) return unfit;
  if (!director) return `${name} is not a director`;
  if (leaving || starting) return `${name} is leaving or starting`;
  return `the gateway witness does not answer ${name}, but it does answer another node`;
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
