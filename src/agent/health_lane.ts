/**
 * What is probed from this node, and what becomes of the answers.
 *
 * Every real server probes its own services; a holder probes every other member of the pools of its VIPs.
 * Machines without an agent cannot speak for themselves: every director probes them, so that a takeover
 * starts with a checked pool.
 * A check at the VIP is the node's own affair; the holder probes the other members at their own addresses.
 *
 * One target and check is probed once, however many services share it. A service whose socket is gone is
 * down at once and is not probed until the socket is back; then it proves itself by a check first.
 */
import type { Ip } from "../core/address.ts";
import type { Check, CheckKind } from "../core/check.ts";
import { type ClusterDocument, type NodeId, serverEntries } from "../core/document/document.ts";
import { servesService } from "../core/pool/listeners.ts";
import { isPresent } from "../core/cluster/liveness.ts";
import { perDocument } from "../core/document/per_document.ts";
import { memberSettings, serverAddress } from "../core/pool/pool.ts";
import { type WatchPoint, watchPoint } from "../core/desired/receiving.ts";
import { isExternal, type ServerKey, serverKey } from "../core/service/server.ts";
import {
  memberPort,
  type Service,
  type ServiceKey,
  serviceKey,
  vipOfService,
} from "../core/service/service.ts";
import type { State } from "../core/state.ts";
import type { Steps } from "../core/steps.ts";
import type { Fact } from "../core/step.ts";
import { LISTENERS_MS } from "../core/timing.ts";
import type {
  Clock,
  ListenerWatch,
  Prober,
  ProbeResult,
  ProbeSubject,
  ProbeTarget,
} from "../ports.ts";
import type { KernelTroubles } from "./kernel_troubles.ts";

/** Kinds of checks that are told for which service they ask: their answers are not shared. */
const PER_SERVICE: readonly CheckKind[] = ["external", "file"];

/** What the lane needs. */
export interface HealthLaneOptions {
  readonly clock: Clock;
  readonly prober: Prober;
  readonly listeners: ListenerWatch;
  readonly troubles: KernelTroubles;
  readonly tell: (fact: Fact) => void;
  /** Lets the event loop do other work. */
  readonly pause: () => Promise<void>;
}

/** Services whose targets are worked out in one go: a millisecond or two. */
const AIM_SERVICES = 128;

/** Whose server it is. `node` null: this node's, or with `server` a machine without an agent. */
interface Whose {
  readonly node: NodeId | null;
  readonly server?: ServerKey;
}

/** A service on a node that waits for the result of a probe. */
interface Interest extends Whose {
  readonly key: ServiceKey;
  readonly check: Check;
}

/** See the head of this file. */
export class HealthLane {
  readonly #options: HealthLaneOptions;
  #interests = new Map<string, Interest[]>();
  #fingerprint = "";
  /** What the last aim was made from: most changes of the state do not move it, and thousands of targets take their time. */
  #document: ClusterDocument | null = null;
  #inputs = "";
  /** Whether an aim is being worked out, and whether another one was asked for meanwhile. */
  #aiming = false;
  #missed = false;
  #listenersMs = -Infinity;

  constructor(options: HealthLaneOptions) {
    this.#options = options;
  }

  /** Looks at the listening sockets of this machine if it is time. */
  watch(state: State, now: number): void {
    const { clock, listeners, troubles, tell } = this.#options;
    const wallMs = clock.wallMs();
    const watched = watchedServices(state);
    if (watched.length === 0) {
      // What was missing does not matter any more, and nobody would ever look again.
      if (state.deaf.size > 0) tell({ kind: "listeners", deaf: new Map(), wallMs });
      return;
    }
    if (now - this.#listenersMs < LISTENERS_MS) return;
    this.#listenersMs = now;
    troubles.attempt("list listeners", () => {
      const present = listeners.list(new Set(watched.map(({ point }) => point.protocol)));
      const byPort = Map.groupBy(present, ({ port }) => port);
      const deaf = new Map<ServiceKey, string>();
      for (const { key, point } of watched) {
        const serving = servesService(byPort.get(point.port) ?? [], point);
        if (!serving.up) deaf.set(key, serving.reason);
      }
      tell({ kind: "listeners", deaf, wallMs });
    });
  }

  /** Sets what is probed from now on, if that changed: at once, or for many services after some turns. */
  aim(state: State): void {
    this.#missed = this.#aiming;
    if (this.#aiming) return;
    const inputs = aimInputs(state);
    if (state.document === this.#document && inputs === this.#inputs) return;
    this.#document = state.document;
    this.#inputs = inputs;
    const steps = this.#aimSteps(state);
    if (steps.next().done === true) return;
    this.#aiming = true;
    void this.#goOn(steps, state);
  }

  /** What comes meanwhile is looked at in the end, so that targets are set however often the state changes. */
  async #goOn(steps: Steps<void>, state: State): Promise<void> {
    do await this.#options.pause(); while (steps.next().done !== true);
    this.#aiming = false;
    if (this.#missed) this.aim(state);
  }

  *#aimSteps(state: State): Steps<void> {
    const targets = new Map<string, ProbeTarget>();
    const interests = new Map<string, Interest[]>();
    let count = 0;
    for (const service of state.document.services.values()) {
      if (++count % AIM_SERVICES === 0) yield;
      const checkText = JSON.stringify(service.check);
      const { check } = service;
      for (const { address, port, ...whose } of probed(state, service)) {
        const subject = PER_SERVICE.includes(check.kind) ? subjectOf(state, service, whose) : null;
        const id = `${address} ${port} ${checkText}${
          subject === null ? "" : ` ${subject.service}`
        }`;
        const interest: Interest = { ...whose, key: serviceKey(service), check };
        const target = { key: id, address, port, check, ...(subject === null ? {} : { subject }) };
        if (!targets.has(id)) targets.set(id, target);
        interests.set(id, [...(interests.get(id) ?? []), interest]);
      }
    }
    const fingerprint = [...interests].map(([id, list]) =>
      `${id} ${list.map((item) => `${item.node}/${item.server}/${item.key}`)}`
    ).join("\n");
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#interests = interests;
    this.#options.prober.setTargets([...targets.values()]);
  }

  /** Takes the result of a probe. */
  take(id: string, result: ProbeResult): void {
    for (const interest of this.#interests.get(id) ?? []) {
      this.#options.tell({
        kind: "probe",
        ...interest,
        result,
        wallMs: this.#options.clock.wallMs(),
      });
    }
  }
}

