/**
 * The failures every probe that talks through a client library must survive, whatever the protocol: in words, in
 * time, and with nothing left behind.
 */
import { expect, test } from "bun:test";
import type { ProbeResult, ProbeTarget } from "../../../src/ports.ts";
import { CONVERSATION_BYTES_MAX } from "../../../src/shell/probe/connection.ts";
import { createProbe } from "../../../src/shell/probe/probes.ts";
import { type Check, checkSchema } from "../../../src/core/check.ts";
import { closedPort, countDescriptors, type Script, serve } from "./scripted_server.ts";

const clock = { now: () => performance.now(), wallMs: () => Date.now() };
const probe = createProbe();

/** Options of a check; the timeout is 300 ms unless they say otherwise. */
export type Options = { readonly kind: Check["kind"] } & Record<string, unknown>;

function target(port: number, options: Options): ProbeTarget {
  const check = checkSchema.parse({ timeoutMs: 300, ...options });
  return { key: "x", address: "127.0.0.1", port, check };
}

/** Probes a server that follows the script, once. */
export async function probeScript(
  script: Script,
  options: Options,
  signal = new AbortController().signal,
): Promise<ProbeResult | null> {
  using server = await serve(script);
  return await probe(target(server.port, options), { clock, signal });
}

/** Answers one piece of what the client sends after the other; null: says nothing. A first `greeting` waits for none. */
export function replies(
  parts: readonly (string | Uint8Array | null)[],
  greeting: string | Uint8Array | null = null,
): Script {
  return (socket) => {
    const left = [...parts];
    if (greeting !== null) socket.write(greeting);
    socket.on("data", () => {
      const next = left.shift();
      if (next !== null && next !== undefined) socket.write(next);
    });
  };
}

/** Pours what it is given into the connection, from the start. */
export function flood(head: string | Uint8Array, block: string | Uint8Array): Script {
  return (socket) => {
    const pour = (): void => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on("drain", pour);
    socket.write(head);
    pour();
  };
}

/** Registers the failures as tests. `first` is what the probe waits for first. */
export function survivesBadServers(options: Options, first: string): void {
  const cases: [what: string, script: Script, reason: RegExp][] = [
    [
      "silence",
      () => {},
      RegExp(`^timed out after 300 ms while waiting for ${first}$`),
    ],
    ["an end at once", (socket) => socket.end(), /^connection closed while waiting for /],
    [
      "an end after the first words",
      (socket) => socket.once("data", () => socket.end()),
      /^(connection closed|timed out)/,
    ],
    ["a reset", (socket) => socket.resetAndDestroy(), /^connection reset while /],
    ["another protocol", (socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"), NOT_ITS_PROTOCOL],
    ["zeros", (socket) => socket.write(new Uint8Array(1_000)), NOT_ITS_PROTOCOL],
    ["ones", (socket) => socket.write(new Uint8Array(1_000).fill(0xff)), NOT_ITS_PROTOCOL],
    ["a flood of text", flood("HTTP/1.1 200 OK\r\n", "x".repeat(65_536)), NOT_ITS_PROTOCOL],
    ["a flood of zeros", flood("", new Uint8Array(65_536)), NOT_ITS_PROTOCOL],
  ];
  test.each(cases)("%s", async (_what, script, reason) => {
    const result = await probeScript(script, options);
    expect(result?.reason).toMatch(reason);
    expect(result?.ok).toBeFalse();
  });

  test("a refused connection", async () => {
    const context = { clock, signal: new AbortController().signal };
    const result = await probe(target(await closedPort(), options), context);
    expect(result).toMatchObject({ ok: false, reason: "connection refused" });
  });

  test("random bytes, a hundred times: no throw, nothing left open", async () => {
    const descriptors = countDescriptors();
    const noise = Array.from({ length: 100 }, (_, seed) => randomBytes(seed));
    const results = await Promise.all(
      noise.map((bytes) => probeScript((socket) => socket.end(bytes), options)),
    );
    expect(results.filter((result) => result?.ok !== false)).toEqual([]);
    for (let look = 0; look < 200 && countDescriptors() > descriptors; look++) await Bun.sleep(10);
    expect(countDescriptors()).toBeLessThanOrEqual(descriptors);
  });

  test("being aborted: it says nothing", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    expect(await probeScript(() => {}, options, controller.signal)).toBeNull();
  });
}

const NOT_ITS_PROTOCOL = RegExp(
  `^(does not speak|sent plain text|cannot understand|timed out|line longer|PING answered|AUTH answered|` +
    `sent more than ${CONVERSATION_BYTES_MAX}|login refused|search refused|bind refused)`,
);

/** The same for the same seed (a linear congruential generator). */
function randomBytes(seed: number): Uint8Array {
  let state = seed + 1;
  return Uint8Array.from({ length: 200 + seed }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}
