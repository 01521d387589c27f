/**
 * One node in virtual time: facts are told, time passes, and the world does what the state asks of it.
 */
import type { Hold, State } from "../../src/core/state.ts";
import { type Fact, step } from "../../src/core/step.ts";
import { asksDue } from "../../src/core/tick.ts";
import { announcementsDue } from "../../src/core/cluster/announcements.ts";
import { idOf, LAN, type ModelNode, NOW, service, viewOf, VIP } from "./cluster_views.ts";

/** The fact that time has passed. */
export const TICK: Fact = { kind: "tick" };

/** A state of node 1 with a clock of its own, which stands at {@link NOW} in the beginning. */
export class Run {
  readonly state: State;
  now = NOW;

  constructor(
    model: readonly ModelNode[],
    moves: readonly { to: number; fromEpoch: number }[] = [],
  ) {
    this.state = viewOf(model, 1, {
      services: [service()],
      moves: moves.map(({ to, fromEpoch }) => ({ vip: VIP, to: idOf(to), fromEpoch })),
    });
    this.state.witnesses.clear();
  }

  /** Takes a fact at the present moment. */
  tell(fact: Fact): void {
    step(this.state, fact, this.now);
  }

  /** A pulse of a peer, proven and with the claims given. */
  hear(index: number, claims: [epoch: number, yielding?: boolean][] = []): void {
    const peer = this.state.peers.get(idOf(index));
    this.tell({
      kind: "pulse",
      path: LAN,
      pulse: {
        from: idOf(index),
        to: this.state.self.id,
        boot: peer?.life.boot ?? 0,
        sequence: 1,
        echo: this.state.self.boot,
        intervalMs: 100,
        leaving: false,
        ask: false,
        starting: false,
        deaf: false,
        witness: "none",
        claims: new Map(claims.map(([epoch, yielding = false]) => [VIP, { epoch, yielding }])),
      },
    });
  }

  /** Ticks every 10 ms; asks the LAN, renews and announces as the agent would. Each peer in `heard` pulses on. */
  pass(ms: number, heard: readonly [index: number, ...claim: [number, boolean?][]][] = []): void {
    for (const endMs = this.now + ms; this.now < endMs;) {
      this.now += 10;
      for (const [index, ...claims] of heard) this.hear(index, claims);
      this.tell(TICK);
      for (const vip of asksDue(this.state, this.now)) this.tell({ kind: "asked", vip });
      for (const vip of announcementsDue(this.state, this.now)) {
        this.tell({ kind: "announced", vip });
      }
      if (this.hold?.phase === "holding") this.tell({ kind: "renewed", vip: VIP });
    }
  }

  /** What the node has of the VIP. */
  get hold(): Hold | undefined {
    return this.state.holds.get(VIP);
  }

  /** How it sees a peer. */
  lifeOf(index: number): string | undefined {
    return this.state.peers.get(idOf(index))?.life.state;
  }
}
