/**
 * What operators ask of a running agent: validated against this machine and the cluster, then written to
 * the document, which makes every node do it. A refusal changes nothing.
 */
import type { ConnectionListing, ConnectionQuery } from "../core/table/connection.ts";
import { formatServiceName } from "../core/service/service.ts";
import { isSettingName, settingSpecs } from "../core/document/settings.ts";
import { otherMembers, QUORUM_MEMBERS_MIN } from "../core/cluster/quorum.ts";
import { Refusal } from "../core/refusal.ts";
import type { State } from "../core/state.ts";
import { runInTurns } from "../core/steps.ts";
import type { Operations } from "../ports.ts";
import { applyEdits, documentSnapshot } from "./document_operations.ts";
import { drain, undrain } from "./drain_operations.ts";
import { commit, type OperationsOptions, serviceNamed } from "./operation_tools.ts";
import { historyViews, undo } from "./history_operations.ts";
import { addServer, removeServer, setServer } from "./server_operations.ts";
import { addService, removeService, setService } from "./service_operations.ts";
import { forget } from "./forget_operation.ts";
import { abortRotation, finishRotation, rotateToken } from "./token_operations.ts";
import { addVip, moveVip, removeVip, setVip } from "./vip_operations.ts";

export type { OperationsOptions } from "./operation_tools.ts";

/** Makes the operations of a running agent. */
export function agentOperations(options: OperationsOptions): Operations {
  const { agent } = options;
  return {
    status: () => runInTurns(agent.status(), options.turn),
    counters: options.counters,
    table: () => options.table.list(),
    events: options.events,
    connections: (filter) => listConnections(options, filter),
    addService: (service) => addService(options, service),
    setService: (name, change) => setService(options, name, change),
    removeService: (name) => removeService(options, name),
    addServer: (service, server, settings) => addServer(options, { service, server }, settings),
    setServer: (service, server, change) => setServer(options, { service, server }, change),
    removeServer: (service, server, now) => removeServer(options, { service, server }, now),
    addVip: (vip, settings) => addVip(options, vip, settings),
    setVip: (vip, change) => setVip(options, vip, change),
    removeVip: (vip) => removeVip(options, vip),
    moveVip: (vip, nodeName) => moveVip(options, vip, nodeName),
    drain: (server, order) => drain(options, server, order),
    undrain: (server, service) => undrain(options, server, service),
    setSetting: (name, value) => setSetting(options, name, value),
    document: () => documentSnapshot(options),
    apply: (order) => applyEdits(options, order),
    forget: (name) => forget(options, name),
    rotateToken: (order) => rotateToken(options, order),
    abortRotation: () => abortRotation(options),
    finishRotation: () => finishRotation(options),
    history: () => historyViews(options),
    undo: (order) => undo(options, order),
    by: (user) => agentOperations({ ...options, user }),
    leave: async () => {
      const isNoted = await options.leave();
      const { name, cluster } = agent.state.self;
      if (isNoted) return `${name} left cluster ${cluster}`;
      return `${name} left cluster ${cluster}, but no other node has noted it: ` +
        `run \`troop forget ${name}\` on one of them`;
    },
  };
}

/** A mark service is found by its VIPs and ports, which only the document knows. */
async function listConnections(
  { agent, connections }: OperationsOptions,
  { service: name, ...rest }: ConnectionQuery,
): Promise<ConnectionListing> {
  if (name === undefined) return await connections.list(rest);
  const service = serviceNamed(agent, `list connections of ${formatServiceName(name)}`, name);
  if (service.protocol !== "fwm") return await connections.list({ ...rest, service });
  return await connections.list({ ...rest, marked: service });
}

async function setSetting(
  options: OperationsOptions,
  name: string,
  value: string | null,
): Promise<string> {
  if (!isSettingName(name)) {
    throw new Refusal({
      attempted: `set ${name}`,
      problem: "there is no such setting",
      remedy: "see them with `troop settings`",
    });
  }
  const spec = settingSpecs[name];
  if (value === null) {
    const stored = await commit(options, [{ kind: "removeSetting", name }]);
    return `${name} is ${spec.standard} again, ${stored}`;
  }
  const text = spec.read(value);
  if (text === undefined) {
    throw new Refusal({
      attempted: `set ${name} ${value}`,
      problem: `"${value}" is not accepted`,
      remedy: `${name} takes ${spec.takes}`,
    });
  }
  if (name === "quorum" && text === "majority") refuseSmallMajority(options.agent.state);
  const stored = await commit(options, [{ kind: "putSetting", name, value: text }]);
  return `${name} is ${text}, ${stored}`;
}

/** Of two nodes a majority is both: the setting would stop the service where it should keep it from being split. */
function refuseSmallMajority(state: State): void {
  const members = otherMembers(state).length + 1;
  if (members >= QUORUM_MEMBERS_MIN) return;
  throw new Refusal({
    attempted: "set quorum majority",
    problem: members === 1
      ? "this is a cluster of one node"
      : "in a cluster of two nodes a majority is both: one dead node would stop every service",
    remedy:
      "add a third node, which may be `troop join --no-director --no-real-server`; with two nodes a " +
      "gateway witness tells which of them is cut off (see `troop status`)",
  });
}
