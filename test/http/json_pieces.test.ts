import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { answerJson, jsonPieces } from "../../src/http/json_pieces.ts";

/** A table whose servers are many. */
function table(rows: number, servers: number) {
  return {
    rows: Array.from({ length: rows }, (_, port) => ({
      protocol: "tcp",
      port,
      persistence: null,
      servers: Array.from({ length: servers }, (_, index) => ({
        address: `192.0.2.${index % 256}`,
        port,
        counters: { activeConnections: index, rates: { inBytesPerS: 1 } },
      })),
    })),
  };
}

describe("jsonPieces", () => {
  test.each<[unknown]>([
    [null],
    [0],
    ['é\u2028"\\'],
    [[]],
    [{}],
    [[undefined, null, [], {}, [[]]]],
    [{ a: undefined, b: 1, 'c"': { d: [{ e: { f: { g: [1, { h: 2 }] } } }] } }],
    [table(3, 3)],
  ])("writes %j as JSON.stringify does", (value) => {
    expect([...jsonPieces(value)].join("")).toBe(JSON.stringify(value));
  });

  test.each([
    ["many rows", table(11_000, 1)],
    ["few rows with many servers each", table(10, 2_000)],
    ["many servers in one row", table(1, 11_000)],
  ])("cuts %s into pieces of bounded size", (_, value) => {
    const pieces = [...jsonPieces(value)];
    expect(pieces.join("")).toBe(JSON.stringify(value));
    expect(pieces.length).toBeGreaterThan(20);
    for (const piece of pieces) expect(piece.length).toBeLessThan(40_000);
  });
});

describe("answerJson", () => {
  const app = new Hono();
  app.get("/small", (context) => answerJson(context, { a: [1, "ü"] }));
  app.get("/large", (context) => answerJson(context, table(2_000, 5)));

  test("sends a small answer at once", async () => {
    const response = await app.request("/small");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({ a: [1, "ü"] });
  });

  test("sends a large one piece by piece, and lets the loop run before each", async () => {
    let turns = 0;
    let running = true;
    const turn = () => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    const response = await app.request("/large");
    expect(response.headers.get("content-type")).toBe("application/json");
    const text = await response.text();
    running = false;
    expect(JSON.parse(text)).toEqual(table(2_000, 5));
    expect(turns).toBeGreaterThan([...jsonPieces(table(2_000, 5))].length - 2);
  });
});
