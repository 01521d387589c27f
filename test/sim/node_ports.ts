/**
 * The ports of one simulated machine's agent: its kernel, its disk, the networks, the clock.
 */
import type { AgentPorts } from "../../src/agent/agent.ts";
import type { Ip } from "../../src/core/address.ts";
import type { NodeId } from "../../src/core/document/document.ts";
import type { Gossip, ListenerWatch, Prober, ProbeTarget, PulseSocket } from "../../src/ports.ts";
import { type PulseWay, pulseWays } from "../../src/shell/pulse/pulse_paths.ts";
import { createReplayGuard, type ReplayGuard } from "../../src/shell/pulse/replay_guard.ts";
import type { SimCluster } from "./cluster.ts";
import { GATEWAY, LATENCY_MS } from "./lan.ts";
import { type Caller, hooked } from "./port_hooks.ts";
import { memoryOf, type SimNode } from "./sim_node.ts";
import { pulseHeard, recordHeard } from "./versions.ts";

/** The network that carries VIPs. */
const PUBLIC = "eth0";
/** Announcements that are remembered: those of some minutes. */
const ANNOUNCEMENTS_MAX = 1_000;

/** The ports of the run of the agent that is about to start. */
export function portsOf(cluster: SimCluster, node: SimNode): AgentPorts {
  const { run, kernel, store } = node;
  const caller: Caller = { alive: () => node.run === run, hooks: () => node.hooks };
  const hook = <Port extends object>(name: string, port: Port) => hooked(name, port, caller);
  const { savedSwitches, savedTimeouts, owned, ...memory } = memoryOf(node, caller.alive);
  guards.set(node, createReplayGuard());
  return {
    clock: { now: () => node.clock.now(), wallMs: () => node.clock.wallMs() },
    addresses: hook("addresses", kernel.addressPort),
    sysctl: hook("sysctl", kernel.sysctl),
    tunnels: hook("tunnels", kernel.tunnels),
    marks: hook("marks", kernel.marks),
    modules: hook("modules", kernel.modules),
    sorry: { set: () => {}, close: () => {} },
    load: { free: () => node.free },
    table: hook("table", kernel.table),
    neighbours: hook("neighbours", {
      announce: (vip: Ip) => {
        node.announcements.push({ vip, atMs: cluster.world.nowMs });
        if (node.announcements.length > ANNOUNCEMENTS_MAX) node.announcements.shift();
        cluster.announce(node, vip);
      },
      ask: (vip: Ip) => ask(cluster, node, vip),
      poll: () => {},
      close: () => {},
    }),
    pulses: hook("pulses", pulses(cluster, node)),
    gossip: hook("gossip", gossip(cluster, node)),
    store: hook("store", {
      lost: store.lost,
      current: () => store.current(),
      digest: () => store.digest(),
      edit: (edits, options) => store.edit(edits, options),
      history: () => store.history(),
      synchronize: (peer) => store.synchronize(peer),
      close: () => store.close(),
    }),
    prober: prober(cluster, node),
    listeners: listeners(node),
    memory: {
      ...hook("memory", memory),
      savedSwitches: hook("switches", savedSwitches),
      savedTimeouts: hook("timeouts", savedTimeouts),
      owned: hook("owned", owned),
    },
    log: quietLog(),
    pause: () => Promise.resolve(),
    soon: (work) => cluster.later(node, 0, work),
  };
}

/** What every node's present run has heard: as the product, it takes no pulse twice and none that was overtaken. */
const guards = new WeakMap<SimNode, ReplayGuard>();

