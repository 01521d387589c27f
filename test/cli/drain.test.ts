/** `troop drain` and `undrain`: whom, how long, and waiting for the last connection. */
import { beforeEach, describe, expect, test } from "bun:test";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(async () => {
  world = new FakeWorld();
  await world.call("service", "add", "192.0.2.100:80");
});

/** Connections that are open at each look; the last one goes on for ever. */
function opens(...counts: (number | null)[]): void {
  const { drains } = world.operations;
  const show = () => {
    const count = counts.length > 1 ? counts.shift() : counts[0];
    const [first] = drains;
    if (first === undefined || count === undefined) return;
    drains[0] = { ...first, activeConnections: count, inactiveConnections: count };
  };
  world.onSleep = show;
}

describe("troop drain", () => {
  test.each([
    [["n2"], { target: "n2", service: null, until: null }],
    [["192.0.2.21:8080", "--comment", "new disk"], { comment: "new disk" }],
    [["n2", "--service", "192.0.2.100:80"], { service: "192.0.2.100:80" }],
    [["n2", "--for", "30m"], { until: "in 1800000 ms" }],
    [["n2", "--until", "2026-01-03T08:00Z"], { until: "2026-01-03T08:00:00.000Z" }],
  ])("orders %j", async (words, expected) => {
    const { code, out, err } = await world.call("drain", ...words);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toEndWith("is drained\n");
    expect(world.operations.drains).toMatchObject([expected]);
  });

  test("takes a time of day for its next occurrence", async () => {
    await world.call("drain", "n2", "--until", "00:00");
    const until = Date.parse(world.operations.drains[0]?.until ?? "");
    expect(new Date(until).getHours()).toBe(0);
    expect(until - world.wallMs).toBeGreaterThan(0);
    expect(until - world.wallMs).toBeLessThanOrEqual(86_400_000);
  });

  test.each([
    [["1.2.3"], '"1.2.3" is neither an address nor a name of a node'],
    [["n2", "--for", "5"], '--for "5" is not a time from 1s'],
    [["n2", "--for", "9000h"], '--for "9000h" is not a time from 1s to 8760h'],
    [["n2", "--for", "1h", "--until", "18:00"], "--for and --until both name an end"],
    [["n2", "--until", "tomorrow"], '--until "tomorrow" is not a time'],
    [["n2", "--until", "25:00"], '--until "25:00" is not a time'],
    [["n2", "--until", "2026-13-01T00:00"], '--until "2026-13-01T00:00" is not a time'],
    [["n2", "--until", "2025-01-01T00:00"], "has passed"],
    [["n2", "--wait", "25h"], '--wait "25h" is out of range'],
    [["n2", "--comment", "x".repeat(201)], "--comment is too long"],
    [["n2", "--comment", "a\nb"], "--comment has a control character"],
    [["n2", "--service", "web"], '"web" is not VIP:PORT'],
  ])("refuses %j before any agent is asked", async (words, problem) => {
    world.contacted.length = 0;
    const { code, err } = await world.call("drain", ...words);
    expect(code).toBe(2);
    expect(err).toContain(problem);
    expect(world.contacted).toEqual([]);
  });

  test("waits, shows what is open, and ends when nothing is", async () => {
    opens(null, 3, 3, 1, 0, 0);
    const { code, out } = await world.call("drain", "n2", "--wait");
    expect(code).toBe(0);
    expect(out.trim().split("\n")).toEqual([
      "n2 is drained",
      "the holder has not counted yet",
      "3 open, 3 closing",
      "1 open, 1 closing",
      "nothing is open any more",
    ]);
  });

  test("does not believe a single look", async () => {
    opens(0, 2, 0, 0);
    expect((await world.call("drain", "n2", "--wait")).out).toContain("2 open");
  });

  test("waits for VIPs that are handed over", async () => {
    let looks = 0;
    world.onSleep = () => {
      const [first] = world.operations.drains;
      if (first === undefined) return;
      const vips = ++looks < 3 ? ["192.0.2.100"] : [];
      world.operations.drains[0] = { ...first, activeConnections: 0, inactiveConnections: 0, vips };
    };
    const { code, out } = await world.call("drain", "n2", "--wait");
    expect({ code, shown: out.includes("0 open, 0 closing; hands over 192.0.2.100") })
      .toEqual({ code: 0, shown: true });
    expect(looks).toBeGreaterThanOrEqual(4);
  });

  test("gives up when the time is over, and says what is left", async () => {
    opens(2);
    const { code, err } = await world.call("drain", "n2", "--wait", "5s");
    expect(code).toBe(1);
    expect(err).toStartWith("troop: wait until n2 is empty: after 5 s: 2 open, 2 closing;");
  });

  test("notices that somebody else lifted it", async () => {
    world.onSleep = () => void world.operations.drains.splice(0);
    const { code, err } = await world.call("drain", "n2", "--wait");
    expect(code).toBe(1);
    expect(err).toContain("the drain has ended or was lifted");
  });

  test("is shown by status", async () => {
    await world.call("drain", "n2", "--comment", "new disk");
    const { out } = await world.call("status");
    expect(out).toMatch(/IN MAINTENANCE +SERVICE +SINCE/);
    expect(out).toMatch(/n2 +all +2026-01-02 12:00:01 UTC +undrain +\? +new disk/);
  });
});

describe("troop undrain", () => {
  test("puts it back", async () => {
    await world.call("drain", "n2");
    expect(await world.call("undrain", "n2")).toEqual({ code: 0, out: "n2 is back\n", err: "" });
    expect(world.operations.drains).toEqual([]);
  });

  test("hands on the agent's refusal", async () => {
    const { code, err } = await world.call("undrain", "n2", "--service", "192.0.2.100:80");
    expect(code).toBe(1);
    expect(err).toContain("it is not drained");
  });
});
