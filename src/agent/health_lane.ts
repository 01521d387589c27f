/**
 * What is probed from this node, and what becomes of the answers.
 *
 * Every real server probes its own services; a holder probes every other member of the pools of its VIPs.
 * One target and check is probed once, however many services share it. A service whose socket is gone is
 * down at once and is not probed until the socket is back; then it proves itself by a check first.
 */
import type { Ip } from "../core/address.ts";
import type { Check } from "../core/check.ts";
import type { NodeId } from "../core/document.ts";
import { servesService } from "../core/listeners.ts";
import { isPresent } from "../core/liveness.ts";
import { serverAddress } from "../core/pool.ts";
import { type Service, type ServiceKey, serviceKey } from "../core/service.ts";
import type { State } from "../core/state.ts";
import type { Fact } from "../core/step.ts";
import { LISTENERS_MS } from "../core/timing.ts";
import type { Clock, ListenerWatch, Prober, ProbeResult, ProbeTarget } from "../ports.ts";
import type { KernelTroubles } from "./kernel_troubles.ts";

/** What the lane needs. */
export interface HealthLaneOptions {
  readonly clock: Clock;
  readonly prober: Prober;
  readonly listeners: ListenerWatch;
  readonly troubles: KernelTroubles;
  readonly tell: (fact: Fact) => void;
}

/** A service on a node that waits for the result of a probe. `node` null: this node. */
interface Interest {
  readonly node: NodeId | null;
  readonly key: ServiceKey;
  readonly check: Check;
}

/** See the head of this file. */
export class HealthLane {
  readonly #options: HealthLaneOptions;
  #interests = new Map<string, Interest[]>();
  #fingerprint = "";
  #listenersMs = -Infinity;

  constructor(options: HealthLaneOptions) {
    this.#options = options;
  }

  /** Looks at the listening sockets of this machine if it is time. */
  watch(state: State, now: number): void {
    const { listeners, troubles, tell } = this.#options;
    const services = watchedServices(state);
    if (services.length === 0) {
      // What was missing does not matter any more, and nobody would ever look again.
      if (state.deaf.size > 0) tell({ kind: "listeners", deaf: new Map() });
      return;
    }
    if (now - this.#listenersMs < LISTENERS_MS) return;
    this.#listenersMs = now;
    troubles.attempt("list listeners", () => {
      const present = listeners.list(new Set(services.map((service) => service.protocol)));
      const deaf = new Map<ServiceKey, string>();
      for (const service of services) {
        const serving = servesService(present, service);
        if (!serving.up) deaf.set(serviceKey(service), serving.reason);
      }
      tell({ kind: "listeners", deaf });
    });
  }

  /** Sets what is probed from now on, if that changed. */
  aim(state: State): void {
    const targets = new Map<string, ProbeTarget>();
    const interests = new Map<string, Interest[]>();
    for (const service of state.document.services.values()) {
      for (const { address, node } of probed(state, service)) {
        const port = service.check.port ?? service.port;
        const id = `${address} ${port} ${JSON.stringify(service.check)}`;
        const interest = { node, key: serviceKey(service), check: service.check };
        if (!targets.has(id)) targets.set(id, { key: id, address, port, check: service.check });
        interests.set(id, [...(interests.get(id) ?? []), interest]);
      }
    }
    const fingerprint = [...interests].map(([id, list]) =>
      `${id} ${list.map((item) => `${item.node}/${item.key}`)}`
    ).join("\n");
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#interests = interests;
    this.#options.prober.setTargets([...targets.values()]);
  }

  /** Takes the result of a probe. */
  take(id: string, result: ProbeResult): void {
    for (const { node, key, check } of this.#interests.get(id) ?? []) {
      this.#options.tell({
        kind: "probe",
        node,
        key,
        check,
        result,
        wallMs: this.#options.clock.wallMs(),
      });
    }
  }
}

/** Services whose socket this node watches: all it serves, except those whose check asks nothing. */
function watchedServices(state: State): Service[] {
  if (!state.self.realServer) return [];
  return [...state.document.services.values()].filter((service) => service.check.kind !== "none");
}

function probed(state: State, service: Service): { address: Ip; node: NodeId | null }[] {
  const list: { address: Ip; node: NodeId | null }[] = [];
  const own = serverAddress(state.self.paths, service);
  if (state.self.realServer && own !== undefined && !state.deaf.has(serviceKey(service))) {
    list.push({ address: own, node: null });
  }
  if (state.holds.get(service.address)?.phase !== "holding") return list;
  for (const peer of state.peers.values()) {
    const address = serverAddress(peer.record.paths, service);
    if (peer.record.realServer && address !== undefined && isPresent(peer)) {
      list.push({ address, node: peer.record.id });
    }
  }
  return list;
}
