/**
 * Asks the LAN what does not decide who takes a VIP: the gateway witness, after it has found out who that is, and now and
 * then who else has this node's own address and the VIPs it holds (RFC 5227, section 2.1: a probe that names no sender).
 * Answers come to the agent by the listener of its Neighbours port. What they mean is decided in
 * core/cluster/gateway_witness.ts and duplicates.ts.
 */
import { type Ip, ipFamily } from "../core/address.ts";
import { ownAddresses, type PlacedAddress } from "../core/cluster/duplicates.ts";
import { witnessAddresses, witnessAskDue } from "../core/cluster/gateway_witness.ts";
import type { State } from "../core/state.ts";
import type { Fact } from "../core/step.ts";
import { GATEWAY_LOOK_MS, OWN_ADDRESS_MS } from "../core/timing.ts";
import type { Addresses, Neighbours } from "../ports.ts";
import type { KernelTroubles } from "./kernel_troubles.ts";

/** Addresses asked for in one turn at most, so that many VIPs do not hold up the loop. */
const OWN_ASKS_MAX = 16;

/** What the lane needs. */
export interface WitnessLaneOptions {
  readonly addresses: Pick<Addresses, "gateway">;
  readonly neighbours: Pick<Neighbours, "ask">;
  readonly troubles: KernelTroubles;
  /** Tells what is done back to the state. */
  readonly tell: (fact: Fact) => void;
}

/** See the head of this file. */
export class WitnessLane {
  readonly #options: WitnessLaneOptions;
  #lookedMs = -Infinity;
  #askedOwnMs = -Infinity;
  /** Own addresses of this round that are still to be asked for. */
  #own: PlacedAddress[] = [];

  constructor(options: WitnessLaneOptions) {
    this.#options = options;
  }

  /** Does what is due. */
  apply(state: State, now: number): void {
    this.#askOwn(state, now);
    if (!state.self.director) return;
    if (now - this.#lookedMs >= GATEWAY_LOOK_MS) this.#look(state, now);
    if (witnessAskDue(state, now)) this.#ask(state);
  }

  #askOwn(state: State, now: number): void {
    const { neighbours, troubles } = this.#options;
    if (now - this.#askedOwnMs >= OWN_ADDRESS_MS) {
      this.#askedOwnMs = now;
      this.#own = ownAddresses(state);
    }
    for (const { address, interface: name } of this.#own.splice(0, OWN_ASKS_MAX)) {
      troubles.attempt(`ask who else has ${address}`, () => neighbours.ask(address, name));
    }
  }

  #look(state: State, now: number): void {
    const { troubles, tell } = this.#options;
    this.#lookedMs = now;
    troubles.attempt("find the gateway witness", () => {
      const addresses = this.#addressesOf(state);
      // A route that is gone says that the network is in trouble, not that nobody needs to be asked any more.
      if (addresses.length > 0 || state.gateway.silentMs === null) {
        tell({ kind: "witnesses", addresses });
      }
    });
  }

  #addressesOf({ self }: State): readonly Ip[] {
    const { witness, paths: [{ interface: name, address }] } = self;
    if (witness === "off") return [];
    if (witness !== "auto") return witness;
    const gateway = this.#options.addresses.gateway(name, ipFamily(address));
    return gateway === null ? [] : [gateway];
  }

  /** All are asked at once, and count as one question. */
  #ask(state: State): void {
    const { neighbours, troubles, tell } = this.#options;
    const name = state.self.paths[0].interface;
    for (const address of witnessAddresses(state)) {
      troubles.attempt(`ask for ${address} on ${name}`, () => neighbours.ask(address, name));
    }
    // An interface that cannot even ask counts as silence.
    tell({ kind: "witnessAsked" });
  }
}
