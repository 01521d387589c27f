import { describe, expect, test } from "bun:test";
import { Agent } from "../../src/agent/agent.ts";
import type { Change } from "../../src/agent/changes.ts";
import { type ClusterDocument, EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import type { Pulse } from "../../src/core/cluster/pulse.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import { runAtOnce } from "../../src/core/steps.ts";
import { LEASE_S, PRESSING_TICK_MS, TICK_MS } from "../../src/core/timing.ts";
import type { ProbeTarget } from "../../src/ports.ts";
import { addressOf, idOf, LAN, selfOf, service, VIP } from "../support/cluster_views.ts";
import { FakeKernel } from "../support/fake_kernel.ts";
import { fakeMemory, keptLog } from "../support/fake_memory.ts";
import { sampleRecord } from "../support/sample_record.ts";

const SERVICE = service();
const KEY = serviceKey(SERVICE);
const DOCUMENT: ClusterDocument = { ...EMPTY_DOCUMENT, services: new Map([[KEY, SERVICE]]) };

/** An agent alone on a fake kernel; its turns are the test's. */
class Bench {
  readonly kernel = new FakeKernel();
  readonly memory = fakeMemory();
  readonly log = keptLog();
  readonly changes: Change[] = [];
  readonly pulses: Pulse[] = [];
  readonly published: string[] = [];
  targets: readonly ProbeTarget[] = [];
  waiting: (() => void)[] = [];
  polls = 0;
  document: ClusterDocument = DOCUMENT;
  lost: string | null = null;

  agent(): Agent {
    const { kernel } = this;
    const agent = new Agent(selfOf({ index: 1 }), {
      clock: kernel.clock,
      addresses: kernel.addressPort,
      neighbours: { ...kernel.neighbours, poll: () => void this.polls++ },
      table: kernel.table,
      sysctl: kernel.sysctl,
      tunnels: kernel.tunnels,
      marks: kernel.marks,
      modules: kernel.modules,
      sorry: { set: () => {}, close: () => {} },
      load: { free: () => 100 },
      pulses: {
        send: (pulse) => {
          kernel.journal.push(`pulse ${pulse.claims.size}`);
          this.pulses.push(pulse);
        },
        close: () => {},
      },
      gossip: {
        publishRecord: (record) => void this.published.push(record.phase),
        connected: () => [],
        wantPeers: () => {},
        close: () => Promise.resolve(),
      },
      store: {
        current: () => this.document,
        lost: this.lost,
        digest: () => "",
        edit: () => Promise.resolve({ sentTo: 0, storedBy: () => Promise.resolve([]) }),
        history: () => [],
        synchronize: () => Promise.resolve(),
        close: () => Promise.resolve(),
      },
      prober: {
        setTargets: (targets) => {
          this.targets = targets;
        },
        close: () => {},
      },
      listeners: {
        list: () => [{ protocol: "tcp", address: "0.0.0.0", port: 80, v6only: false }],
      },
      log: this.log,
      memory: this.memory,
      soon: (work) => void this.waiting.push(work),
      pause: () => Promise.resolve(),
    });
    agent.onChange = (change) => void this.changes.push(change);
    return agent;
  }

  /** Ticks at the agent's own pace for so long. */
  async run(agent: Agent, ms: number): Promise<void> {
    for (const endMs = this.kernel.nowMs + ms; this.kernel.nowMs < endMs;) {
      this.kernel.pass(agent.paceMs());
      agent.tick();
      await agent.table.idle();
    }
  }
}

/** An agent that has begun and holds the VIP, with its server up. */
async function holding(): Promise<{ bench: Bench; agent: Agent }> {
  const bench = new Bench();
  const agent = bench.agent();
  agent.begin();
  await bench.run(agent, 1_000);
  for (const { key } of bench.targets) agent.probed(key, { ok: true, reason: "200", tookMs: 1 });
  await bench.run(agent, 1_000);
  expect(agent.state.holds.get(VIP)?.phase).toBe("holding");
  return { bench, agent };
}

describe("begin", () => {
  function left(validSeconds: number | null): Bench {
    const bench = new Bench();
    bench.memory.saveClaims(new Map([[VIP, 5]]), new Map());
    bench.kernel.addressPort.put({ address: VIP, prefixLength: 32, interface: LAN, validSeconds });
    return bench;
  }

  test("adopts what an earlier run held and left, with its epoch", () => {
    const bench = left(LEASE_S);
    const agent = bench.agent();
    agent.begin();
    expect(agent.state.holds.get(VIP)).toMatchObject({ epoch: 5, phase: "holding" });
    expect(bench.log.lines()).toEqual([
      `info: adopts ${VIP}, which an earlier run of this agent held with epoch 5`,
    ]);
  });

  test("leaves the servers in the table on which its earlier run left connections, until it knows more", async () => {
    const { bench } = await holding();
    const endpoint = { address: addressOf(1), port: 80 };
    bench.kernel.asked();
    const agent = bench.agent();
    await agent.begin();
    await bench.run(agent, 300);
    expect(agent.state.phase).toBe("starting");
    expect(agent.state.own.size).toBe(0);
    expect(bench.kernel.asked().filter((request) => request.includes("Server"))).toEqual([]);
    expect(agent.table.observed.get(KEY)?.servers).toMatchObject([{ ...endpoint, weight: 1 }]);
    for (const { key } of bench.targets) {
      agent.probed(key, { ok: false, reason: "connection refused", tookMs: 1 });
    }
    await bench.run(agent, 100);
    expect(agent.table.observed.get(KEY)?.servers).toMatchObject([{ ...endpoint, weight: 0 }]);
  });

  test("a table that cannot be read at the start is told, and keeps nothing else from it", async () => {
    const { bench } = await holding();
    const agent = bench.agent();
    const list = bench.kernel.table.list;
    bench.kernel.table.list = () => Promise.reject(new Error("list IPVS services: EPERM"));
    await agent.begin();
    bench.kernel.table.list = list;
    expect(bench.log.lines().at(-1)).toContain("list IPVS services: EPERM");
    expect(agent.state.inherited.size).toBe(0);
    await bench.run(agent, 1_000);
    expect(agent.state.holds.get(VIP)?.phase).toBe("holding");
  });

  test("trusts no lease longer than troop's own", () => {
    const bench = left(600);
    const agent = bench.agent();
    agent.begin();
    expect(agent.state.holds.get(VIP)?.renewedMs).toBe(bench.kernel.nowMs);
  });

  const notAdopted: [what: string, change: (bench: Bench) => void, phases: "lingering"[]][] = [
    ["without a claim on disk", (bench) => bench.memory.saveClaims(new Map(), new Map()), []],
    ["that is on lo alone", (bench) => {
      bench.kernel.addresses = bench.kernel.addresses.map((item) =>
        item.address === VIP ? { ...item, interface: "lo" } : item
      );
    }, ["lingering"]],
    ["whose lease is over", (bench) => {
      bench.kernel.addresses = bench.kernel.addresses.map((item) => ({ ...item, validSeconds: 0 }));
    }, ["lingering"]],
    ["that is no VIP any more", (bench) => {
      bench.document = EMPTY_DOCUMENT;
    }, []],
  ];
  test.each(notAdopted)("does not adopt an address %s", (_what, change, phases) => {
    const bench = left(LEASE_S);
    change(bench);
    const agent = bench.agent();
    agent.begin();
    // What neighbours still send for a VIP this machine held is finished, or their connections would be reset.
    expect([...agent.state.holds.values()].map((hold) => hold.phase)).toEqual(phases);
  });

  test("sweeps an address without a lease: nobody renewed it", async () => {
    const bench = left(null);
    const agent = bench.agent();
    agent.begin();
    await bench.run(agent, 100);
    expect(bench.kernel.where(VIP)).toEqual(["lo"]);
  });

  test("knows the peers of an earlier run, and pulses to them from the first tick", () => {
    const bench = new Bench();
    const path = { interface: LAN, address: addressOf(2), prefixLength: 24 };
    bench.memory.saveRecords([sampleRecord({ id: idOf(2), paths: [path] })]);
    const agent = bench.agent();
    agent.begin();
    agent.tick();
    expect(bench.pulses.map(({ to, starting }) => [to, starting])[0]).toEqual([idOf(2), true]);
  });
});

test("tells people that its document was lost, before anything else", () => {
  const bench = new Bench();
  bench.lost = "document.bin could not be read";
  bench.memory.saveRecords([sampleRecord({ id: idOf(2) })]);
  bench.agent().begin();
  expect(bench.changes.map(({ level, text }) => `${level}: ${text}`)).toEqual([
    "warn: this node waits for the document of a running peer and touches nothing: document.bin could not be read",
  ]);
});

describe("tick", () => {
  test("takes over in the order in which clients need it: balance, address, news, then daemons", async () => {
    const bench = new Bench();
    bench.memory.saveRecords([sampleRecord({ id: idOf(2) })]);
    const agent = bench.agent();
    agent.begin();
    bench.kernel.asked();
    let journal: string[] = [];
    for (let turn = 0; turn < 200 && !journal.includes(`put ${VIP}/32 on ${LAN}`); turn++) {
      await bench.run(agent, 1);
      journal = bench.kernel.asked();
    }
    const order = [
      "switch net.ipv4.vs.backup_only = 0",
      `put ${VIP}/32 on ${LAN}`,
      `announce ${VIP} on ${LAN}`,
      "pulse 1",
      `start master on ${LAN}`,
    ];
    const first = journal.filter((request, index) => journal.indexOf(request) === index);
    expect(first.filter((request) => order.includes(request))).toEqual(order);
  });

  test("bypasses a standby before it says that it is there", () => {
    const bench = new Bench();
    bench.memory.saveRecords([sampleRecord({ id: idOf(2) })]);
    const agent = bench.agent();
    agent.begin();
    agent.tick();
    const journal = bench.kernel.asked();
    expect(journal.indexOf(`start backup on ${LAN}`)).toBeGreaterThan(-1);
    expect(journal.indexOf(`start backup on ${LAN}`))
      .toBeLessThan(journal.findIndex((request) => request.startsWith("pulse")));
  });

  test("remembers on disk what it claims, and who its peers are", async () => {
    const { bench, agent } = await holding();
    expect([...bench.memory.claims()]).toEqual([[VIP, 1]]);
    const record = sampleRecord({ id: idOf(2) });
    agent.receive({ kind: "record", record });
    agent.tick();
    expect(bench.memory.records()).toEqual([
      { ...record, sequence: 0, claims: {}, verdicts: {}, vips: {}, document: "" },
    ]);
  });

  test("reads the LAN's answers before it decides by their absence, and only then", async () => {
    const { bench, agent } = await holding();
    expect(bench.polls).toBeGreaterThan(2);
    const before = bench.polls;
    await bench.run(agent, 1_000);
    expect(bench.polls).toBe(before);
  });

  test("goes on when every request to the kernel fails", async () => {
    const bench = new Bench();
    for (
      const request of ["list", "put", "remove", "switch", "announce", "ask", "start", "daemons"]
    ) {
      bench.kernel.failing.set(request, "EPERM");
    }
    const agent = bench.agent();
    agent.begin();
    await bench.run(agent, 3_000);
    expect(agent.state.phase).toBe("running");
    // Each fault once, however often it happened.
    const lines = bench.log.lines();
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines.length).toBeGreaterThan(3);
  });

  test("tells what changed, in words", async () => {
    const { bench } = await holding();
    expect(bench.changes.map(({ text }) => text)).toEqual([
      "this node is running",
      `${VIP}: this node holds it (epoch 1): no live node holds it and nobody answers for it`,
      "server n1 for 10.0.0.100:80 is up: 200",
    ]);
  });
});

