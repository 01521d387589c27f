/** Crowds and dawdlers at the HTTP endpoint: the loop's turns come as they do in quiet, and others are answered. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Hono } from "hono";
import { answerJson } from "../../src/http/json_pieces.ts";
import { publicApp } from "../../src/http/public.ts";
import { PENDING_MAX, PER_TURN_MAX, requestGate } from "../../src/http/request_gate.ts";
import { type Served, servePublic } from "../../src/http/serve.ts";
import { freePort } from "../support/free_port.ts";
import { BEAT_MS, longestAllowed, startBeat, startLoneBeat } from "../support/pulse_beat.ts";
import { FakeOperations } from "./fake_operations.ts";

setDefaultTimeout(40_000);
const open: Served[] = [];
afterEach(async () => {
  for (const served of open.splice(0)) await served.close();
});

const LOOK_MS = 10;
const CROWD_MS = 2_500;
/** How long a slow reader may take here, ms. */
const READ_MS = 1_000;

async function serve(): Promise<number> {
  const port = await freePort();
  const app = new Hono();
  const large = { rows: Array.from({ length: 30_000 }, (_, n) => ({ n, text: "x".repeat(150) })) };
  app.get("/large", (context) => answerJson(context, large, { readMsMax: READ_MS }));
  app.route("/", publicApp({ operations: new FakeOperations(), health: () => null }));
  open.push(servePublic(`127.0.0.1:${port}`, app.fetch)!);
  return port;
}

/** How late turns come while this goes on, ms: of ten turns nine are no later. */
async function lateness(work: Promise<unknown>): Promise<number> {
  const late: number[] = [];
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    late.push(nowMs - lastMs - LOOK_MS);
    lastMs = nowMs;
  }, LOOK_MS);
  await work;
  clearInterval(timer);
  return late.sort((a, b) => a - b)[Math.floor(late.length * 0.9)] ?? 0;
}

async function crowd(port: number, kind: string): Promise<{ answers: number; closed: number }> {
  const script = `${import.meta.dir}/crowd_sender.ts`;
  const words = [String(port), String(CROWD_MS), kind];
  const child = Bun.spawn([process.execPath, script, ...words], { stdout: "pipe" });
  return JSON.parse(await new Response(child.stdout).text()) as { answers: number; closed: number };
}

describe("turns of the loop come in time, and others are answered, beside", () => {
  for (const kind of ["crowd", "pipeline", "slow headers", "slow readers", "huge headers"]) {
    test(kind, async () => {
      const port = await serve();
      const before = process.memoryUsage().rss;
      let asked = 0;
      let answered = 0;
      const asking = setInterval(() => {
        asked++;
        fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(5_000) })
          .then((response) => response.text(), () => "")
          .then((text) => void (answered += text === "" ? 0 : 1));
      }, 250);
      const beat = await startBeat();
      const endLone = await startLoneBeat();
      const quiet = await lateness(Bun.sleep(500));
      beat.take();
      const late = await lateness(crowd(port, kind));
      clearInterval(asking);
      const gaps = beat.take();
      beat.stop();
      const lone = await endLone();
      await Bun.sleep(300);
      expect(asked).toBeGreaterThan(3);
      expect(answered).toBeGreaterThanOrEqual(asked - 2);
      // The beat is 100 ms and four of them are death. A machine that is busy otherwise is late in quiet, too.
      expect(late).toBeLessThan(BEAT_MS + 5 * quiet);
      expect(gaps.length).toBeGreaterThan(5);
      expect(gaps.at(-1)).toBeLessThan(longestAllowed(lone));
      expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1_048_576);
    });
  }
});

test("who reads a large answer too slowly is cut off", async () => {
  const { closed } = await crowd(await serve(), "slow readers");
  expect(closed).toBeGreaterThan(0);
});

describe("requestGate", () => {
  const request = new Request("http://x/");
  const crowdOf = (pendingRequests: number) => ({ pendingRequests });

  test("answers so many in one turn, and the others in the next ones, in order", async () => {
    let answered = 0;
    const gate = requestGate(() => new Response(String(answered++)));
    const all = Array.from({ length: 4 * PER_TURN_MAX }, () => gate(request, crowdOf(1)));
    let turns = 0;
    const turn = (): void => {
      turns++;
      if (answered < all.length) setImmediate(turn);
    };
    setImmediate(turn);
    const numbers = await Promise.all(all.map(async (one) => Number(await (await one).text())));
    expect(numbers).toEqual(all.map((_, index) => index));
    expect(turns).toBeGreaterThanOrEqual(2);
  });

  test("tells those above the limit to come back", async () => {
    const gate = requestGate(() => new Response("x"));
    expect((await gate(request, crowdOf(PENDING_MAX))).status).toBe(200);
    const refused = await gate(request, crowdOf(PENDING_MAX + 1));
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "1"]);
  });
});
