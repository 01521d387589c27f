/** Who says what of a server, as `troop status` and `troop service list` print it. */
import { expect, test } from "bun:test";
import type { StatusVerdict } from "../../src/core/status/status.ts";
import { FakeWorld } from "./fake_context.ts";

/** The moment of the fake status. */
const AT = Date.parse("2026-01-02T12:00:01.123Z");

function verdict(up: boolean, reason: string, seconds: number, tookMs = 1): StatusVerdict {
  const since = new Date(AT - seconds * 1_000).toISOString();
  return { up, reason, since, tookMs, lastError: null };
}

function failed(verdict: StatusVerdict, reason: string, seconds: number): StatusVerdict {
  return { ...verdict, lastError: { reason, at: new Date(AT - seconds * 1_000).toISOString() } };
}

/** What is printed of the two servers of a service when this is said of the second. */
async function printed(
  up: boolean,
  own: StatusVerdict | null,
  holder: StatusVerdict | null,
  columns = 100,
): Promise<string[]> {
  const world = new FakeWorld();
  world.tty = { columns };
  world.env["NO_COLOR"] = "1";
  await world.call("service", "add", "192.0.2.100:80");
  const status = await world.operations.status();
  const [service] = status.services;
  const [first, second] = service!.servers;
  const servers = [first!, { ...second!, up, reason: "joined", verdicts: { own, holder } }];
  world.operations.status = async () => ({ ...status, services: [{ ...service!, servers }] });
  const { out } = await world.call("service", "list");
  return out.trimEnd().split("\n").slice(3);
}

const well = verdict(true, "200 in 1 ms", 7_200);

test("both say up: one line, since the later of them, with both durations", async () => {
  expect(await printed(true, well, verdict(true, "200 in 2 ms", 60))).toEqual([
    "  192.0.2.12:80   n2    up     1 min       1      12    345  200 in 1 ms / 2 ms",
  ]);
});

test("both say up in other words", async () => {
  expect((await printed(true, well, verdict(true, "connected in 2 ms", 60)))[0]).toEndWith(
    "  200 in 1 ms; holder: connected in 2 ms",
  );
});

test("they disagree: a line for each, with since, words and what it took", async () => {
  expect(await printed(false, well, verdict(false, "timed out after 1000 ms", 5.2, 1_000)))
    .toEqual([
      "  192.0.2.12:80   n2    DOWN   5.2 s       1      12    345  the holder says so",
      "      itself  up         2 h  200 in 1 ms",
      "      holder  DOWN     5.2 s  timed out after 1000 ms (took 1 s)",
    ]);
  const [line] = await printed(false, verdict(false, "nothing listens", 5), well);
  expect(line).toEndWith("it says so itself");
});

test("both say down: since the first of them", async () => {
  const refused = verdict(false, "connection refused", 5);
  expect(await printed(false, verdict(false, "nothing listens", 9), refused)).toEqual([
    "  192.0.2.12:80   n2    DOWN     9 s       1      12    345  both say so",
    "      itself  DOWN       9 s  nothing listens (took 1 ms)",
    "      holder  DOWN       5 s  connection refused (took 1 ms)",
  ]);
});

test("the last error is told for an hour after the recovery", async () => {
  const lately = failed(well, "status 503, want 2xx", 1_200);
  expect((await printed(true, lately, null)).slice(1)).toEqual([
    "      itself  last error 20 min ago: status 503, want 2xx",
  ]);
  expect((await printed(true, failed(well, "old", 3_700), null)).slice(1)).toEqual([]);
});

test("a dead node's old verdict is not taken for its state", async () => {
  expect(await printed(false, well, null)).toEqual([
    "  192.0.2.12:80   n2    DOWN        1      12    345  joined",
  ]);
});

test("lines fit a narrow terminal", async () => {
  const long = verdict(false, "x".repeat(200), 5);
  for (const line of await printed(false, long, long, 80)) {
    expect(line.length).toBeLessThanOrEqual(80);
  }
});
