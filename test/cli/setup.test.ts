/** `init`, `join`, `token` and `run`: what they write, print, and refuse. */
import { beforeEach, describe, expect, test } from "bun:test";
import { configSchema } from "../../src/core/config.ts";
import { homeIn } from "../../src/core/home.ts";
import { Refusal } from "../../src/core/refusal.ts";
import { FakeWorld, TOKEN } from "./fake_context.ts";

const PATH = "/etc/troop/troop.yaml";
let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

describe("troop init", () => {
  test("writes a cluster of one from the facts of the machine, and prints the join line", async () => {
    expect(await world.call("init")).toEqual({
      code: 0,
      err: "",
      out: `Node n1 of cluster troop: 192.0.2.11 on eth0
Written: /etc/troop/troop.yaml (mode 0600: the cluster's token is in it)

Start the agent:
  troop run      (or: systemctl enable --now troop)

Then on each further machine:
  troop join 192.0.2.11 --token ${TOKEN}
`,
    });
    expect(world.files.get(PATH)).toEqual(configSchema.parse({
      cluster: "troop",
      name: "n1",
      interface: "eth0",
      address: "192.0.2.11",
      token: TOKEN,
    }));
  });

  test("takes every option", async () => {
    const { code, out } = await world.call(
      ...["init", "--cluster", "web", "--name", "a.b", "--interface", "eth1"],
      ...["--address", "10.0.0.12", "--heartbeat", "192.0.2.11", "--heartbeat", "10.0.0.11"],
      ...[
        "--sync-interface",
        "eth1",
        "--port",
        "7000",
        "--http",
        "off",
        ...["--witness", "10.0.0.1", "--witness", "10.0.0.2"],
        "--no-director",
        "--no-real-server",
      ],
      ...["--priority", "0", "--home", "/srv/n1"],
    );
    expect(code).toBe(0);
    expect(out).toContain(`\n  troop --home /srv/n1 run\n`);
    expect(out).toEndWith(`\n  troop join 10.0.0.12:7000 --token ${TOKEN}\n`);
    expect(world.files.get("/srv/n1/troop.yaml")).toEqual(configSchema.parse({
      cluster: "web",
      name: "a.b",
      interface: "eth1",
      address: "10.0.0.12",
      heartbeat: ["192.0.2.11", "10.0.0.11"],
      syncInterface: "eth1",
      witness: ["10.0.0.1", "10.0.0.2"],
      port: 7_000,
      http: "off",
      director: false,
      realServer: false,
      priority: 0,
      token: TOKEN,
    }));
  });

  test("never overwrites a file", async () => {
    await world.call("init", "--name", "first");
    expect(await world.call("init")).toEqual({
      code: 1,
      out: "",
      err: `troop: init: ${PATH} exists; move it away\n`,
    });
    expect(world.files.get(PATH)?.name).toBe("first");
  });

  const machine = "eth0 (192.0.2.11), eth1 (10.0.0.11 10.0.0.12)";
  test.each([
    [
      ["--interface", "eth9"],
      `interface "eth9" does not exist; use one of this machine: ${machine}`,
    ],
    [
      ["--address", "192.0.2.99"],
      `no interface has the address "192.0.2.99"; use an address of this machine: ${machine}`,
    ],
    [
      ["--interface", "eth0", "--address", "10.0.0.11"],
      `address "10.0.0.11" is not on eth0; use an address of this machine: ${machine}`,
    ],
    [
      ["--name", "n 1"],
      '--name "n 1" is not a name; begin with a letter or digit and use up to 63 letters, digits, dots, dashes and underscores',
    ],
    [
      ["--cluster", "-"],
      '--cluster "-" is not a name; begin with a letter or digit and use up to 63 letters, digits, dots, dashes and underscores',
    ],
    [
      ["--witness", "gateway"],
      '--witness "gateway" is not an address, auto or off; name a router of the public network, which is none of the cluster\'s nodes',
    ],
    [
      ["--sync-interface", "eth9"],
      `--sync-interface "eth9" does not exist; use one of this machine: ${machine}`,
    ],
    [["--port", "0"], '--port "0" is not a number from 1 to 65535; correct it'],
    [["--port", "6940x"], '--port "6940x" is not a number from 1 to 65535; correct it'],
    [["--port", "65536"], '--port "65536" is not a number from 1 to 65535; correct it'],
    [["--priority", "256"], '--priority "256" is not a number from 0 to 255; correct it'],
    [
      ["--http", "localhost:80"],
      '--http "localhost:80" is not IP:PORT; write for example 127.0.0.1:6941, [::1]:6941 or off',
    ],
    [
      ["--http", "127.0.0.1:0"],
      '--http "127.0.0.1:0" is not IP:PORT; write for example 127.0.0.1:6941, [::1]:6941 or off',
    ],
    [
      ["--heartbeat", "10.9.9.9"],
      `--heartbeat "10.9.9.9" is not an address of this machine; use one of ${machine}`,
    ],
    [
      ["--heartbeat", "192.0.2.11"],
      "--heartbeat names an address twice, or the node's own; give each further address once",
    ],
    [
      ["--heartbeat", "10.0.0.11", "--heartbeat", "10.0.0.11"],
      "--heartbeat names an address twice, or the node's own; give each further address once",
    ],
  ])("refuses %j", async (options, line) => {
    expect(await world.call("init", ...options)).toEqual({
      code: 2,
      out: "",
      err: `troop: init: ${line}\n`,
    });
    expect(world.files.size).toBe(0);
  });

  test("does not guess between two interfaces", async () => {
    world.facts = { ...world.facts, defaultInterface: null };
    expect((await world.call("init")).err).toBe(
      `troop: init: more than one interface could be meant, and none has the default route; choose with --interface: ${machine}\n`,
    );
  });
});

