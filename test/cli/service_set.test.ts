/** `troop service set`: what is named changes, all else stays. */
import { beforeEach, describe, expect, test } from "bun:test";
import { checkSchema } from "../../src/core/check.ts";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

describe("troop service set", () => {
  const NAME = "192.0.2.100:80";
  const only = () => [...world.operations.services.values()][0]!;

  beforeEach(async () => {
    const page = ["--check", "http://:80/", "--expect", "ok", "--interval", "2s"];
    await world.call("service", "add", NAME, "--persistent", "60", "--netmask", "24", ...page);
    world.contacted.length = 0;
  });

  test.each<[string[], object]>([
    [["--scheduler", "sh", "--flags", "sh-port"], { scheduler: "sh", flags: ["flag-2"] }],
    [["--persistent"], { persistence: { timeoutS: 360, prefixLength: 24, engine: null } }],
    [["--netmask", "255.255.0.0"], {
      persistence: { timeoutS: 60, prefixLength: 16, engine: null },
    }],
    [["--no-persistent"], { persistence: null }],
    [["--forward", "nat", "--server-port", "8080"], { forwarding: "nat", serverPort: 8_080 }],
    [["--tunnel", "gre"], {
      forwarding: "tunnel",
      tunnel: { kind: "gre", port: 0, checksum: "none" },
    }],
    [["--weight", "9", "--upper", "8", "--lower", "7"], { weight: 9, upper: 8, lower: 7 }],
    [["--no-members"], { members: false }],
  ])("changes with %j nothing else", async (options, expected) => {
    const before = only();
    expect(await world.call("service", "set", NAME, ...options)).toEqual({
      code: 0,
      out: `service ${NAME} changed\n`,
      err: "",
    });
    expect(only()).toEqual({ ...before, ...expected });
  });

  test.each<[string[], object]>([
    [["--interval", "5s"], { intervalMs: 5_000 }],
    [["--timeout", "300ms"], { timeoutMs: 300 }],
    [["--expect", "fine"], { expect: "fine" }],
    [["--no-expect"], { expect: null }],
    [["--check", "https://www.example.org/x"], {
      kind: "https",
      host: "www.example.org",
      port: null,
      path: "/x",
      expect: null,
    }],
    [["--check", "http://:81/y", "--expect", "y"], { port: 81, path: "/y", expect: "y" }],
  ])("changes of the check with %j nothing else", async (options, expected) => {
    const { check } = only();
    expect((await world.call("service", "set", NAME, ...options)).code).toBe(0);
    expect(only().check).toEqual(checkSchema.parse({ ...check, ...expected }));
  });

  test("takes everything back", async () => {
    const there = ["--scheduler", "sh", "--flags", "sh-port", "--forward", "nat"];
    await world.call("service", "set", NAME, ...there, "--server-port", "81", "--no-members");
    const back = ["--no-flags", "--no-server-port", "--members", "--no-persistent", "--no-ops"];
    expect((await world.call("service", "set", NAME, ...back)).code).toBe(0);
    expect(only()).toMatchObject({
      flags: [],
      serverPort: null,
      members: true,
      persistence: null,
      onePacket: false,
    });
  });

  test("changes VIPs and ports of a mark service", async () => {
    await world.call("service", "add", "fwmark:7", "--vip", "192.0.2.100", "--ports", "tcp/80");
    const vips = ["--vip", "192.0.2.101,192.0.2.100", "--ports", "none"];
    expect((await world.call("service", "set", "fwmark:7", ...vips)).code).toBe(0);
    expect([...world.operations.services.values()][1]).toMatchObject({
      vips: ["192.0.2.101", "192.0.2.100"],
      ports: [],
    });
  });

  test("hands on what only the agent can know", async () => {
    expect((await world.call("service", "set", "192.0.2.9:80", "--weight", "1")).code).toBe(1);
    expect(await world.call("service", "set", NAME, "--check", "none", "--expect", "x"))
      .toMatchObject({ code: 2 });
    await world.call("service", "set", NAME, "--check", "tcp://");
    expect((await world.call("service", "set", NAME, "--expect", "x")).err).toBe(
      `troop: change service ${NAME}: the check: a tcp check has no option expect; correct it\n`,
    );
    await world.call("service", "set", NAME, "--no-persistent");
    expect((await world.call("service", "set", NAME, "--netmask", "24")).err).toBe(
      `troop: change service ${NAME}: a netmask and a persistence engine need persistence; correct it\n`,
    );
  });

  test.each([
    [[], "no change is named; see `troop service set --help`"],
    [
      ["--flags", "sh-port"],
      "--flags are flags of a scheduler; name it too, for example --scheduler sh --flags sh-port",
    ],
    [
      ["--no-persistent", "--netmask", "24"],
      "--netmask needs persistence; give --persistent with it",
    ],
    [
      ["--ports", "tcp/80"],
      "--ports is for mark services: this one has both in its name; leave it out, or name the service fwmark:N",
    ],
    [["--pe", "dns"], 'persistence engine "dns" is not known; use one of sip'],
    [
      ["--check", "tcp://:80", "--expect", "x"],
      "--expect needs a check that looks at an answer; give --check http://:PORT/PATH or https://HOST/PATH with it",
    ],
  ])("refuses %j before anybody is contacted", async (options, line) => {
    expect(await world.call("service", "set", NAME, ...options)).toEqual({
      code: 2,
      out: "",
      err: `troop: change service ${NAME}: ${line}\n`,
    });
    expect(world.contacted).toEqual([]);
  });
});
