/** The read-only endpoint without a socket. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Hono } from "hono";
import { NO_CHECK } from "../../src/core/check.ts";
import { serviceSchema } from "../../src/core/service/service.ts";
import { statusSchema } from "../../src/core/status/status.ts";
import { statusJsonSchema } from "../../src/core/status/status_schema.ts";
import { publicApp } from "../../src/http/public.ts";
import { FakeOperations } from "./fake_operations.ts";

let operations: FakeOperations;
let problem: string | null;
let app: Hono;

beforeEach(async () => {
  operations = new FakeOperations();
  problem = null;
  app = publicApp({ operations, health: () => problem });
  await operations.addService(
    serviceSchema.parse({
      address: "192.0.2.100",
      port: 80,
      protocol: "tcp",
      scheduler: "wlc",
      forwarding: "dr",
      check: NO_CHECK,
    }),
  );
});

describe("publicApp", () => {
  test("gives the status as its schema says", async () => {
    const response = await app.request("/api/v1/status");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(statusSchema.parse(await response.json())).toEqual(await operations.status());
  });

  test("gives the published schema", async () => {
    expect(await (await app.request("/api/v1/schema")).json()).toEqual(statusJsonSchema());
  });

  test("says ok while the loop runs, and 503 with the reason when it does not", async () => {
    const well = await app.request("/healthz");
    expect([well.status, await well.text()]).toEqual([200, "ok\n"]);
    expect(well.headers.get("content-type")).toStartWith("text/plain");
    problem = "the loop last ran 5000 ms ago";
    const ill = await app.request("/healthz");
    expect([ill.status, await ill.text()]).toEqual([503, "the loop last ran 5000 ms ago\n"]);
  });

  test("gives metrics in the exposition format", async () => {
    const response = await app.request("/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).toContain('troop_vip_holder{vip="192.0.2.100",node="n1"} 1\n');
  });

  test("gives whoever asks for metrics at the same time the same rendering", async () => {
    let renderings = 0;
    const counted = publicApp({
      operations: {
        status: () => {
          renderings++;
          return operations.status();
        },
        counters: () => operations.counters(),
      },
      health: () => null,
    });
    await Promise.all(Array.from({ length: 5 }, () => counted.request("/metrics")));
    expect(renderings).toBe(1);
    await counted.request("/metrics");
    expect(renderings).toBe(2);
  });

  test("lists itself, as text and as a page whose names are escaped", async () => {
    const text = await (await app.request("/")).text();
    for (const path of ["/api/v1/status", "/api/v1/schema", "/healthz", "/metrics"]) {
      expect(text).toContain(path);
      expect((await app.request(path)).status).toBe(200);
    }
    const status = { ...await operations.status(), node: "<script>" };
    const odd = publicApp({
      operations: { status: () => Promise.resolve(status), counters: () => operations.counters() },
      health: () => null,
    });
    const page = await (await odd.request("/", { headers: { Accept: "text/html,*/*" } })).text();
    expect(page).toContain("&lt;script&gt;");
    expect(page).not.toContain("<script>");
  });

  test("answers HEAD, refuses writing with 405, and what is not there with 404", async () => {
    const head = await app.request("/api/v1/status", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const response = await app.request("/api/v1/status", { method });
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe("GET, HEAD");
    }
    const missing = await app.request("/admin/v1/status");
    expect(missing.status).toBe(404);
    expect(await missing.json()).toEqual({ error: "there is no /admin/v1/status; see /" });
  });

  test("tells nobody why it failed, except its log", async () => {
    const faults: unknown[] = [];
    const broken = publicApp({
      operations: {
        status: () => {
          throw new Error("secret path");
        },
        counters: () => operations.counters(),
      },
      health: () => null,
      onFault: (error) => faults.push(error),
    });
    for (const path of ["/api/v1/status", "/metrics", "/"]) {
      const response = await broken.request(path);
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain("secret");
    }
    expect(faults).toHaveLength(3);
  });
});
