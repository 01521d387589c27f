/**
 * What this node says: pulses on their beat, its record by gossip, and document exchange with peers
 * whose digest differs.
 */
import type { NodeId } from "../core/document/document.ts";
import type { DrainKey } from "../core/document/drain.ts";
import type { OpenCount } from "../core/pool/drained_connections.ts";
import { ownRecord } from "../core/own_record.ts";
import { dueIntervalMs, pulseFor } from "../core/cluster/pulse_schedule.ts";
import { allowanceAt, FULL_ALLOWANCE, recordPeriodMs } from "../core/cluster/record_pace.ts";
import type { Peer, State } from "../core/state.ts";
import { takeCautions } from "../core/cluster/notes.ts";
import type { AgentMemory, Clock, DocumentStore, Gossip, PulseSocket } from "../ports.ts";
import { DocumentExchanges } from "./document_exchanges.ts";
import type { Logger } from "./logger.ts";

/** Pulses sent at once when something changed: one may be lost. The beat repeats it anyway. */
const URGENT_PULSES = 2;

/** What the lane needs. */
export interface TalkLaneOptions {
  readonly clock: Clock;
  readonly pulses: PulseSocket;
  readonly gossip: Gossip;
  readonly store: DocumentStore;
  readonly memory: Pick<AgentMemory, "knownPeers" | "rememberPeers">;
  readonly log: Logger;
  /** Open connections of drained servers, as this node's kernel counts them; left out: not told. */
  readonly open?: (state: State) => Readonly<Record<DrainKey, OpenCount>>;
}

/** See the head of this file. */
export class TalkLane {
  readonly #options: TalkLaneOptions;
  readonly #sentMs = new Map<NodeId, number>();
  readonly #exchanges: DocumentExchanges;
  #sequence = 0;
  #recordSequence = 0;
  #pulseVersion = -1;
  #recordVersion = -1;
  #recordMs = -Infinity;
  #allowance = FULL_ALLOWANCE;
  #wanted = "";
  /** Of the table, as of which the peers were told: who they are and where is part of it. */
  #wantedVersion = -1;
  pulsesSent = 0;

  constructor(options: TalkLaneOptions) {
    this.#options = options;
    this.#exchanges = new DocumentExchanges(options);
  }

  /** Says what is due. */
  speak(state: State, now: number): void {
    this.#pulse(state, now);
    for (const { caution, to } of takeCautions(state, now)) {
      this.#options.pulses.caution?.(caution, to.address, to.port);
    }
    this.#publish(state, now);
    this.#wantPeers(state);
    this.#exchanges.poke(state, now);
  }

  /** Entries of what is kept for peers, by what it is. */
  sizes(): Readonly<Record<string, number>> {
    return { pulsed: this.#sentMs.size, ...this.#exchanges.sizes() };
  }

  #pulse(state: State, now: number): void {
    const urgent = state.pulseVersion !== this.#pulseVersion;
    this.#pulseVersion = state.pulseVersion;
    for (const id of this.#sentMs.keys()) if (!state.peers.has(id)) this.#sentMs.delete(id);
    for (const [id, peer] of state.peers) {
      // Who had left when this run began may be back: gossip takes its time to say so.
      if (peer.life.state === "left" && state.phase !== "starting") continue;
      const answer = state.unanswered.has(id);
      const intervalMs = dueIntervalMs(state, peer);
      const dueMs = (this.#sentMs.get(id) ?? -Infinity) + intervalMs;
      const due = now >= dueMs;
      if (!urgent && !answer && !due) continue;
      for (let copy = 0; copy < (urgent ? URGENT_PULSES : 1); copy++) this.#send(state, peer, now);
      // From when it was due: turns of the loop that come a little late would stretch every interval.
      this.#sentMs.set(id, due && now - dueMs < intervalMs ? dueMs : now);
    }
    state.unanswered.clear();
  }

  #send(state: State, peer: Peer, now: number): void {
    // Whoever is not known to hear this run yet, or fell silent, is asked to answer at once.
    const ask = peer.life.state !== "alive";
    this.#sequence++;
    this.pulsesSent++;
    this.#options.pulses.send(
      pulseFor(state, peer, { now, sequence: this.#sequence, ask }),
      peer.record,
    );
  }

  #publish(state: State, now: number): void {
    const nodes = state.peers.size + 1;
    const changed = state.recordVersion !== this.#recordVersion;
    const due = now - this.#recordMs >= recordPeriodMs(nodes);
    if (!changed && !due) return;
    this.#allowance = allowanceAt(this.#allowance, nodes, now);
    // Last words do not wait: soon there is nobody to say them.
    if (!due && this.#allowance.left < 1 && state.phase === "running") return;
    this.#allowance = { left: Math.max(0, this.#allowance.left - 1), atMs: now };
    this.#recordVersion = state.recordVersion;
    this.#recordMs = now;
    const { clock, gossip, store } = this.#options;
    this.#recordSequence++;
    const open = this.#options.open?.(state) ?? {};
    gossip.publishRecord(ownRecord(state, {
      now,
      wallMs: clock.wallMs(),
      sequence: this.#recordSequence,
      documentDigest: store.digest(),
      ...(Object.keys(open).length === 0 ? {} : { open }),
    }));
  }

  #wantPeers(state: State): void {
    if (this.#wantedVersion === state.tableVersion) return;
    this.#wantedVersion = state.tableVersion;
    const { gossip, memory } = this.#options;
    const present = [...state.peers.values()].filter((peer) => peer.life.state !== "left")
      .map((peer) => ({
        id: peer.record.id,
        addresses: peer.record.paths.map((path) => path.address),
        port: peer.record.port,
        heard: peer.life.state !== "dead" && peer.life.heardMs > -Infinity,
      }));
    const others = memory.knownPeers().filter(({ id }) =>
      !present.some((peer) => peer.id === id) && id !== state.self.id &&
      state.document.nodes.get(id)?.left !== true
    );
    const wanted = [...present, ...others];
    const fingerprint = JSON.stringify(wanted);
    if (fingerprint === this.#wanted) return;
    this.#wanted = fingerprint;
    gossip.wantPeers(wanted);
    if (present.length > 0) {
      memory.rememberPeers(wanted.map(({ id, addresses, port }) => ({ id, addresses, port })));
    }
  }
}
