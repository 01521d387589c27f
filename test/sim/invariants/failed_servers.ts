/**
 * Servers that do not work, or are in maintenance, get no connections.
 */
import type { Ip } from "../../../src/core/address.ts";
import { type Service, serviceKey, vipsOfService } from "../../../src/core/service/service.ts";
import { DIED_MS, HEARD_MS, OUT_OF_POOL_MS, REPAIRED_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { isDrained, machinesOf } from "./pools.ts";

/** A holder, and a server that should get nothing from it. */
interface Failed {
  readonly holder: SimNode;
  /** Its name. */
  readonly server: string;
  readonly service: Service;
  /** Whether an agent beside it sees at once that it is gone. */
  readonly seen: boolean;
  /** Whether the holder gives it connections. */
  readonly given: boolean;
  /** Whether operators took it out: what keeps it out afterwards is news. */
  readonly drained: boolean;
}

/**
 * A server that is down, or that its holder does not reach, is out of the pool soon, at once where its own agent sees it;
 * and stays out as long as it is.
 */
export const outOfPool: InvariantKind = {
  name: "a server that is down gets no connections for long",
  watch: (play) => {
    /** Since when a server is down for a holder, by names and service. */
    let since = new Map<string, number>();
    let dueMs = Infinity;
    return {
      dueMs: () => dueMs,
      look: () => {
        const { nowMs } = play.world;
        const next: typeof since = new Map();
        dueMs = Infinity;
        for (const failed of [...failedNodes(play), ...failedMachines(play)]) {
          const { holder, server, service, given, drained, seen } = failed;
          const boundMs = seen ? DIED_MS : OUT_OF_POOL_MS;
          const pair = `${holder.name} ${holder.run} ${server}`;
          const key = `${pair} ${serviceKey(service)} ${seen} ${drained}`;
          const fromMs = since.get(key) ?? nowMs;
          // Who stands still learns nothing new, and forgets nothing.
          if (holder.awake || nowMs - fromMs > boundMs) next.set(key, fromMs);
          if (!given || !holder.awake) continue;
          dueMs = Math.min(dueMs, fromMs + boundMs + 1);
          const what = seen ? "dead daemon is out of the pool" : "server that is down is out of it";
          play.took(`until a ${what} (bound ${boundMs})`, nowMs - fromMs);
          if (nowMs - fromMs <= boundMs) continue;
          return `${server} does not serve ${
            serviceKey(service)
          }, and ${holder.name} gives it connections`;
        }
        since = next;
        return null;
      },
    };
  },
};

/** Services with every holder that is well, in weather for which anything is promised. */
function* holdersOf(
  play: Play,
): Generator<{ readonly holder: SimNode; readonly service: Service }> {
  const { cluster, knownServices } = play;
  if (!cluster.lan.fair) return;
  for (const service of knownServices) {
    // Where nobody works, the last ones go on if operators want it.
    if (service.whenAllFail === "keep") continue;
    const [vip] = vipsOfService(service);
    for (const holder of cluster.nodes) {
      if (vip === undefined || !isAble(play, holder) || !cluster.answers(holder, vip)) continue;
      yield { holder, service };
    }
  }
}

function isGiven(holder: SimNode, service: Service, server: Ip): boolean {
  return holder.kernel.choices(service).some(({ address }) => address === server);
}

/** Servers beside an agent that do not work or are drained. */
function* failedNodes(play: Play): Generator<Failed> {
  const { cluster } = play;
  for (const { holder, service } of holdersOf(play)) {
    for (const server of cluster.nodes) {
      // What reaches a holder that must not forward has nobody else.
      const drained = server !== holder && isDrained(holder, server);
      const works = server.serving && cluster.lan.joined(holder, server, "eth0") &&
        !server.clock.stopped && !drained;
      if (works || isCutOff(play, holder, server)) continue;
      const given = isGiven(holder, service, server.address);
      const seen = sees(play, holder, server);
      yield { holder, server: server.name, service, given, drained, seen };
    }
  }
}

/** Machines without an agent that do not work. */
function* failedMachines(play: Play): Generator<Failed> {
  for (const { holder, service } of holdersOf(play)) {
    for (const { address, works } of machinesOf(play, holder, service)) {
      if (works) continue;
      const given = isGiven(holder, service, address);
      yield { holder, server: address, service, given, drained: false, seen: false };
    }
  }
}

/** Whether the holder hears nothing of a node that runs, and gave it up: it believes it on its return, until it has looked. */
function isCutOff({ cluster: { lan } }: Play, holder: SimNode, server: SimNode): boolean {
  return server.powered && !lan.connected(holder, server) &&
    holder.agent?.state.peers.get(server.id)?.life.state === "dead";
}

/** Whether the server's own agent sees that its daemon is gone, and the holder hears it. */
function sees(play: Play, holder: SimNode, server: SimNode): boolean {
  const { cluster: { lan }, world: { nowMs } } = play;
  const deafMs = Math.max(lan.changedMs, lan.clearedMs, holder.resumedMs);
  return lan.calm && isWell(play, server) && !server.serving && nowMs - deafMs >= HEARD_MS &&
    server.paths.every((path) => lan.joined(holder, server, path));
}

function isWell(play: Play, node: SimNode): boolean {
  return node.awake && isAble(play, node);
}

/** Whether the node decides for itself, and its kernel does what it is told. */
function isAble({ settled, world: { nowMs } }: Play, node: SimNode): boolean {
  return nowMs - settled.troubledMs(node) >= REPAIRED_MS && node.agent?.state.phase === "running";
}
