/**
 * What clients get while an agent that was killed starts again.
 */
import type { Ip } from "../../../src/core/address.ts";
import { type Service, serviceKey, vipOfService } from "../../../src/core/service/service.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { isDrained, isHealthy, machinesOf } from "./pools.ts";

/** What the agent's end left on a machine for a service. */
interface Left {
  /** Addresses of servers that got connections and have worked ever since. */
  readonly servers: readonly Ip[];
  /** The machine's run of the agent. */
  readonly run: number;
  /** When anything happened last, ms. */
  readonly disturbedMs: number;
}

/** The servers that a kernel had while no agent ran on its machine serve on while the next run knows nothing of them. */
export const servesOn: InvariantKind = {
  name: "an agent that starts again within its lease leaves clients a server",
  watch: (play) => {
    /** By machine and service. */
    const known = new Map<string, Left>();
    return {
      dueMs: () => Infinity,
      look: () => {
        for (const service of play.plan.shape.services) {
          for (const node of play.cluster.nodes) {
            const key = `${node.name} ${serviceKey(service)}`;
            const left = leftNow(play, node, { service, before: known.get(key) });
            if (left === null) known.delete(key);
            else known.set(key, left);
            if (left === null || left.servers.length === 0 || node.troubles > 0) continue;
            if (node.kernel.choices(service).length > 0) continue;
            return `the agent on ${node.name} is back, and ${
              left.servers.join(" and ")
            } gets nothing from it`;
          }
        }
        return null;
      },
    };
  },
};

/**
 * What was left and works; null where there is nothing to judge. Anything that happens may have changed the table: before
 * the agent is back that is what it finds, later it is the agent's to mend.
 */
function leftNow(
  play: Play,
  node: SimNode,
  { service, before }: { readonly service: Service; readonly before: Left | undefined },
): Left | null {
  if (!isBetweenRuns(play, node, service)) return null;
  const { disturbedMs } = play;
  const { run } = node;
  // That the agent starts is something that happens.
  const goesOn = before?.disturbedMs === disturbedMs || (before?.run ?? run) !== run;
  if (!goesOn && node.agent !== null) return null;
  const servers = goesOn && before !== undefined
    ? before.servers
    : node.kernel.choices(service).map(({ address }) => address);
  const working = servers.filter((address) => works(play, node, { service, address }));
  return { servers: working, run, disturbedMs };
}

/** Whether a machine answers for a service whose agent there has ended, or has adopted it and listens still. */
function isBetweenRuns({ cluster }: Play, node: SimNode, service: Service): boolean {
  const vip = vipOfService(service);
  if (!cluster.answers(node, vip)) return false;
  const state = node.agent?.state;
  return state === undefined ||
    (state.phase === "starting" && state.holds.get(vip)?.phase === "holding");
}

/** Whether a server works all the time, as far as anybody beside the holder's agent can tell. */
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
  // What the holder's agent is like is what is judged.
  return server === holder
    ? server.serving && !isDrained(holder, holder)
    : isHealthy(play, holder, server);
}
