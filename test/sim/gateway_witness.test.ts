/**
 * The gateway witness on whole simulated clusters: who is cut off hands over, a dead gateway moves nothing.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { VIP } from "../support/cluster_views.ts";
import { CUT_OFF_MS, CUT_PUBLIC_MS } from "./bounds.ts";
import { GATEWAY } from "./lan.ts";
import type { NodeOptions } from "./sim_node.ts";
import { type Run, serving } from "./sim_run.ts";

// A busy machine, and not the simulated time, is what takes long.
setDefaultTimeout(120_000);

const NODES: readonly NodeOptions[] = [{ priority: 110, gateway: true }, { gateway: true }];

/** A cluster whose gateway has answered; its machines are on so many networks. */
async function witnessed(networks: 1 | 2, nodes = NODES, seed = 1): Promise<Run> {
  const run = await serving({ nodes: nodes.map((node) => ({ ...node, networks })), seed });
  await run.pass(3_000);
  run.silence();
  return run;
}

/** Pulls the cable to the LAN, far away; returns what puts it back. */
function cutLan({ cluster }: Run, name: string): () => void {
  return cluster.lan.unplug(cluster.node(name), "eth0");
}

/** Cuts one direction of a machine's cable. */
function cutOneWay({ cluster }: Run, name: string, way: "in" | "out"): () => void {
  const node = cluster.node(name);
  const others = [GATEWAY, ...cluster.nodes.filter((other) => other !== node)];
  const undo = others.map((other) =>
    way === "in" ? cluster.lan.cut(other, node, "eth0") : cluster.lan.cut(node, other, "eth0")
  );
  return () => undo.forEach((mend) => mend());
}

function verdicts(run: Run): (string | null | undefined)[] {
  return run.cluster.nodes.map(({ agent }) => agent?.state.gateway.verdict);
}

describe("the public network of the holder is down while the private one lives", () => {
  test("the VIP goes to the node that has the public network, within the bound, and stays there", async () => {
    const run = await witnessed(2);
    const mend = cutLan(run, "n1");
    await run.pass(CUT_PUBLIC_MS);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    expect(run.cluster.answering(VIP)).toEqual(["n2"]);
    expect(run.cluster.node("n1").agent?.state.peers.get(run.cluster.node("n2").id)?.life.state)
      .toBe("alive");
    expect(run.cluster.log.join("\n")).toContain("this node is unfit: cut off");
    await run.pass(20_000);
    mend();
    await run.pass(20_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    expect(verdicts(run)).toEqual([null, null]);
  });

  test("a standby without it takes nothing over when the holder dies: it could serve nobody", async () => {
    const run = await witnessed(2, [...NODES, { gateway: true }]);
    cutLan(run, "n2");
    await run.pass(5_000);
    run.cluster.crash("n1");
    await run.pass(5_000);
    expect(run.cluster.holders(VIP)).toEqual(["n3"]);
  });

  test("a standby that is cut off holds it all the same when nobody else is left: the least evil", async () => {
    const run = await witnessed(2);
    cutLan(run, "n2");
    await run.pass(5_000);
    run.cluster.node("n1").agent?.receive({ kind: "leave" });
    await run.pass(10_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
  });
});

describe("a gateway that dies alone", () => {
  test.each([1, 2] as const)(
    "moves nothing, then and when it returns (networks: %d)",
    async (networks) => {
      const run = await witnessed(networks);
      const { takeovers } = run.cluster.node("n2").agent!.state;
      const mend = run.cluster.lan.killGateway();
      await run.pass(30_000);
      expect(run.cluster.holders(VIP)).toEqual(["n1"]);
      mend();
      await run.pass(30_000);
      expect(run.cluster.holders(VIP)).toEqual(["n1"]);
      expect(run.cluster.node("n2").agent?.state.takeovers).toBe(takeovers);
      expect(run.silence()).toBe(0);
    },
  );

  test("does not stop the one node that is left", async () => {
    const run = await witnessed(1);
    run.cluster.crash("n2");
    await run.pass(20_000);
    run.cluster.lan.killGateway();
    await run.pass(20_000);
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    expect(run.silence()).toBe(0);
  });

  test("does not keep a standby from taking over from a holder that dies later", async () => {
    const run = await witnessed(1);
    run.cluster.lan.killGateway();
    await run.pass(20_000);
    run.cluster.crash("n1");
    await run.pass(5_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
  });

  test("and comes and goes moves nothing", async () => {
    const run = await witnessed(2);
    for (let turn = 0; turn < 20; turn++) {
      const mend = run.cluster.lan.killGateway();
      await run.pass(700 + 300 * (turn % 5));
      mend();
      await run.pass(400 + 300 * (turn % 7));
    }
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    expect(run.silence()).toBe(0);
  });
});

describe("a node that is cut off from everybody", () => {
  test("lets go within the bound, and has nothing to say when it is back", async () => {
    const run = await witnessed(1);
    run.cluster.isolate("n1");
    await run.pass(CUT_OFF_MS);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    expect(run.cluster.node("n1").kernel.answers(VIP)).toBe(false);
    run.cluster.heal("n1");
    await run.pass(5_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    expect(run.silence()).toBeLessThan(500);
  });

  test("holds on when it is a cluster of one", async () => {
    const run = await witnessed(1, [{ gateway: true }]);
    run.cluster.lan.killGateway();
    await run.pass(20_000);
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
  });

  test("all of them at once: somebody holds it again as soon as they meet", async () => {
    const run = await witnessed(1);
    for (const name of ["n1", "n2"]) run.cluster.isolate(name);
    await run.pass(10_000);
    expect(run.cluster.holders(VIP)).toEqual([]);
    for (const name of ["n1", "n2"]) run.cluster.heal(name);
    await run.pass(1_500);
    expect(run.cluster.answering(VIP)).toHaveLength(1);
  });
});

describe("a cable that passes nothing one way", () => {
  test("a holder that hears nothing lets go, and the other takes over", async () => {
    const run = await witnessed(1);
    const mend = cutOneWay(run, "n1", "in");
    await run.pass(CUT_OFF_MS + 1_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    mend();
    await run.pass(15_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
  });

  test("a holder that is not heard hears that another holds it, and lets go", async () => {
    const run = await witnessed(1);
    const mend = cutOneWay(run, "n1", "out");
    await run.pass(CUT_OFF_MS);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    mend();
    await run.pass(15_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
  });
});

test(
  "a tenth of all pulses and answers lost for minutes: nobody is cut off, nothing moves",
  async () => {
    const run = await witnessed(2, NODES, 11);
    run.cluster.loss = 0.1;
    await run.pass(4 * 60_000);
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    expect(run.cluster.log.filter((line) => line.includes("epoch")).length).toBeLessThan(3);
  },
  60_000,
);
