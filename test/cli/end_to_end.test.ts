/** The command line, the admin client, a real Unix socket and the admin API together. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { type Home, homeIn } from "../../src/core/home.ts";
import { adminApp } from "../../src/http/admin.ts";
import { adminClient } from "../../src/http/admin_client.ts";
import { type Served, serveSocket } from "../../src/http/serve.ts";
import { tempFolder } from "../support/temp_folder.ts";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;
let home: Home;
let served: Served;

beforeEach(async () => {
  world = new FakeWorld();
  world.change = { connect: adminClient };
  home = homeIn(tempFolder());
  served = await serveSocket(home, adminApp({ operations: world.operations }).fetch);
});

afterEach(() => served.close());

function troop(...argv: string[]) {
  return world.call("--home", home.folder!, ...argv);
}

describe("over a real socket", () => {
  test("a service is added, listed, refused twice, moved and removed", async () => {
    const name = "[2001:db8::100]:80";
    expect((await troop("service", "add", name, "--check", "http://:80/é", "--expect", "Grüß")).out)
      .toBe(`service ${name} added\n`);
    expect([...world.operations.services.values()][0]?.check).toMatchObject({ expect: "Grüß" });
    expect(await troop("service", "add", name)).toEqual({
      code: 1,
      out: "",
      err: `troop: add service ${name}: it exists already; remove it first\n`,
    });
    expect((await troop("vip", "move", "2001:db8::100", "n2")).code).toBe(0);
    expect(JSON.parse((await troop("status", "--json")).out)).toEqual(
      await world.operations.status(),
    );
    expect((await troop("service", "remove", name)).out).toBe(`service ${name} removed\n`);
    expect((await troop("leave")).out).toBe("n1 left cluster troop\n");
    expect(world.operations.left).toBe(true);
  });

  test("every verb reaches the agent and prints its answer", async () => {
    const lines = [
      [
        "service add 192.0.2.100:80 --persistent 5m --tunnel gue:6080",
        "service 192.0.2.100:80 added",
      ],
      ["service set 192.0.2.100:80 --netmask 24 --interval 5s", "service 192.0.2.100:80 changed"],
      ["service add fwmark6:7 --vip 2001:db8::100 --ports tcp/80", "service fwmark6:7 added"],
      ["server add 192.0.2.100:80 192.0.2.21", "server 192.0.2.21 added to 192.0.2.100:80"],
      ["server set 192.0.2.100:80 n2 --weight 3", "server n2 of 192.0.2.100:80 changed"],
      ["server remove 192.0.2.100:80 192.0.2.21", "server 192.0.2.21 removed from 192.0.2.100:80"],
      ["vip add 192.0.2.100 --prefer n1 --failback", "VIP 192.0.2.100 added"],
      ["vip set 192.0.2.100 --label 1", "VIP 192.0.2.100 changed"],
      ["vip remove 192.0.2.100", "VIP 192.0.2.100 removed"],
      ["settings set udp-timeout 60", "udp-timeout set to 60"],
      ["settings reset udp-timeout", "udp-timeout reset"],
      ["connections", "0 of 0 connections"],
      ["service remove fwmark6:7", "service fwmark6:7 removed"],
    ] as const;
    for (const [line, answer] of lines) {
      expect(await troop(...line.split(" "))).toEqual({ code: 0, out: `${answer}\n`, err: "" });
    }
    expect([...world.operations.services.values()]).toMatchObject([{
      persistence: { timeoutS: 300, prefixLength: 24 },
      check: { kind: "tcp", intervalMs: 5_000 },
    }]);
    expect(JSON.parse((await troop("table", "--json")).out)).toEqual(world.operations.rows());
  });

  test("a refusal names what was asked", async () => {
    for (
      const [line, attempted] of [
        ["service set 192.0.2.9:80 --weight 1", "change service 192.0.2.9:80"],
        ["server add 192.0.2.9:80 n1", "add server n1 to 192.0.2.9:80"],
        ["vip remove 192.0.2.9", "remove VIP 192.0.2.9"],
      ] as const
    ) {
      const { code, err } = await troop(...line.split(" "));
      expect(code).toBe(1);
      expect(err).toStartWith(`troop: ${attempted}: `);
    }
  });

  test("a table of 11,000 rows arrives whole, and lets the agent's loop run in between", async () => {
    await troop("service", "add", "192.0.2.100:80");
    const [row] = world.operations.rows();
    const rows = Array.from({ length: 11_000 }, (_, port) => ({ ...row!, port }));
    Object.assign(world.operations, { table: async () => rows });
    let turns = 0;
    let running = true;
    const turn = () => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    const { code, out } = await troop("table", "--save");
    running = false;
    expect(code).toBe(0);
    expect(out.split("\n").filter((line) => line.startsWith("-A "))).toHaveLength(11_000);
    // 12 MB: at least as many turns as pieces of 32 KB.
    expect(turns).toBeGreaterThan(300);
  });

  test("a newer agent's further fields reach programs", async () => {
    const { operations } = world;
    const status = { ...await operations.status(), novelty: { deep: [1] } };
    const app = adminApp({
      operations: Object.assign(operations, { status: () => Promise.resolve(status) }),
    });
    await served.close();
    served = await serveSocket(home, app.fetch);
    expect(JSON.parse((await troop("status", "--json")).out)).toEqual(status);
  });

  test("a fault in the agent is one line that names what was asked", async () => {
    world.operations.fault = new Error("boom");
    expect(await troop("service", "add", "192.0.2.100:80")).toEqual({
      code: 1,
      out: "",
      err:
        "troop: add service 192.0.2.100:80: a fault in the agent: boom; look at the agent's log, and report it\n",
    });
  });
});

describe("without an answer", () => {
  const start = () => `start it with \`troop --home ${home.folder} run\``;

  test("no agent was ever there", async () => {
    await served.close();
    for (const argv of [["status"], ["service", "list"]]) {
      expect(await troop(...argv)).toEqual({
        code: 1,
        out: "",
        err: `troop: status: no agent answers at ${home.socket}; ${start()}\n`,
      });
    }
    expect((await troop("vip", "move", "192.0.2.1", "n1")).err).toBe(
      `troop: move VIP 192.0.2.1 to n1: no agent answers at ${home.socket}; ${start()}\n`,
    );
    expect((await troop("leave")).err).toBe(
      `troop: leave: no agent answers at ${home.socket}; ${start()}\n`,
    );
  });

  test("a killed agent left its socket", async () => {
    await served.close();
    const script = `Bun.serve({ unix: ${
      JSON.stringify(home.socket)
    }, fetch: () => new Response("") }); console.log("up")`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    for await (const _ of child.stdout) break;
    child.kill("SIGKILL");
    await child.exited;
    expect((await troop("status")).err).toBe(
      `troop: status: no agent answers at ${home.socket}; ${start()}\n`,
    );
  });

  test("the agent ends in the middle", async () => {
    await served.close();
    const server = createServer((socket) => socket.once("data", () => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(home.socket, resolve));
    const { code, err } = await troop("status");
    expect(code).toBe(1);
    expect(err).toStartWith(`troop: status: the agent at ${home.socket} ended or broke off: `);
    expect(err).toEndWith("; look at its log, and start it again if it is gone\n");
    server.close();
  });

  test("somebody else answers there", async () => {
    await served.close();
    served = await serveSocket(home, () => Response.json({ hello: "world" }));
    expect((await troop("status")).err).toBe(
      `troop: status: the agent at ${home.socket} answers in a way this version does not know; restart the agent with this version of troop\n`,
    );
  });

  test("the path is too long for a socket", async () => {
    const long = homeIn(`${home.folder}/${"x".repeat(120)}`);
    mkdirSync(long.folder!);
    expect((await world.call("--home", long.folder!, "status")).err).toBe(
      `troop: status: the path ${long.socket} is too long for a Unix socket; use a --home with a shorter path\n`,
    );
    rmSync(long.folder!, { recursive: true });
  });

  test("the socket belongs to somebody else", async () => {
    // Root may connect to every socket, so another user asks; he needs a way to the folder.
    if (process.getuid?.() !== 0) chmodSync(home.socket, 0);
    else chmodSync(home.folder!, 0o755);
    const script = `
      import { adminClient } from ${
      JSON.stringify(`${import.meta.dir}/../../src/http/admin_client.ts`)
    };
      if (process.getuid() === 0) process.setuid(65534);
      const home = ${JSON.stringify(home)};
      await adminClient(home).status().catch((error) => console.log(error.message));
    `;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    expect(await new Response(child.stdout).text()).toBe(
      `status: permission denied for ${home.socket}; run as root, or as the agent's user\n`,
    );
  });
});