describe("troop join", () => {
  test("asks the member, takes the cluster's name from it, and writes the file", async () => {
    const { code, out, err } = await world.call("join", "192.0.2.12", "--token", TOKEN);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(world.asked).toEqual([{ member: { address: "192.0.2.12", port: 6940 }, token: TOKEN }]);
    expect(world.files.get(PATH)).toEqual(configSchema.parse({
      cluster: "web",
      name: "n1",
      interface: "eth0",
      address: "192.0.2.11",
      token: TOKEN,
      join: ["192.0.2.12:6940"],
    }));
    expect(out).toBe(`Node n1 of cluster web: 192.0.2.11 on eth0
Written: /etc/troop/troop.yaml (mode 0600: the cluster's token is in it)
Members that wait for it: n2

Start the agent:
  troop run      (or: systemctl enable --now troop)
`);
    expect(out).not.toContain(TOKEN);
  });

  test.each([
    ["192.0.2.12:7000", { address: "192.0.2.12", port: 7_000 }],
    ["2001:db8::12", { address: "2001:db8::12", port: 6_940 }],
    ["[2001:db8::12]:7000", { address: "2001:db8::12", port: 7_000 }],
  ])("takes a member as %s", async (text, member) => {
    expect((await world.call("join", text, "--token", TOKEN)).code).toBe(0);
    expect(world.asked.map((asked) => asked.member)).toEqual([member]);
  });

  test("reads the token from standard input, so that no list of processes shows it", async () => {
    world.stdin = `${TOKEN}\n`;
    expect((await world.call("join", "192.0.2.12", "--token", "-")).code).toBe(0);
    expect(world.files.get(PATH)?.token).toBe(TOKEN);
  });

  test("writes without asking when told --offline", async () => {
    await world.call("join", "192.0.2.12", "--token", TOKEN, "--offline");
    expect(world.asked).toEqual([]);
    expect(world.files.get(PATH)?.cluster).toBe("troop");
    await world.call(
      "join",
      "192.0.2.12",
      "--token",
      TOKEN,
      "--offline",
      "--cluster",
      "web",
      "--home",
      "/srv/n1",
    );
    expect(world.files.get("/srv/n1/troop.yaml")?.cluster).toBe("web");
  });

  test("takes a member's place only with --replace", async () => {
    const name = ["join", "192.0.2.12", "--token", TOKEN, "--name", "n2"];
    expect(await world.call(...name)).toMatchObject({
      code: 2,
      err:
        'troop: join 192.0.2.12: the name "n2" belongs to the member at 192.0.2.12, 10.0.0.99; choose another with --name, or use --replace if this machine takes that member\'s place\n',
    });
    expect(world.files.size).toBe(0);
    expect((await world.call(...name, "--replace")).code).toBe(0);
  });

  test("refuses an address of a member, also as second path", async () => {
    world.answer = {
      cluster: "web",
      members: [{ name: "n2", id: "2".repeat(16), addresses: ["192.0.2.12", "10.0.0.11"] }],
    };
    expect(await world.call("join", "192.0.2.12", "--token", TOKEN, "--heartbeat", "10.0.0.11"))
      .toMatchObject({
        code: 2,
        err:
          'troop: join 192.0.2.12: the address 10.0.0.11 belongs to the member "n2"; choose another with --address, or use --replace if this machine takes that member\'s place\n',
      });
  });

  test.each([
    [
      "wrong token",
      "a member answers there, but it has another token",
      "copy the token from `troop token` on that member",
    ],
    [
      "unreachable peer",
      "cannot be reached: connection refused",
      "check that `troop run` runs there, the address, and the firewalls between",
    ],
  ])("hands on the refusal of a %s", async (_, problem, remedy) => {
    world.answer = new Refusal({ attempted: "ask 192.0.2.12:6940 to join", problem, remedy });
    expect(await world.call("join", "192.0.2.12", "--token", TOKEN)).toEqual({
      code: 1,
      out: "",
      err: `troop: ask 192.0.2.12:6940 to join: ${problem}; ${remedy}\n`,
    });
    expect(world.files.size).toBe(0);
  });

  test.each([
    [
      ["n2", "--token", TOKEN],
      'join n2: "n2" is not IP or IP:PORT; write the address of a member, for example 192.0.2.11, 192.0.2.11:6940 or [2001:db8::11]:6940',
    ],
    [
      ["192.0.2.12:0", "--token", TOKEN],
      'join 192.0.2.12:0: "192.0.2.12:0" is not IP or IP:PORT; write the address of a member, for example 192.0.2.11, 192.0.2.11:6940 or [2001:db8::11]:6940',
    ],
    [
      ["192.0.2.12"],
      "join 192.0.2.12: --token is missing; run `troop token` on a member; it prints the whole line to paste here",
    ],
    [
      ["192.0.2.12", "--token", "troop1-SECRET"],
      "join 192.0.2.12: the text after --token is not a cluster token (it has 13 characters; a token is troop1- and 64 hexadecimal digits); copy the line that `troop token` prints on a member",
    ],
    [
      ["192.0.2.11", "--token", TOKEN],
      "join 192.0.2.11: 192.0.2.11:6940 is this machine itself; give the address of another member, or begin a new cluster with `troop init`",
    ],
    [
      ["192.0.2.12", "--token", TOKEN, "--cluster", "other"],
      'join 192.0.2.12: the cluster there is "web", not "other"; leave --cluster out',
    ],
  ])("refuses %j", async (argv, line) => {
    expect(await world.call("join", ...argv)).toEqual({
      code: 2,
      out: "",
      err: `troop: ${line}\n`,
    });
    expect(world.files.size).toBe(0);
  });

  test("never overwrites a file, and asks nobody then", async () => {
    await world.call("init");
    expect((await world.call("join", "192.0.2.12", "--token", TOKEN)).code).toBe(1);
    expect(world.asked).toEqual([]);
  });
});

