/**
 * Asks the gateway witness: finds out who that is, and sends the questions. Answers come to the agent by the listener
 * of its Neighbours port, as for VIPs. What they mean is decided in core/cluster/gateway_witness.ts.
 */
import { type Ip, ipFamily } from "../core/address.ts";
import { witnessAddresses, witnessAskDue } from "../core/cluster/gateway_witness.ts";
import type { State } from "../core/state.ts";
import type { Fact } from "../core/step.ts";
import { GATEWAY_LOOK_MS } from "../core/timing.ts";
import type { Addresses, Neighbours } from "../ports.ts";
import type { KernelTroubles } from "./kernel_troubles.ts";

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

  constructor(options: WitnessLaneOptions) {
    this.#options = options;
  }

  /** Does what is due. */
  apply(state: State, now: number): void {
    if (!state.self.director) return;
    if (now - this.#lookedMs >= GATEWAY_LOOK_MS) this.#look(state, now);
    if (witnessAskDue(state, now)) this.#ask(state);
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
