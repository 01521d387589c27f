/**
 * Removing a node for good that will not come back.
 */
import { forgetEdits } from "../core/document/forgotten.ts";
import { isPresent } from "../core/cluster/liveness.ts";
import { commit, nodeNamed, type OperationsOptions, refuseIf } from "./operation_tools.ts";

/** Removes a dead node: a living one leaves by itself. */
export async function forget(options: OperationsOptions, name: string): Promise<string> {
  const { agent } = options;
  const attempted = `forget ${name}`;
  const { state } = agent;
  refuseIf(state.self.name === name, {
    attempted,
    problem: "it is this node",
    remedy: "run `troop leave` here instead",
  });
  const id = nodeNamed(agent, attempted, name);
  const peer = state.peers.get(id);
  refuseIf(peer !== undefined && isPresent(peer), {
    attempted,
    problem: `${name} is ${peer?.life.state}`,
    remedy: `run \`troop leave\` on ${name} instead; only a node that is dead can be forgotten`,
  });
  const stored = await commit(options, forgetEdits(state.document, id, name));
  return `${name} is forgotten, ${stored}; if it comes back it holds nothing until it joins again`;
}
