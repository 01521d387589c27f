import { describe, expect, test } from "bun:test";
import { HealthLane } from "../../src/agent/health_lane.ts";
import { kernelTroubles } from "../../src/agent/kernel_troubles.ts";
import { checkSchema, NO_CHECK, parseCheck } from "../../src/core/check.ts";
import type { Check } from "../../src/core/check.ts";
import { EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import { serverEntrySchema } from "../../src/core/service/server.ts";
import { type Service, serviceKey } from "../../src/core/service/service.ts";
import type { State } from "../../src/core/state.ts";
import { type Fact, step } from "../../src/core/step.ts";
import { LISTENERS_MS } from "../../src/core/timing.ts";
import type { Listener, ProbeTarget } from "../../src/ports.ts";
import {
  holding,
  idOf,
  markService,
  type ModelNode,
  modelNode,
  NOW,
  service,
  type Shared,
  viewOf,
  VIP,
} from "../support/cluster_views.ts";
import { keptLog } from "../support/fake_memory.ts";

const SERVICE = service();
const KEY = serviceKey(SERVICE);
const EVERYWHERE: Listener = { protocol: "tcp", address: "0.0.0.0", port: 80, v6only: false };

class Bench {
  readonly log = keptLog();
  readonly facts: Fact[] = [];
  readonly state: State;
  readonly lane: HealthLane;
  /** Every list of targets the prober was given. */
  readonly aims: ProbeTarget[][] = [];
  listeners: Listener[] | Error = [EVERYWHERE];
  looks = 0;
  /** How the lane lets others work. */
  pause = () => Promise.resolve();

  constructor(
    model: readonly ModelNode[],
    services: readonly Service[] = [SERVICE],
    shared: Partial<Shared> = {},
  ) {
    this.state = viewOf(model, 1, { ...shared, services });
    this.lane = new HealthLane({
      pause: () => this.pause(),
      clock: { now: () => NOW, wallMs: () => 7_000 },
      prober: { setTargets: (targets) => void this.aims.push([...targets]), close: () => {} },
      listeners: {
        list: () => {
          this.looks++;
          if (this.listeners instanceof Error) throw this.listeners;
          return this.listeners;
        },
      },
      troubles: kernelTroubles(this.log),
      tell: (fact) => {
        this.facts.push(fact);
        step(this.state, fact, NOW);
      },
    });
  }

  /** What is probed: `10.0.0.1:80 http`. */
  aim(): string[] {
    this.lane.aim(this.state);
    return (this.aims.at(-1) ?? []).map(({ address, port, check }) =>
      `${address}:${port} ${check.kind}`
    );
  }
}

const HOLDER = modelNode(1, { holds: holding(1) });

describe("what is probed", () => {
  const cases: [what: string, model: ModelNode[], targets: string[]][] = [
    ["a standby probes itself alone", [modelNode(1), modelNode(2)], ["10.0.0.1:80 http"]],
    ["a holder probes every member", [HOLDER, modelNode(2), modelNode(3)], [
      "10.0.0.1:80 http",
      "10.0.0.2:80 http",
      "10.0.0.3:80 http",
    ]],
    ["a suspect one too, a dead or left one not", [
      HOLDER,
      modelNode(2, { life: "suspect" }),
      modelNode(3, { life: "dead" }),
      modelNode(4, { life: "left" }),
    ], ["10.0.0.1:80 http", "10.0.0.2:80 http"]],
    ["nobody probes a node that is no real server", [
      modelNode(1, { holds: holding(1), realServer: false }),
      modelNode(2, { realServer: false }),
      modelNode(3),
    ], ["10.0.0.3:80 http"]],
    ["a node that has let go probes itself alone", [
      modelNode(1, { holds: holding(1, "settling") }),
      modelNode(2),
    ], ["10.0.0.1:80 http"]],
  ];
  test.each(cases)("%s", (_what, model, targets) => {
    expect(new Bench(model).aim()).toEqual(targets);
  });

  test("is one target however many services share it, and every one of them learns the result", () => {
    const check = parseCheck("http://:8080/health") as Check;
    const services = [service({ port: 80, check }), service({ port: 443, check })];
    const bench = new Bench([HOLDER, modelNode(2)], services);
    expect(bench.aim()).toEqual(["10.0.0.1:8080 http", "10.0.0.2:8080 http"]);
    const [, second] = bench.aims.at(-1) ?? [];
    bench.lane.take(second?.key ?? "", { ok: true, reason: "200", tookMs: 4 });
    expect(bench.facts).toEqual(services.map((item) => ({
      kind: "probe",
      node: idOf(2),
      key: serviceKey(item),
      check,
      result: { ok: true, reason: "200", tookMs: 4 },
      wallMs: 7_000,
    })));
  });

  test("is one target for every service where a program is told for which one it asks", () => {
    const check = checkSchema.parse({ kind: "external", port: 8080, command: ["/bin/true"] });
    const services = [service({ port: 80, check }), markService({ mark: 9, check })];
    const bench = new Bench([HOLDER, modelNode(2)], services);
    bench.aim();
    const subjects = (bench.aims.at(-1) ?? []).map(({ address, port, subject }) => [
      address,
      port,
      subject?.service,
      subject?.vip,
      subject?.vipPort,
      subject?.node,
      subject?.kind,
    ]);
    const endpoint = [`tcp/${VIP}:80`, VIP, 80];
    expect(subjects).toEqual([
      ["10.0.0.1", 8080, ...endpoint, "n1", "member"],
      ["10.0.0.2", 8080, ...endpoint, "n2", "member"],
      ["10.0.0.1", 8080, "fwm/9", "9", 0, "n1", "member"],
      ["10.0.0.2", 8080, "fwm/9", "9", 0, "n2", "member"],
    ]);
  });

  test("is a file on this node only", () => {
    const check = checkSchema.parse({ kind: "file", path: "/etc/passwd" });
    expect(new Bench([HOLDER, modelNode(2)], [service({ check })]).aim()).toEqual([
      "10.0.0.1:80 file",
    ]);
  });

  test("differs for checks that differ", () => {
    const services = [
      service({ port: 80, check: parseCheck("http://:8080/a") as Check }),
      service({ port: 81, check: parseCheck("http://:8080/b") as Check }),
    ];
    expect(new Bench([modelNode(1)], services).aim()).toHaveLength(2);
  });

  const VIP_CHECK = parseCheck("tcp://", ["at=vip"]) as Check;
  const nat = (node: number) =>
    serverEntrySchema.parse({ service: KEY, target: { node: idOf(node) }, forwarding: "nat" });
  test.each<[string, ModelNode[], Partial<Shared>, string[]]>([
    ["a member asks itself at the VIP", [modelNode(1), modelNode(2)], {}, ["10.0.0.100:80 tcp"]],
    ["a holder asks itself and the others at their own addresses", [HOLDER, modelNode(2)], {}, [
      "10.0.0.1:80 tcp",
      "10.0.0.2:80 tcp",
    ]],
    [
      "so does one that has just let go: its table may still balance",
      [
        modelNode(1, { holds: holding(1, "settling") }),
        modelNode(2),
      ],
      {},
      ["10.0.0.1:80 tcp"],
    ],
    ["a member that gets its packets by nat does not have the VIP", [modelNode(1)], {
      servers: [nat(1)],
    }, ["10.0.0.1:80 tcp"]],
  ])("with a check at the VIP: %s", (_what, model, shared, targets) => {
    const bench = new Bench(model, [service({ check: VIP_CHECK })], shared);
    expect(bench.aim()).toEqual(targets);
  });

  test("is a file on this node alone, never one for another", () => {
    const check = parseCheck("file:/run/x") as Check;
    const machines = [serverEntrySchema.parse({
      service: KEY,
      target: { address: "10.0.0.50", port: 80 },
    })];
    const bench = new Bench([HOLDER, modelNode(2)], [service({ check })], { servers: machines });
    expect(bench.aim()).toEqual(["10.0.0.1:80 file"]);
  });

  test("is told to the prober only when it changes", () => {
    const bench = new Bench([HOLDER, modelNode(2)]);
    bench.aim();
    bench.aim();
    expect(bench.aims).toHaveLength(1);
    const peer = bench.state.peers.get(idOf(2));
    if (peer !== undefined) peer.life.state = "dead";
    expect(bench.aim()).toEqual(["10.0.0.1:80 http"]);
    expect(bench.aims).toHaveLength(2);
  });

  test("is told anew when another service begins to share a target", () => {
    const bench = new Bench([modelNode(1)]);
    bench.aim();
    const both = [SERVICE, service({ port: 81, check: { ...SERVICE.check, port: 80 } })];
    const services = new Map(both.map((item) => [serviceKey(item), item]));
    step(bench.state, { kind: "document", document: { ...EMPTY_DOCUMENT, services } }, NOW);
    bench.aim();
    expect(bench.aims).toHaveLength(2);
  });

  test("leaves out a service whose socket is gone, until it is back", () => {
    const bench = new Bench([modelNode(1)]);
    bench.listeners = [];
    bench.lane.watch(bench.state, NOW);
    expect(bench.aim()).toEqual([]);
    bench.listeners = [EVERYWHERE];
    bench.lane.watch(bench.state, NOW + LISTENERS_MS);
    expect(bench.aim()).toEqual(["10.0.0.1:80 http"]);
  });
});

test("take ignores the result of what is not probed any more", () => {
  const bench = new Bench([modelNode(1)]);
  bench.aim();
  bench.lane.take("10.0.0.9 80 {}", { ok: true, reason: "200", tookMs: 1 });
  expect(bench.facts).toEqual([]);
});

describe("watch", () => {
  test("tells which services have no socket, with the reason", () => {
    const bench = new Bench([modelNode(1)], [SERVICE, service({ port: 81 })]);
    bench.lane.watch(bench.state, NOW);
    expect([...bench.state.deaf]).toEqual([
      [serviceKey(service({ port: 81 })), "nothing listens on tcp port 81"],
    ]);
  });

  test("looks as often as agreed, however often it is called", () => {
    const bench = new Bench([modelNode(1)]);
    for (let ms = 0; ms <= 4 * LISTENERS_MS; ms += 10) bench.lane.watch(bench.state, NOW + ms);
    expect(bench.looks).toBe(5);
  });

  test("does not look for what asks nothing, nor on a node that serves nothing", () => {
    const silent = new Bench([modelNode(1)], [service({ check: NO_CHECK })]);
    silent.lane.watch(silent.state, NOW);
    const director = new Bench([modelNode(1, { realServer: false })]);
    director.lane.watch(director.state, NOW);
    expect([silent.looks, director.looks]).toEqual([0, 0]);
    expect(silent.state.deaf.size + director.state.deaf.size).toBe(0);
  });

  test("forgets a missing socket when nobody asks for it any more", () => {
    const bench = new Bench([modelNode(1)]);
    bench.listeners = [];
    bench.lane.watch(bench.state, NOW);
    expect(bench.state.deaf.size).toBe(1);
    const unchecked = service({ check: NO_CHECK });
    const document = { ...EMPTY_DOCUMENT, services: new Map([[KEY, unchecked]]) };
    step(bench.state, { kind: "document", document }, NOW);
    bench.lane.watch(bench.state, NOW + 1);
    expect(bench.state.deaf.size).toBe(0);
    const { facts } = bench;
    const told = facts.length;
    bench.lane.watch(bench.state, NOW + 2);
    expect(facts).toHaveLength(told);
  });

  test("keeps its last opinion while the kernel does not answer, and says so once", () => {
    const bench = new Bench([modelNode(1)]);
    bench.listeners = [];
    bench.lane.watch(bench.state, NOW);
    bench.listeners = new Error("list listeners: ENOBUFS");
    for (let ms = 100; ms < 1_000; ms += 100) bench.lane.watch(bench.state, NOW + ms);
    expect(bench.state.deaf.size).toBe(1);
    expect(bench.log.lines()).toEqual(["error: list listeners: ENOBUFS"]);
  });
});

test("targets of many services are worked out bit by bit, and what changes meanwhile counts in the end", async () => {
  const services = Array.from({ length: 400 }, (_, port) => service({ port: port + 1 }));
  const bench = new Bench([modelNode(1)], services);
  const waiting: (() => void)[] = [];
  bench.pause = () => new Promise((resolve) => void waiting.push(resolve));
  bench.lane.aim(bench.state);
  const { document } = bench.state;
  const changed = new Map([...document.services].slice(1));
  step(bench.state, { kind: "document", document: { ...document, services: changed } }, NOW);
  bench.lane.aim(bench.state);
  bench.lane.aim(bench.state);
  let pauses = 0;
  for (; pauses < 100; pauses++) {
    await new Promise((resolve) => setImmediate(resolve));
    const go = waiting.shift();
    if (go === undefined) break;
    expect(waiting).toEqual([]);
    go();
  }
  // Three bits each time: of 128 services.
  expect(pauses).toBe(6);
  expect(bench.aims.map((targets) => targets.length)).toEqual([400, 399]);
});