/** Sockets this node watches: of all it serves, as far as a missing one can be told. */
const watchedServices = perDocument((given): { key: ServiceKey; point: WatchPoint }[] => {
  if (!given.self.realServer) return [];
  return [...given.document.services.values()].flatMap((service) => {
    const point = watchPoint(given, service);
    return point === null ? [] : [{ key: serviceKey(service), point }];
  });
});

/** Everything beside the document that decides what is probed. */
function aimInputs(state: State): string {
  const peers = [...state.peers.values()].map((peer) => [
    peer.record.id,
    peer.record.realServer,
    peer.record.paths,
    isPresent(peer),
  ]);
  const held = [...state.holds].map(([vip, hold]) => `${vip} ${hold.phase === "holding"}`);
  return JSON.stringify([peers, held, [...state.deaf.keys()]]);
}

/** Whom a probe is about, for what cannot tell from address and port. */
function subjectOf(state: State, service: Service, { node, server }: Whose): ProbeSubject {
  const vip = service.protocol === "fwm" ? String(service.mark) : service.address;
  const name = node === null ? state.self.name : state.peers.get(node)?.record.name;
  return {
    service: serviceKey(service),
    vip,
    vipPort: service.protocol === "fwm" ? 0 : service.port,
    node: server === undefined ? name ?? null : null,
    kind: server === undefined ? "member" : "server",
  };
}

/** A place to probe for a service, and whose it is. */
interface Probed extends Whose {
  readonly address: Ip;
  readonly port: number;
}

function probed(state: State, service: Service): Probed[] {
  const list = service.members ? probedMembers(state, service) : [];
  // Nobody need be asked again and again about what asks nothing.
  if (!state.self.director || service.check.kind === "none" || service.check.kind === "file") {
    return list;
  }
  for (const entry of serverEntries(state.document, serviceKey(service))) {
    if (!isExternal(entry) || entry.off) continue;
    const { address, port } = entry.target;
    list.push({
      address,
      port: service.check.port ?? port,
      node: null,
      server: serverKey(entry),
    });
  }
  return list;
}

function probedMembers(state: State, service: Service): Probed[] {
  const list: Probed[] = [];
  const { self } = state;
  const port = service.check.port ?? memberPort(service);
  const own = ownAddress(state, service);
  if (self.realServer && own !== undefined && !state.deaf.has(serviceKey(service))) {
    list.push({ address: own, port, node: null });
  }
  if (state.holds.get(vipOfService(service))?.phase !== "holding") return list;
  // Nobody sees another machine's files: its own verdict counts.
  if (service.check.kind === "file") return list;
  for (const peer of state.peers.values()) {
    const { record } = peer;
    const address = serverAddress(record.paths, service);
    if (record.realServer && address !== undefined && isPresent(peer)) {
      list.push({ address, port, node: record.id });
    }
  }
  return list;
}

/**
 * Where this node asks its own server: at the VIP if the check says so and the VIP's packets are not balanced here. On
 * a node that holds the VIP the kernel balances connections of its own too (ip_vs_local_request4 in ip_vs_core.c), so
 * there the answer could be anybody's; and no node can reach the VIP on another one, for it has the VIP itself.
 */
function ownAddress(state: State, service: Service): Ip | undefined {
  const own = serverAddress(state.self.paths, service);
  if (own === undefined || service.check.at === "server") return own;
  const vip = vipOfService(service);
  const { forwarding } = memberSettings(state, service, state.self.id);
  return forwarding === "nat" || state.holds.has(vip) ? own : vip;
}