function pulses(cluster: SimCluster, node: SimNode): PulseSocket {
  const own = [...node.interfaces].map(([name, address]) => ({
    interface: name,
    address,
    prefixLength: 24,
  }));
  // Paths do not change in a simulation.
  const ways = new Map<NodeId, PulseWay[]>();
  return {
    send: (said, peer) => {
      const pulse = pulseHeard(said, node.speaks);
      if (pulse === null) return;
      const known = ways.get(pulse.to) ?? pulseWays(own, peer.paths);
      ways.set(pulse.to, known);
      for (const { from, to } of known) {
        const other = cluster.nodes.find((item) => item.interfaces.get(from.interface) === to);
        if (other === undefined || !cluster.lan.reaches(node, other, from.interface)) continue;
        cluster.lan.send(() => {
          // What arrives at a machine that stands still is lost; a process that does finds it in its socket.
          if (other.clock.stopped) return;
          cluster.later(other, 0, () => {
            if (guards.get(other)?.accept(pulse, to) !== true) return;
            other.agent?.receive({ kind: "pulse", pulse, path: from.interface });
          });
        });
      }
    },
    close: () => {},
  };
}

function gossip(cluster: SimCluster, node: SimNode): Gossip {
  return {
    publishRecord: (said) => {
      const record = recordHeard(said, node.speaks);
      if (record !== null) cluster.publish(node, record);
    },
    connected: () =>
      cluster.nodes.filter((other) => other !== node && cluster.links.passes(node, other))
        .map(({ id }) => id),
    wantPeers: () => {},
    close: () => Promise.resolve(),
  };
}

function ask(cluster: SimCluster, node: SimNode, vip: Ip): void {
  if (vip === GATEWAY.address && cluster.lan.asksGateway(node)) {
    cluster.later(node, 2 * LATENCY_MS, () => {
      node.answeredRun = node.run;
      node.agent?.receive({ kind: "answer", vip, mac: "02:00:00:00:00:fe" });
    });
  }
  const others = cluster.nodes.filter((other) =>
    other !== node && cluster.answers(other, vip) && cluster.lan.joined(node, other, PUBLIC)
  );
  node.questions.set(vip, { heardBy: node.kernel.hasCarrier(PUBLIC) ? others : null });
  for (const other of others) {
    // Question and answer are a frame each.
    cluster.lan.send(() =>
      cluster.lan.send(() =>
        cluster.later(node, 0, () => {
          const mac = `02:00:00:00:00:0${other.name.slice(1)}`;
          node.agent?.receive({ kind: "answer", vip, mac });
        })
      )
    );
  }
}

function prober(cluster: SimCluster, node: SimNode): Prober {
  const probe = (target: ProbeTarget): void => {
    if (!node.targets.includes(target)) return;
    const ok = succeeds(cluster, node, target);
    node.agent?.probed(target.key, { ok, reason: ok ? "200" : "connection refused", tookMs: 1 });
    cluster.later(node, target.check.intervalMs, () => probe(target));
  };
  return {
    setTargets: (targets) => {
      const known = new Set(node.targets.map((target) => target.key));
      node.targets = [
        ...node.targets.filter((target) => targets.some((item) => item.key === target.key)),
        ...targets.filter((target) => !known.has(target.key)),
      ];
      for (const target of node.targets) {
        if (!known.has(target.key)) cluster.later(node, LATENCY_MS, () => probe(target));
      }
    },
    close: () => {},
  };
}

function succeeds(cluster: SimCluster, node: SimNode, target: ProbeTarget): boolean {
  const server = cluster.nodes.find((item) => item.address === target.address);
  if (server === undefined) {
    return cluster.machines.get(target.address) === true && cluster.lan.plugged(node, PUBLIC);
  }
  return server.serving && !server.clock.stopped && cluster.lan.joined(node, server, PUBLIC);
}

function listeners(node: SimNode): ListenerWatch {
  return {
    list: () =>
      node.serving
        ? [80, 443, 8_080].map((port) => ({
          protocol: "tcp" as const,
          address: "0.0.0.0",
          port,
          v6only: false,
        }))
        : [],
  };
}

function quietLog() {
  const nothing = () => {};
  return { debug: nothing, info: nothing, warn: nothing, error: nothing };
}
