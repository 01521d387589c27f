import { describe, expect, test } from "bun:test";
import { FirewallLane } from "../../src/agent/firewall_lane.ts";
import { kernelTroubles } from "../../src/agent/kernel_troubles.ts";
import { EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import type { Service } from "../../src/core/service/service.ts";
import type { State } from "../../src/core/state.ts";
import {
  documentOf,
  markService,
  type ModelNode,
  modelNode,
  service,
  viewOf,
  VIP,
} from "../support/cluster_views.ts";
import { FakeKernel } from "../support/fake_kernel.ts";
import { keptLog } from "../support/fake_memory.ts";

const FTP = service({ port: 21, forwarding: "nat" });
/** Time between two looks whether somebody flushed the rules, ms. */
const LOOK_MS = 10_000;
/** Time after a failure, ms. */
const RETRY_MS = 5_000;

/** The lane of a node on a fake kernel. */
class Bench {
  readonly kernel = new FakeKernel();
  readonly log = keptLog();
  readonly state: State;
  readonly lane: FirewallLane;

  constructor(
    services: readonly Service[],
    options: { leftovers?: boolean; node?: Partial<ModelNode> } = {},
  ) {
    this.state = viewOf([modelNode(1, options.node)], 1, { services });
    this.lane = new FirewallLane({
      clock: this.kernel.clock,
      marks: this.kernel.marks,
      modules: this.kernel.modules,
      troubles: kernelTroubles(this.log),
      leftovers: options.leftovers ?? false,
    });
  }

  /** Turns for so long; what was asked, by the time since the beginning. */
  async turns(ms: number): Promise<string[]> {
    this.kernel.asked();
    const beganMs = this.kernel.nowMs;
    const seen: string[] = [];
    while (this.kernel.nowMs < beganMs + ms) {
      this.kernel.pass(100);
      this.lane.poke(this.state, this.kernel.nowMs);
      await this.lane.idle();
      const asked = this.kernel.asked();
      seen.push(...asked.map((request) => `${this.kernel.nowMs - beganMs} ${request}`));
    }
    return seen;
  }

  become(services: readonly Service[]): void {
    this.state.document = documentOf({ services });
  }
}

describe("mark rules", () => {
  test("are made at once, and looked at now and then", async () => {
    const bench = new Bench([markService()]);
    expect(await bench.turns(25_000)).toEqual([
      "100 mark 1 rules",
      `${100 + LOOK_MS} look at marks`,
      `${100 + 2 * LOOK_MS} look at marks`,
    ]);
    expect(bench.kernel.markRules).toEqual([
      { family: 4, address: VIP, protocol: "tcp", firstPort: 80, lastPort: 80, mark: 7 },
    ]);
  });

  test("change with the document, and go with their service", async () => {
    const bench = new Bench([markService()]);
    await bench.turns(1_000);
    bench.become([
      markService({ mark: 8 }),
      markService({ mark: 9, family: 6, vips: ["2001:db8::1"] }),
    ]);
    expect(await bench.turns(1_000)).toEqual(["100 mark 2 rules"]);
    expect(bench.kernel.markRules).toMatchObject([{ mark: 8 }, { mark: 9, family: 6 }]);
    bench.become([markService({ mark: 8, ports: [] })]);
    expect(await bench.turns(1_000)).toEqual(["100 mark 0 rules"]);
  });

  test("that a new document does not change are left alone", async () => {
    const bench = new Bench([markService()]);
    await bench.turns(1_000);
    bench.become([markService(), service()]);
    expect(await bench.turns(1_000)).toEqual([]);
  });

  test("that somebody flushed are made anew", async () => {
    const bench = new Bench([markService()]);
    await bench.turns(1_000);
    bench.kernel.marksIntact = false;
    expect(await bench.turns(LOOK_MS + 1_000))
      .toEqual(["9100 look at marks", "9100 mark 1 rules"]);
  });

  test("are not even asked about where there are none", async () => {
    expect(await new Bench([service()]).turns(30_000)).toEqual([]);
    expect(await new Bench([markService({ ports: [] })]).turns(30_000)).toEqual([]);
    const node = { director: false };
    expect(await new Bench([markService()], { node }).turns(30_000)).toEqual([]);
  });

  test("of an earlier run go when nobody wants them any more", async () => {
    const bench = new Bench([], { leftovers: true });
    expect(await bench.turns(30_000)).toEqual(["100 mark 0 rules"]);
  });

  test("that fail are told once, and tried again after a while", async () => {
    const bench = new Bench([markService()]);
    bench.kernel.failing.set("mark", "EPERM");
    expect(await bench.turns(12_000)).toEqual([
      "100 mark 1 rules",
      `${100 + RETRY_MS} mark 1 rules`,
      `${100 + 2 * RETRY_MS} mark 1 rules`,
    ]);
    expect(bench.log.lines()).toEqual(["error: mark 1 rules: EPERM"]);
    bench.kernel.failing.clear();
    expect(await bench.turns(RETRY_MS)).toEqual(["3100 mark 1 rules"]);
    expect(bench.kernel.markRules).toHaveLength(1);
  });

  test("that cannot be looked at are looked at again", async () => {
    const bench = new Bench([markService()]);
    await bench.turns(1_000);
    bench.kernel.failing.set("look", "EPERM");
    expect(await bench.turns(2 * LOOK_MS)).toHaveLength(2);
    expect(bench.log.lines()).toEqual(["error: look at marks: EPERM"]);
    bench.kernel.failing.clear();
    expect(await bench.turns(LOOK_MS)).toHaveLength(1);
  });

  test("are one job at a time", async () => {
    const bench = new Bench([markService()]);
    let finish = () => {};
    let running = 0;
    bench.kernel.marks.apply = () => {
      running++;
      return new Promise((resolve) => finish = resolve);
    };
    for (let turn = 0; turn < 100; turn++) {
      bench.lane.poke(bench.state, bench.kernel.nowMs);
      await null;
    }
    expect(running).toBe(1);
    finish();
    await bench.lane.idle();
  });
});

describe("the helper for FTP", () => {
  test("is loaded once", async () => {
    const bench = new Bench([FTP]);
    expect(await bench.turns(30_000)).toEqual(["100 load ip_vs_ftp"]);
  });

  test("that cannot be loaded is told once, tried again, and holds up no rules", async () => {
    const bench = new Bench([FTP, markService()]);
    bench.kernel.failing.set("load", "ENOENT");
    const asked = await bench.turns(2 * RETRY_MS);
    expect(asked.filter((request) => request.includes("load"))).toEqual([
      "100 load ip_vs_ftp",
      `${100 + RETRY_MS} load ip_vs_ftp`,
    ]);
    expect(bench.kernel.markRules).toHaveLength(1);
    expect(bench.log.lines()).toEqual(["error: load ip_vs_ftp: ENOENT"]);
  });
});

describe("restore", () => {
  test("takes the rules out, and does nothing where there are none", async () => {
    const bench = new Bench([markService()]);
    await bench.turns(1_000);
    await bench.lane.restore();
    expect(bench.kernel.markRules).toEqual([]);
    const none = new Bench([service()]);
    await none.turns(1_000);
    await none.lane.restore();
    expect(none.kernel.asked()).toEqual([]);
  });

  test("takes out what a failure may have left", async () => {
    const bench = new Bench([markService()]);
    bench.kernel.failing.set("mark 1", "EPERM");
    await bench.turns(1_000);
    await bench.lane.restore();
    expect(bench.kernel.markRules).toEqual([]);
  });

  test("waits for what runs, and takes out what an earlier run left", async () => {
    const bench = new Bench([markService()], { leftovers: true });
    const { apply } = bench.kernel.marks;
    bench.kernel.marks.apply = async (rules) => {
      for (let turn = 0; turn < rules.length * 10; turn++) await null;
      await apply(rules);
    };
    bench.lane.poke(bench.state, bench.kernel.nowMs);
    await bench.lane.restore();
    expect(bench.kernel.asked()).toEqual(["mark 1 rules", "mark 0 rules"]);
    const left = new Bench([], { leftovers: true });
    left.state.document = EMPTY_DOCUMENT;
    await left.lane.restore();
    expect(left.kernel.asked()).toEqual(["mark 0 rules"]);
  });
});
