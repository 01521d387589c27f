/**
 * The table lane on a kernel and in a time that are the test's.
 */
import { kernelTroubles } from "../../src/agent/kernel_troubles.ts";
import { TableLane } from "../../src/agent/table_lane.ts";
import { EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import { type Service, serviceKey } from "../../src/core/service/service.ts";
import type { ServerEntry } from "../../src/core/service/server.ts";
import type { SettingName } from "../../src/core/document/settings.ts";
import type { State } from "../../src/core/state.ts";
import { type Fact, step } from "../../src/core/step.ts";
import {
  documentOf,
  idOf,
  type ModelNode,
  modelNode,
  service,
  type Shared,
  viewOf,
} from "./cluster_views.ts";
import { FakeKernel } from "./fake_kernel.ts";
import { keptLog, memoryRows, memoryTimeouts } from "./fake_memory.ts";

/** The service of a bench that is given none. */
export const SERVICE = service();
/** Its key. */
export const KEY = serviceKey(SERVICE);

/** Node 1 of a cluster of two; see the head of this file. */
export class TableBench {
  readonly kernel = new FakeKernel();
  readonly log = keptLog();
  readonly facts: Fact[] = [];
  readonly owned = memoryRows();
  readonly savedTimeouts = memoryTimeouts();
  readonly state: State;
  readonly lane: TableLane;
  /** What the kernel's switch `backup_only` is. */
  bypassSwitch: string | null = "1";
  /** Runs whenever the lane lets others work. */
  onPause: () => void = () => {};

  constructor(
    fields: Partial<ModelNode> = {},
    services: readonly Service[] = [SERVICE],
    shared: Omit<Shared, "services"> = {},
  ) {
    this.state = viewOf([modelNode(1, fields), modelNode(2)], 1, { ...shared, services });
    this.lane = new TableLane({
      table: this.kernel.table,
      sysctl: { read: () => this.bypassSwitch },
      clock: this.kernel.clock,
      troubles: kernelTroubles(this.log),
      tell: (fact) => {
        this.facts.push(fact);
        step(this.state, fact, this.kernel.nowMs);
      },
      owned: this.owned,
      savedTimeouts: this.savedTimeouts,
      log: this.log,
      pause: () => {
        this.onPause();
        return Promise.resolve();
      },
    });
  }

  /** One turn of the agent after so much time; the pass it starts is waited for. */
  async turn(ms = 20): Promise<void> {
    this.kernel.pass(ms);
    this.lane.poke(this.state, this.kernel.nowMs);
    await this.lane.idle();
  }

  /** Turns for so long, and what was asked meanwhile. */
  async turns(ms: number, beginning = ""): Promise<string[]> {
    this.kernel.asked();
    for (let passed = 0; passed < ms; passed += 20) await this.turn();
    return this.kernel.asked(beginning);
  }

  /** The peer's server goes down or comes back. */
  serverOfPeer(up: boolean): void {
    const peer = this.state.peers.get(idOf(2));
    if (peer === undefined) throw new Error("no peer");
    const verdict = { up, reason: up ? "200" : "timed out", sinceMs: 0, tookMs: 1 };
    step(this.state, {
      kind: "record",
      record: {
        ...peer.record,
        sequence: peer.record.sequence + 1,
        verdicts: { ...peer.record.verdicts, [KEY]: verdict },
      },
    }, this.kernel.nowMs);
  }

  /** Operators set these settings, and no others. */
  set(settings: Shared["settings"] & object): void {
    const entries = new Map(Object.entries(settings) as [SettingName, string][]);
    const document = { ...this.state.document, settings: entries };
    step(this.state, { kind: "document", document }, this.kernel.nowMs);
  }

  /** What is said of servers, and nothing else. */
  enter(servers: readonly ServerEntry[]): void {
    const { services } = this.state.document;
    const document = documentOf({ services: [...services.values()], servers });
    step(this.state, { kind: "document", document }, this.kernel.nowMs);
  }

  /** There are these services, and no others. */
  enterServices(...services: readonly Service[]): void {
    step(this.state, { kind: "document", document: documentOf({ services }) }, this.kernel.nowMs);
  }

  /** Every service is removed. */
  drop(): void {
    step(this.state, { kind: "document", document: EMPTY_DOCUMENT }, this.kernel.nowMs);
  }

  /** Weights in the kernel, by address. */
  weights(): Record<string, number> {
    const servers = this.kernel.rows.get(KEY)?.servers ?? [];
    return Object.fromEntries(servers.map(({ address, weight }) => [address, weight]));
  }
}
