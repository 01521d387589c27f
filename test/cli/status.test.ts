/** `troop status`, `vip move`, `leave` and `doctor` as people and programs read them. */
import { beforeEach, describe, expect, test } from "bun:test";
import { statusSchema } from "../../src/core/status/status.ts";
import type { Finding } from "../../src/ports.ts";
import { fakeNode } from "../http/fake_operations.ts";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;

beforeEach(async () => {
  world = new FakeWorld();
  await world.call("service", "add", "192.0.2.100:80", "--check", "http://:80/");
});

const ALL_WELL = `cluster troop, as n1 sees it at 2026-01-02 12:00:01 UTC

NODE  ADDRESS     STATE  ROLES            HEARD  WHY
n1    192.0.2.11  alive  director+server      -  this node
n2    192.0.2.12  alive  director+server  85 ms  heard 85 ms ago

VIP          HOLDER  INTERFACE  EPOCH  WHY
192.0.2.100  n1      eth0           1  the live incumbent stays

SERVICE / SERVER  NODE  STATE  WEIGHT  ACTIVE  INACT  WHY
192.0.2.100:80  2 of 2 up  wlc dr  check http://:80/
  192.0.2.11:80   n1    up          1      12    345  200 in 3 ms
  192.0.2.12:80   n2    up          1      12    345  200 in 3 ms
`;

