/**
 * The numbers of a running node for `/metrics`.
 */
import type { Agent } from "./agent/agent.ts";
import { formatEndpoint } from "./core/address.ts";
import { isExternal } from "./core/service/server.ts";
import type { LoopDelay } from "./loop_delay.ts";
import type { Counters } from "./ports.ts";

/** What the numbers come from. */
export interface CounterSources {
  readonly agent: Agent;
  readonly delay: LoopDelay;
  readonly pulses: {
    counts(): {
      readonly sent: number;
      readonly received: number;
      readonly dropped: ReadonlyMap<string, number>;
    };
  };
  readonly gossip: { dropped(): ReadonlyMap<string, number> };
  readonly store: { dropped(): ReadonlyMap<string, number> };
}

/** Gathers the numbers. */
export function nodeCounters({ agent, delay, pulses, gossip, store }: CounterSources): Counters {
  const { state } = agent;
  const { sent, received, dropped } = pulses.counts();
  return {
    takeovers: state.takeovers,
    releases: state.releases,
    pulseGapMaxMs: new Map(
      [...state.peers.values()].map((peer) => [peer.record.name, peer.life.gapMaxMs]),
    ),
    loopDelayMaxMs: delay.maxMs(),
    loopDelayMs: delay.lastMs(),
    pulsesSent: sent,
    pulsesReceived: received,
    pulsesDropped: dropped,
    gossipDropped: gossip.dropped(),
    documentDropped: store.dropped(),
    tableChanges: agent.table.changes,
    kernelErrors: agent.troubles.counts,
    checks: checksOf(agent),
    table: [...agent.table.observed.values()],
  };
}

function checksOf({ state }: Agent): Counters["checks"] {
  const own = [...state.own].map(([service, history]) => ({
    service,
    server: state.self.name,
    up: history.up,
    tookMs: history.tookMs,
  }));
  const machines = [...state.document.servers].flatMap(([service, entries]) =>
    [...entries].flatMap(([key, entry]) => {
      const history = state.external.get(key);
      if (history === undefined || !isExternal(entry) || entry.off) return [];
      const { up, tookMs } = history;
      return [{ service, server: formatEndpoint(entry.target), up, tookMs }];
    })
  );
  const reached = [...state.peers.values()].flatMap((peer) =>
    [...peer.reached].map(([service, history]) => ({
      service,
      server: peer.record.name,
      up: history.up,
      tookMs: history.tookMs,
    }))
  );
  return [...own, ...reached, ...machines];
}