describe("receive", () => {
  test("asks for one tick however much comes", () => {
    const bench = new Bench();
    const agent = bench.agent();
    agent.begin();
    for (let index = 2; index < 10; index++) {
      agent.receive({ kind: "record", record: sampleRecord({ id: idOf(index) }) });
    }
    expect(bench.waiting).toHaveLength(1);
    expect(agent.state.peers.size).toBe(0);
    bench.waiting[0]?.();
    expect(agent.state.peers.size).toBe(8);
    agent.receive({ kind: "leave" });
    expect(bench.waiting).toHaveLength(2);
  });

  test("leaves what is no news to the next tick", async () => {
    const bench = new Bench();
    const agent = bench.agent();
    agent.begin();
    agent.receive({ kind: "answer", vip: VIP, mac: "02:00:00:00:00:07" });
    expect(bench.waiting).toEqual([]);
    await bench.run(agent, TICK_MS);
    expect(agent.state.witnesses.size).toBe(0);
  });

  test("keeps the newest of more facts than it can take", () => {
    const bench = new Bench();
    const agent = bench.agent();
    agent.begin();
    for (let sequence = 1; sequence <= 10_500; sequence++) {
      agent.receive({
        kind: "record",
        record: sampleRecord({ id: idOf(sequence === 1 ? 9 : 2), sequence }),
      });
    }
    agent.tick();
    expect(agent.state.peers.has(idOf(9))).toBe(false);
    expect(agent.state.peers.get(idOf(2))?.record.sequence).toBe(10_500);
  });
});

