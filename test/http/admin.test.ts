/** The admin API without a socket: what it takes, what it refuses, and in which words. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Hono } from "hono";
import { statusSchema } from "../../src/core/status.ts";
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
    ["a missing body", "/services/remove", "", "the body is not JSON"],
  ])("refuses %s with 400", async (_, path, body, problem) => {
    const response = await post(path, body);
    expect(response.status).toBe(400);
    const { error } = await response.json() as { error: { problem: string; kind: string } };
    expect(error.problem).toStartWith(problem);
    expect(error.kind).toBe("usage");
    expect(operations.services.size).toBe(0);
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
