import { describe, expect, test } from "bun:test";
import { configSchema } from "../../src/core/config.ts";

const LEAST = {
  cluster: "troop",
  name: "n1",
  interface: "eth0",
  address: "192.0.2.1",
  token: `troop1-${"0".repeat(64)}`,
};

function problems(fields: Record<string, unknown>): string[] {
  const parsed = configSchema.safeParse({ ...LEAST, ...fields });
  return (parsed.error?.issues ?? []).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
}

describe("configSchema", () => {
  test("needs only who the node is, and fills in the rest", () => {
    expect(configSchema.parse(LEAST)).toEqual({
      ...LEAST,
      heartbeat: [],
      port: 6_940,
      witness: "auto",
      http: "127.0.0.1:6941",
      join: [],
      director: true,
      realServer: true,
      priority: 100,
      pulseMs: 100,
      deadMs: 400,
      hooks: [],
      privileges: "drop",
      log: "info",
    });
  });

  test("needs every one of the fields that say who the node is", () => {
    for (const field of Object.keys(LEAST)) {
      expect(problems({ [field]: undefined })).toEqual([expect.stringContaining(`${field}: `)]);
    }
  });

  test("refuses a key it does not know: a misspelt option must not be ignored", () => {
    expect(problems({ priorty: 200 })).toEqual([expect.stringContaining("priorty")]);
  });

  const wrong: [fields: Record<string, unknown>, problem: string][] = [
    [{ address: "eth0" }, "address: is not an IPv4 or IPv6 address"],
    [{ address: "2001:DB8::1" }, "address: is not an IPv4 or IPv6 address"],
    [{ heartbeat: ["10.0.0.1", "10.0.0.300"] }, "heartbeat.1: is not an IPv4 or IPv6 address"],
    [{ heartbeat: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"] }, "heartbeat: "],
    [{ token: "secret" }, "token: is not a cluster token"],
    [{ token: `troop1-${"A".repeat(64)}` }, "token: is not a cluster token"],
    [{ name: "-n1" }, "name: must start with a letter or digit"],
    [{ cluster: "my cluster" }, "cluster: must start with a letter or digit"],
    [{ interface: "x".repeat(16) }, "interface: "],
    [{ interface: "" }, "interface: "],
    [{ port: 0 }, "port: "],
    [{ priority: 256 }, "priority: "],
    [{ pulseMs: 10 }, "pulseMs: "],
    [{ log: "loud" }, "log: "],
    [{ director: "yes" }, "director: "],
  ];
  test.each(wrong)("refuses %j", (fields, problem) => {
    expect(problems(fields)).toEqual([expect.stringContaining(problem)]);
  });
});

describe("deadMs", () => {
  const cases: [pulseMs: number, deadMs: number, right: boolean][] = [
    [100, 400, true],
    [100, 200, true],
    [100, 199, false],
    [200, 400, true],
    [201, 400, false],
    [20, 80, true],
    [10_000, 20_000, true],
    [10_000, 400, false],
  ];
  test.each(cases)("of a beat of %d ms may be %d ms: %p", (pulseMs, deadMs, right) => {
    expect(problems({ pulseMs, deadMs })).toEqual(
      right ? [] : ["deadMs: must be at least twice pulseMs, or one lost packet is a death"],
    );
  });
});
