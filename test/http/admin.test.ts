/** The admin API without a socket: what it takes, what it refuses, and in which words. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Hono } from "hono";
import { statusSchema } from "../../src/core/status/status.ts";
import { adminApp } from "../../src/http/admin.ts";
import { ADMIN_BODY_BYTES_MAX } from "../../src/http/admin_wire.ts";
import { FakeOperations } from "./fake_operations.ts";

const check = { kind: "tcp", port: null };
const name = { address: "192.0.2.100", port: 80, protocol: "tcp" };
const service = {
  address: "192.0.2.100",
  port: 80,
  protocol: "tcp",
  scheduler: "wlc",
  forwarding: "dr",
  check,
};

let operations: FakeOperations;
let faults: unknown[];
let app: Hono;

beforeEach(() => {
  operations = new FakeOperations();
  faults = [];
  app = adminApp({ operations, onFault: (error) => faults.push(error) });
});

function post(path: string, body: unknown): Response | Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return app.request(`/admin/v1${path}`, { method: "POST", body: text });
}

describe("adminApp", () => {
  test("adds a service with the check's defaults, and shows it in the status", async () => {
    const response = await post("/services", { service });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ message: "service 192.0.2.100:80 added" });
    expect([...operations.services.values()][0]?.check.intervalMs).toBe(1_000);
    const status = await (await app.request("/admin/v1/status")).json();
    expect(statusSchema.parse(status).services.map((item) => item.port)).toEqual([80]);
  });

  test("removes, moves and leaves", async () => {
    await post("/services", { service });
    await post("/vips/move", { vip: "192.0.2.100", node: "n2" });
    expect(operations.holders.get("192.0.2.100")).toBe("n2");
    await post("/services/remove", { service: name });
    expect(operations.services.size).toBe(0);
    expect(await (await post("/leave", {})).json()).toEqual({ message: "n1 left cluster troop" });
    expect(operations.left).toBe(true);
  });

  test("changes services, servers, VIPs and settings", async () => {
    await post("/services", { service });
    const server = { address: "192.0.2.21", port: null };
    const orders: [string, unknown, string][] = [
      [
        "/services/set",
        { service: name, change: { weight: 5, check: { intervalMs: 500 } } },
        "service 192.0.2.100:80 changed",
      ],
      [
        "/servers",
        { service: name, server, settings: { weight: 2 } },
        "server 192.0.2.21 added to 192.0.2.100:80",
      ],
      [
        "/servers/set",
        { service: name, server: { node: "n2" }, settings: { upper: 7 } },
        "server n2 of 192.0.2.100:80 changed",
      ],
      [
        "/servers/remove",
        { service: name, server, now: true },
        "server 192.0.2.21 removed from 192.0.2.100:80",
      ],
      ["/vips", { vip: "10.0.0.100", settings: { group: "web" } }, "VIP 10.0.0.100 added"],
      ["/vips/set", { vip: "10.0.0.100", settings: { prefer: ["n2"] } }, "VIP 10.0.0.100 changed"],
      ["/settings", { name: "tcp-timeout", value: "900" }, "tcp-timeout set to 900"],
    ];
    for (const [path, order, message] of orders) {
      expect(await (await post(path, order)).json()).toEqual({ message });
    }
    const [changed] = [...operations.services.values()];
    expect(changed).toMatchObject({
      weight: 5,
      check: { kind: "tcp", intervalMs: 500, timeoutMs: 1_000 },
    });
    expect([...operations.servers.get("192.0.2.100:80")!.values()]).toEqual([
      { ref: { node: "n2" }, change: { upper: 7 } },
    ]);
    expect(operations.vips.get("10.0.0.100")).toEqual({ group: "web", prefer: ["n2"] });
    expect(operations.settings.get("tcp-timeout")).toBe("900");
    await post("/settings", { name: "tcp-timeout", value: null });
    await post("/vips/remove", { vip: "10.0.0.100" });
    expect([operations.settings.size, operations.vips.size]).toEqual([0, 0]);
  });

  test("takes a mark service, and removes it by its mark", async () => {
    const mark = { protocol: "fwm", family: 4, mark: 7 };
    const { address: _, port: _port, ...settings } = service;
    const marked = {
      ...settings,
      ...mark,
      vips: ["192.0.2.100"],
      check: { kind: "none", port: null },
    };
    expect((await post("/services", { service: marked })).status).toBe(200);
    expect((await post("/services/remove", { service: mark })).status).toBe(200);
    expect(operations.services.size).toBe(0);
  });

  test("tells the table and connections", async () => {
    await post("/services", { service });
    const table = await (await app.request("/admin/v1/table")).json();
    expect(table).toEqual({ rows: operations.rows() });
    const filter = { service: name, server: "192.0.2.11", serverPort: 80, limit: 10 };
    expect(await (await post("/connections", filter)).json()).toEqual({
      connections: [],
      matched: 0,
      total: 0,
    });
  });

  test("answers a refusal with 409 and its parts", async () => {
    await post("/services", { service });
    const response = await post("/services", { service });
    expect(response.status).toBe(409);
    expect(await response.json()).toEqual({
      error: {
        attempted: "add service 192.0.2.100:80",
        problem: "it exists already",
        remedy: "remove it first",
        kind: "failure",
      },
    });
  });

  test.each([
    ["a body that is no JSON", "/services", "{", "the body is not JSON"],
    ["an unknown field", "/services", { service: { ...service, wieght: 1 } }, "service: "],
    [
      "an unknown scheduler",
      "/services",
      { service: { ...service, scheduler: "xyz" } },
      "service.scheduler: ",
    ],
    [
      "a VIP on loopback",
      "/services",
      { service: { ...service, address: "127.0.0.1" } },
      "service.address: is not an address that can be a VIP",
    ],
    [
      "a spelling that is not canonical",
      "/vips/move",
      { vip: "2001:DB8::1", node: "n1" },
      "vip: is not a canonical address",
    ],
    ["a node name with a line end", "/vips/move", { vip: "192.0.2.1", node: "n1\n" }, "node: "],
    [
      "a change of nothing known",
      "/services/set",
      { service: name, change: { wieght: 1 } },
      "change: ",
    ],
    [
      "half a name",
      "/services/remove",
      { service: { protocol: "fwm", mark: 7 } },
      "service.family: ",
    ],
    [
      "a check without a port where there is none",
      "/services",
      { service: { ...service, port: 0, persistence: { timeoutS: 300 } } },
      "service: the check must name a port",
    ],
    [
      "a server that is both",
      "/servers",
      { service: name, server: { node: "n1", address: "192.0.2.1", port: 1 }, settings: {} },
      "server: ",
    ],
    [
      "a VIP on loopback that is no service's",
      "/vips",
      { vip: "127.0.0.1", settings: {} },
      "vip: is not an address that can be a VIP",
    ],
    ["an unknown setting", "/settings", { name: "tcp", value: "1" }, "name: "],
    ["more connections than one answer has", "/connections", { limit: 100_001 }, "limit: "],
    ["a missing body", "/services/remove", "", "the body is not JSON"],
  ])("refuses %s with 400", async (_, path, body, problem) => {
    const response = await post(path, body);
    expect(response.status).toBe(400);
    const { error } = await response.json() as { error: { problem: string; kind: string } };
    expect(error.problem).toStartWith(problem);
    expect(error.kind).toBe("usage");
    expect(operations.services.size).toBe(0);
  });

  test("takes the largest orders there can be", async () => {
    const prefer = Array.from({ length: 256 }, (_, index) => `n${index}`.padEnd(63, "x"));
    expect((await post("/vips", { vip: "192.0.2.100", settings: { prefer } })).status).toBe(200);
    const wide = "\u{ffff}";
    const page = {
      kind: "https",
      port: 443,
      path: `/${wide.repeat(1_999)}`,
      host: wide.repeat(2_000),
    };
    const largest = { ...service, check: { ...page, expect: wide.repeat(1_000) } };
    // Half a surrogate pair is written in six characters.
    const text = JSON.stringify({ service: largest }).replaceAll(wide, "\\ud800");
    expect(text.length).toBeGreaterThan(30_000);
    expect((await post("/services", text)).status).toBe(200);
  });

  test("refuses a body that is too big with 413, declared or not", async () => {
    const big = JSON.stringify({ service, pad: "x".repeat(ADMIN_BODY_BYTES_MAX) });
    expect((await post("/services", big)).status).toBe(413);
    const stream = new Response(big).body;
    const streamed = new Request("http://troop/admin/v1/services", {
      method: "POST",
      body: stream,
    });
    expect((await app.fetch(streamed)).status).toBe(413);
  });

  test("answers an unknown route with 404 in JSON", async () => {
    const response = await app.request("/admin/v1/nope");
    expect(response.status).toBe(404);
    expect(await response.json()).toHaveProperty("error.problem", "there is no such route");
  });

  test("tells of a fault of the program without its stack, and reports it", async () => {
    operations.fault = new Error("boom");
    const response = await app.request("/admin/v1/status");
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).toContain("a fault in the agent: boom");
    expect(text).not.toContain(".ts:");
    expect(faults).toHaveLength(1);
  });
});