test("paceMs is fast while something hangs in the balance", async () => {
  const { agent } = await holding();
  expect(agent.paceMs()).toBe(TICK_MS);
  agent.receive({ kind: "leave" });
  agent.tick();
  expect(agent.paceMs()).toBe(PRESSING_TICK_MS);
});

describe("clean", () => {
  test("takes everything of troop's out of the kernel, and no later tick puts it back", async () => {
    const { bench, agent } = await holding();
    const before = new FakeKernel();
    await agent.clean();
    await bench.run(agent, 3_000);
    expect(bench.kernel.addresses).toEqual(before.addresses);
    expect(bench.kernel.switches).toEqual(before.switches);
    expect(bench.kernel.rows.size).toBe(0);
    expect(bench.kernel.running).toEqual({ master: null, backup: null });
    expect(bench.memory.owned.keys()).toEqual([]);
  });
});

test("status and addresses are those of now", async () => {
  const { agent } = await holding();
  expect(runAtOnce(agent.status())).toMatchObject({
    node: "n1",
    vips: [{ address: VIP, holder: "n1", epoch: 1 }],
    services: [{ servers: [{ node: "n1", up: true, weight: 1 }] }],
  });
  expect(agent.addresses.map(({ address }) => address)).toContain(VIP);
  expect(agent.rows.keys()).toEqual([KEY]);
});
