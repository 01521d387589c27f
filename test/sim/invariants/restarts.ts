/**
 * What clients get while an agent that was killed starts again.
 */
import type { Ip } from "../../../src/core/address.ts";
import { type Service, serviceKey, vipOfService } from "../../../src/core/service/service.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { isDrained, machinesOf } from "./pools.ts";

/** The servers that a kernel had while no agent ran on its machine serve on while the next run knows nothing of them. */
export const servesOn: InvariantKind = {
  name: "an agent that starts again within its lease leaves clients a server",
  watch: (play) => {
    /** Servers that have worked ever since the agent ended, by machine and service: their addresses. */
    const left = new Map<string, readonly Ip[]>();
    return {
      dueMs: () => Infinity,
      look: () => {
        for (const service of play.plan.shape.services) {
          for (const node of play.cluster.nodes) {
            const key = `${node.name} ${serviceKey(service)}`;
            if (!isBetweenRuns(play, node, service)) {
              left.delete(key);
              continue;
            }
            const choices = node.kernel.choices(service).map(({ address }) => address);
            const working = (left.get(key) ?? choices)
              .filter((address) => works(play, node, { service, address }));
            left.set(key, working);
            if (working.length > 0 && choices.length === 0 && node.troubles === 0) {
              return `the agent on ${node.name} is back, and ${
                working.join(" and ")
              } gets nothing from it`;
            }
          }
        }
        return null;
      },
    };
  },
};

/**
 * Whether a machine answers for a service whose agent there has ended, or has adopted it and listens still. A row that
 * somebody else took away gives nobody anything until the agent sees it.
 */
function isBetweenRuns({ cluster }: Play, node: SimNode, service: Service): boolean {
  const vip = vipOfService(service);
  if (!cluster.answers(node, vip) || !node.kernel.rows.has(serviceKey(service))) return false;
  const state = node.agent?.state;
  return state === undefined ||
    (state.phase === "starting" && state.holds.get(vip)?.phase === "holding");
}

function works(
  play: Play,
  holder: SimNode,
  { service, address }: { readonly service: Service; readonly address: Ip },
): boolean {
  const { cluster } = play;
  const server = cluster.nodes.find((node) => node.address === address);
  if (server === undefined) {
    return machinesOf(play, holder, service).some((one) => one.address === address && one.works);
  }
  if (!server.serving || isDrained(holder, server) || isDrained(server, server)) return false;
  return server === holder || (server.awake && server.agent?.state.phase === "running" &&
    server.paths.every((path) => cluster.lan.joined(holder, server, path)));
}