describe("troop token", () => {
  test("prints the token alone on standard output, and the line to paste beside it", async () => {
    await world.call("init", "--port", "7000");
    expect(await world.call("token")).toEqual({
      code: 0,
      out: `${TOKEN}\n`,
      err: `troop join 192.0.2.11:7000 --token ${TOKEN}\n`,
    });
  });

  test("says what to run when there is no file", async () => {
    expect(await world.call("token")).toEqual({
      code: 1,
      out: "",
      err: `troop: read ${PATH}: there is no such file; run \`troop init\`\n`,
    });
  });
});

describe("troop run", () => {
  test("runs the agent with the node's file, and ends with its exit code", async () => {
    await world.call("init", "--home", "/srv/n1");
    world.runResult = 1;
    world.warnings.push("others can read it");
    expect(await world.call("run", "--home", "/srv/n1")).toEqual({
      code: 1,
      out: "",
      err: "troop: warning: others can read it\n",
    });
    expect(world.ran.map(({ home, config }) => [home, config.name])).toEqual([
      [homeIn("/srv/n1"), "n1"],
    ]);
  });

  test.each([
    [
      "a port in use",
      "listen on 192.0.2.11:6940: port 6940 is in use by another program; set another `port` in troop.yaml",
    ],
    ["missing privileges", "start the agent: this process lacks CAP_NET_ADMIN; run it as root"],
  ])("hands on the refusal of %s", async (_, line) => {
    await world.call("init");
    const [attempted = "", rest = ""] = line.split(/: (.*)/);
    const [problem = "", remedy = ""] = rest.split("; ");
    world.runResult = new Refusal({ attempted, problem, remedy });
    const expected = { code: 1, out: "", err: `troop: ${line}\n` };
    expect(await world.call("run")).toEqual(expected);
  });

  test("does not start without a file", async () => {
    expect((await world.call("run")).code).toBe(1);
    expect(world.ran).toEqual([]);
  });
});