describe("troop status", () => {
  test("shows nodes, VIPs and services in tables that need no colour", async () => {
    expect(await world.call("status")).toEqual({ code: 0, out: ALL_WELL, err: "" });
  });

  test("fits 80 columns", () => {
    for (const line of ALL_WELL.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("gives the document to programs", async () => {
    const { out } = await world.call("status", "--json");
    expect(statusSchema.parse(JSON.parse(out))).toEqual(await world.operations.status());
  });

  test("says below the tables what is wrong, worst first", async () => {
    world.operations.holders.clear();
    world.operations.nodes.push(
      fakeNode("n3", "192.0.2.13", {
        state: "dead",
        reason: "silent for 9 s on every path",
        lastHeardMs: 9_000,
        realServer: false,
      }),
      fakeNode("n4", "192.0.2.14", { unfit: "eth0 has no carrier", realServer: false }),
      fakeNode("n5", "192.0.2.15", { director: false, realServer: false, leaving: true }),
    );
    for (const node of ["n1", "n2"]) world.operations.down.set(`192.0.2.100:80 ${node}`, "refused");
    const { code, out } = await world.call("status");
    expect(code).toBe(0);
    expect(out).toContain(
      "n3    192.0.2.13  DEAD     director           9 s  silent for 9 s on every path\n",
    );
    expect(out).toContain("n5    192.0.2.15  leaving  none             85 ms  heard 85 ms ago\n");
    expect(out).toContain("192.0.2.100  NOBODY  eth0           1  no node is fit\n");
    expect(out.split("\n\n").at(-1)).toBe(
      `! nobody holds VIP 192.0.2.100: no node is fit
! service 192.0.2.100:80 has no server up; n1: refused
! node n3 is dead: silent for 9 s on every path
! node n4 cannot hold a VIP: eth0 has no carrier; run \`troop doctor\` there
`,
    );
  });

  test("says when no node serves", async () => {
    world.operations.nodes.splice(0, 2, fakeNode("n1", "192.0.2.11", { realServer: false }));
    expect((await world.call("status")).out).toEndWith(
      "\n! service 192.0.2.100:80 has no servers: no node of the cluster is a real server\n",
    );
  });

  test("has colour on a terminal, and not in a pipe, with NO_COLOR, or on a dumb terminal", async () => {
    const plain = ALL_WELL;
    world.tty = { columns: 200 };
    const { out } = await world.call("status");
    expect(out).toContain("\u001b[32malive\u001b[0m");
    // deno-lint-ignore no-control-regex
    expect(out.replaceAll(/\u001b\[[0-9;]*m/g, "")).toBe(plain);
    world.env["NO_COLOR"] = "1";
    expect((await world.call("status")).out).toBe(plain);
    delete world.env["NO_COLOR"];
    world.env["TERM"] = "dumb";
    expect((await world.call("status")).out).toBe(plain);
  });

  test("cuts the last column to a narrow terminal, and nothing in a pipe", async () => {
    const reason = "an explanation ".repeat(20).trim();
    world.operations.down.set("192.0.2.100:80 n1", reason);
    expect((await world.call("status")).out).toContain(reason);
    world.tty = { columns: 80 };
    world.env["NO_COLOR"] = "1";
    const { out } = await world.call("status");
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(out).toContain("an explanation an expla...");
  });

  test("lets no peer write to the terminal", async () => {
    world.operations.nodes.push(fakeNode("n3", "192.0.2.13", { reason: "a\u001b[2J\nb\u202ec" }));
    const { out } = await world.call("status");
    expect(out).toContain("a [2J b c\n");
  });

  test("shows what a service has beside the usual", async () => {
    const add = (...argv: string[]) => world.call("service", "add", ...argv);
    await add("192.0.2.100:443", "--persistent", "5m", "--netmask", "24", "--forward", "nat");
    await add("192.0.2.100:5060/udp", "--persistent", "--pe", "sip", "--ops");
    await add("192.0.2.100:81", "--scheduler", "sh", "--flags", "sh-port", "--tunnel", "gue:6080");
    await add("fwmark:7", "--vip", "192.0.2.100", "--ports", "tcp/80,tcp/443", "--no-members");
    const lines = (await world.call("status")).out.split("\n").filter((line) =>
      / wlc | sh /.test(line)
    );
    expect(lines).toEqual([
      "192.0.2.100:80  2 of 2 up  wlc dr  check http://:80/",
      "192.0.2.100:443  2 of 2 up  wlc nat  persistent 300s /24  check tcp://",
      "192.0.2.100:5060/udp  2 of 2 up  wlc dr  one-packet  persistent sip 360s  check none",
      "192.0.2.100:81  2 of 2 up  sh sh-port tunnel gue:6080  check tcp://",
      "fwmark:7  DOWN  wlc dr  tcp/80,tcp/443 on 192.0.2.100  no members  check tcp://:80",
    ]);
  });

  test("shows servers without an agent, single methods, thresholds and who drains", async () => {
    const server = (...argv: string[]) => world.call("server", ...argv);
    await server("add", "192.0.2.100:80", "192.0.2.21", "--weight", "5", "--upper", "100");
    await server("add", "192.0.2.100:80", "192.0.2.22", "--tunnel", "gre", "--lower", "0");
    await server("remove", "192.0.2.100:80", "192.0.2.22");
    world.operations.down.set("192.0.2.100:80 192.0.2.21", "refused");
    expect((await world.call("status")).out.split("\n\n").at(-1)).toBe(
      `SERVICE / SERVER  NODE  FORWARD     STATE     WEIGHT  UPPER  ACTIVE  INACT  WHY
192.0.2.100:80  2 of 3 up  wlc dr  check http://:80/
  192.0.2.11:80   n1    dr          up             1      -      12    345  200 in 3 ms
  192.0.2.12:80   n2    dr          up             1      -      12    345  200 in 3 ms
  192.0.2.21:80   -     dr          DOWN           0    100      12    345  refused
  192.0.2.22:80   -     tunnel gre  draining       0      -      12    345  removed; stays until its 357 connections end
`,
    );
  });

  test("takes a server that drains for none", async () => {
    await world.call("service", "set", "192.0.2.100:80", "--no-members");
    await world.call("server", "add", "192.0.2.100:80", "192.0.2.21");
    await world.call("server", "remove", "192.0.2.100:80", "192.0.2.21");
    const { out } = await world.call("status");
    expect(out).toContain("192.0.2.100:80  DOWN  wlc dr");
    expect(out).toContain("! service 192.0.2.100:80 has no servers; enter one with ");
  });

  test("says what a service without members lacks", async () => {
    await world.call("service", "set", "192.0.2.100:80", "--no-members");
    expect((await world.call("status")).out).toEndWith(
      "\n! service 192.0.2.100:80 has no servers; enter one with `troop server add 192.0.2.100:80 ADDRESS`\n",
    );
    await world.call("server", "add", "192.0.2.100:80", "192.0.2.21");
    world.operations.down.set("192.0.2.100:80 192.0.2.21", "refused");
    expect((await world.call("status")).out).toEndWith(
      "\n! service 192.0.2.100:80 has no server up; 192.0.2.21: refused\n",
    );
  });
});

describe("troop vip move", () => {
  test("moves, in any spelling of the address", async () => {
    await world.call("service", "add", "[2001:db8::100]:80");
    expect((await world.call("vip", "move", "2001:DB8:0::100", "n2")).out).toBe(
      "2001:db8::100 moved to n2\n",
    );
    expect(world.operations.holders.get("2001:db8::100")).toBe("n2");
    expect((await world.call("status")).out).toMatch(/^2001:db8::100\s+n2 /m);
  });

  test.each([
    [
      ["192.0.2.100:80", "n2"],
      2,
      'move VIP 192.0.2.100:80 to n2: "192.0.2.100:80" is not an IPv4 or IPv6 address; write the VIP without a port, as `troop status` shows it',
    ],
    [
      ["192.0.2.100", "n9"],
      1,
      'move VIP 192.0.2.100 to n9: no node "n9" is alive; alive are n1, n2',
    ],
  ])("refuses %j", async (argv, code, line) => {
    expect(await world.call("vip", "move", ...argv)).toEqual({
      code,
      out: "",
      err: `troop: ${line}\n`,
    });
  });
});

test("troop leave leaves, and says how to come back", async () => {
  expect(await world.call("leave", "--home", "/srv/n1")).toEqual({
    code: 0,
    out: "n1 left cluster troop\n",
    err:
      "The file is kept as /srv/n1/troop.yaml.left; to come back: troop --home /srv/n1 join ADDRESS --token TOKEN\n",
  });
  expect(world.operations.left).toBe(true);
});

describe("troop doctor", () => {
  const fine: Finding = { what: "libraries", state: "ok", detail: "libnl-3", remedy: null };
  const warned: Finding = {
    what: "config",
    state: "warning",
    detail: "no file",
    remedy: "troop init",
  };
  const lacking: Finding = {
    what: "privileges",
    state: "missing",
    detail: "CAP_NET_ADMIN is missing",
    remedy: "sudo troop doctor",
  };

  function machine(...findings: Finding[]): void {
    world.change = { diagnose: async () => findings };
  }

  test("ends with 1 when something is missing, and gives the command that mends it", async () => {
    machine(fine, lacking, warned);
    expect(await world.call("doctor")).toEqual({
      code: 1,
      err: "",
      out: `ok       libraries   libnl-3
MISSING  privileges  CAP_NET_ADMIN is missing
                     mend: sudo troop doctor
warning  config      no file
                     mend: troop init

1 missing, 1 warning; troop cannot do its work here yet
`,
    });
  });

  test("shows switches in a table of their own", async () => {
    const switches = [
      { name: "net.ipv4.vs.backup_only", now: null, wanted: "0 or 1", why: "no circles" },
      { name: "net.ipv4.ip_forward", now: "0", wanted: "1 with nat", why: "replies" },
    ];
    machine({ what: "sysctls", state: "ok", detail: "9 can be set", remedy: null, switches });
    expect((await world.call("doctor")).out).toBe(`ok       sysctls  9 can be set

SYSCTL                   NOW  TROOP SETS  WHY
net.ipv4.vs.backup_only  -    0 or 1      no circles
net.ipv4.ip_forward      0    1 with nat  replies

This machine has all that troop needs.
`);
    expect(JSON.parse((await world.call("doctor", "--json")).out)).toMatchObject([{ switches }]);
  });

  test("ends with 0 when nothing is missing", async () => {
    machine(fine, warned);
    expect(await world.call("doctor")).toMatchObject({ code: 0 });
    machine(fine);
    expect((await world.call("doctor")).out).toEndWith(
      "\nThis machine has all that troop needs.\n",
    );
  });

  test("gives the findings to programs", async () => {
    machine(fine, lacking);
    const { code, out } = await world.call("doctor", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual([fine, lacking]);
  });
});
