/**
 * The network lane on a kernel and in a time that are the test's.
 */
import { kernelTroubles } from "../../src/agent/kernel_troubles.ts";
import { NetworkLane } from "../../src/agent/network_lane.ts";
import type { State } from "../../src/core/state.ts";
import { step } from "../../src/core/step.ts";
import {
  hold,
  type ModelNode,
  modelNode,
  service,
  type Shared,
  viewOf,
  VIP,
} from "./cluster_views.ts";
import { FakeKernel } from "./fake_kernel.ts";
import { keptLog, memorySwitches } from "./fake_memory.ts";

/** Node 1 of a cluster of two; see the head of this file. */
export class NetworkBench {
  readonly kernel = new FakeKernel();
  readonly log = keptLog();
  readonly saved = memorySwitches();
  readonly state: State;
  readonly lane: NetworkLane;
  /** How long the process is stopped in the middle of every turn, ms. */
  stoppedMs = 0;

  constructor(fields: Partial<ModelNode> = {}, shared: Shared = { services: [service()] }) {
    this.state = viewOf([modelNode(1, fields), modelNode(2)], 1, shared);
    this.state.witnesses.clear();
    this.lane = new NetworkLane({
      addresses: this.kernel.addressPort,
      sysctl: this.kernel.sysctl,
      tunnels: this.kernel.tunnels,
      neighbours: this.kernel.neighbours,
      troubles: kernelTroubles(this.log),
      clock: { now: () => this.kernel.nowMs + this.stoppedMs },
      tell: (fact) => step(this.state, fact, this.kernel.nowMs),
      savedSwitches: this.saved,
      formerVips: [],
    });
  }

  /** One turn of the agent after so much time, as far as this lane goes. */
  turn(ms = 20): void {
    this.kernel.pass(ms);
    this.lane.observe(this.state, this.kernel.nowMs);
    const saved = this.saved.entries().length;
    this.lane.apply(this.state, this.kernel.nowMs);
    // The disk is quick here: what waited for it is done at once.
    if (this.saved.entries().length > saved) this.lane.apply(this.state, this.kernel.nowMs);
  }

  /** Turns for so long, and what was asked meanwhile. */
  turns(ms: number, beginning = ""): string[] {
    this.kernel.asked();
    for (let passed = 0; passed < ms; passed += 20) this.turn();
    return this.kernel.asked(beginning);
  }

  /** This node takes the VIP. */
  take(): void {
    this.state.holds.set(
      VIP,
      hold({
        announcedMs: -Infinity,
        announceFrom: [this.kernel.nowMs],
        renewedMs: this.kernel.nowMs,
      }),
    );
    this.state.tableVersion++;
  }
}
