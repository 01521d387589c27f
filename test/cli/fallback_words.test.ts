/** What `--fallback` and its kin say, and what is refused before any agent is asked. */
import { describe, expect, test } from "bun:test";
import { FakeWorld } from "./fake_context.ts";

const NAME = "192.0.2.100:80";

async function added(...words: string[]) {
  const world = new FakeWorld();
  const outcome = await world.call("service", "add", NAME, ...words);
  expect(outcome.err).toBe("");
  return [...world.operations.services.values()][0]!;
}

describe("options for having nobody left", () => {
  test("say what they say, and nothing is as the cluster has it", async () => {
    expect(await added()).toMatchObject({
      fallback: null,
      quorum: 1,
      hysteresis: 0,
      quorumBy: "count",
      whenAllFail: "fallback",
    });
    const words = ["--fallback", "192.0.2.9:8080,nat", "--quorum", "20", "--hysteresis", "5"];
    expect(await added(...words, "--quorum-by", "weight", "--when-all-fail", "keep")).toMatchObject(
      {
        fallback: { address: "192.0.2.9", port: 8_080, forwarding: "nat", tunnel: null },
        quorum: 20,
        hysteresis: 5,
        quorumBy: "weight",
        whenAllFail: "keep",
      },
    );
    expect((await added("--fallback", "sorry")).fallback).toBe("sorry");
  });

  test("change one by one, and back", async () => {
    const world = new FakeWorld();
    await world.call("service", "add", NAME, "--fallback", "sorry", "--quorum", "2");
    await world.call("service", "set", NAME, "--fallback", "none");
    const only = () => [...world.operations.services.values()][0];
    expect(only()).toMatchObject({ fallback: "none", quorum: 2 });
    await world.call("service", "set", NAME, "--no-fallback");
    expect(only()).toMatchObject({ fallback: null, quorum: 2 });
  });

  test.each([
    [["--fallback", "backup.example.org"], "is no fallback"],
    [["--fallback", "192.0.2.9:8080"], "direct routing cannot change the port"],
    [["--fallback", "2001:db8::9"], "no IPv4 address"],
    [["--fallback", "192.0.2.9:80,ftp"], "no forwarding method"],
    [["--quorum", "0"], "--quorum"],
    [["--hysteresis", "-1"], "--hysteresis"],
    [["--quorum-by", "load"], "--quorum-by"],
    [["--when-all-fail", "panic"], "--when-all-fail"],
  ])("%p is refused", async (words, problem) => {
    const world = new FakeWorld();
    const { code, err } = await world.call("service", "add", NAME, ...words);
    expect([code, err]).toEqual([2, expect.stringContaining(problem)]);
    expect(world.operations.services.size).toBe(0);
  });
});
