/** Options of `troop service` about how servers leave a pool and return. */
import { beforeEach, describe, expect, test } from "bun:test";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

function service(verb: string, ...options: string[]) {
  return world.call("service", verb, "192.0.2.100:80", ...options);
}

const present = () => world.operations.services.get("tcp/192.0.2.100:80");
const QUICK = { onFailure: "quiesce", slowStartMs: 0, adaptWeights: false } as const;

describe("troop service add and set", () => {
  test.each([
    [[], QUICK],
    [["--on-failure", "remove"], { ...QUICK, onFailure: "remove" }],
    [["--slow-start", "30s"], { ...QUICK, slowStartMs: 30_000 }],
    [["--adapt-weights"], { ...QUICK, adaptWeights: true }],
  ])("add with %j", async (options, expected) => {
    expect(await service("add", ...options)).toMatchObject({ code: 0, err: "" });
    expect(present()).toMatchObject(expected);
  });

  test("take back what was said", async () => {
    await service("add", "--on-failure", "remove", "--slow-start", "1h", "--adapt-weights");
    await service("set", "--no-slow-start", "--no-adapt-weights");
    expect(present()).toMatchObject({ ...QUICK, onFailure: "remove" });
  });

  test.each([
    [["--on-failure", "delete"], '--on-failure "delete" is not known; use one of quiesce, remove'],
    [["--slow-start", "500ms"], '--slow-start "500ms" is not a time from 1s to 1h'],
    [["--slow-start", "2h"], '--slow-start "2h" is not a time from 1s to 1h'],
  ])("refuse %j before any agent is asked", async (options, problem) => {
    const { code, err } = await service("add", ...options);
    expect(code).toBe(2);
    expect(err).toContain(problem);
    expect(world.contacted).toEqual([]);
  });
});
