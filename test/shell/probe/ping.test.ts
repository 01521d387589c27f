/** Pings of this machine's own loopback, and of a kernel made up by the tests. Needs root or CAP_NET_RAW. */
import { describe, expect, test } from "bun:test";
import type { Echo, EchoMessage } from "../../../ffi/icmp_echo.ts";
import { KernelRequestError } from "../../../ffi/mod.ts";
import type { CheckOf } from "../../../src/core/check.ts";
import { ipToBytes } from "../../../src/core/address.ts";
import { Echoes } from "../../../src/shell/probe/echo.ts";
import { createPing, probePing } from "../../../src/shell/probe/ping.ts";
import type { ProbeTarget } from "../../../src/ports.ts";
import { talkContext } from "./talk_context.ts";
import { countDescriptors, targetAt } from "./scripted_server.ts";

const target = targetAt(1, { kind: "ping", timeoutMs: 100 });
const at = (
  address: string,
  options: Partial<CheckOf<"ping">> = {},
): ProbeTarget<CheckOf<"ping">> => ({
  ...target,
  address,
  check: { ...target.check, timeoutMs: 5_000, ...options },
});

/** A kernel that answers requests as a test says. */
function fakeKernel(answer: (echo: Echo) => { from?: string; message: EchoMessage }[]) {
  const state = { open: 0, opened: 0 };
  const echoes = new Echoes(() => {
    const waiting: { from: Uint8Array; message: EchoMessage }[] = [];
    state.open += 1;
    state.opened += 1;
    return {
      send(address, echo) {
        for (const { from, message } of answer(echo)) {
          waiting.push({ from: from === undefined ? address : ipToBytes(from), message });
        }
      },
      receive: () => waiting.splice(0),
      close: () => state.open -= 1,
    };
  });
  return { state, probe: createPing(echoes) };
}

const reply = (echo: Echo): EchoMessage => ({ kind: "reply", ...echo });
const unreachable = ({ id, sequence }: Echo, destination: string): EchoMessage => ({
  kind: "unreachable",
  id,
  sequence,
  destination: ipToBytes(destination),
});

describe("probePing reaches", () => {
  test.each([["127.0.0.1", {}], ["::1", {}], ["127.0.0.1", { source: "127.0.0.9" }], ["127.0.0.1", {
    device: "lo",
  }]])("%s %o", async (address, options) => {
    expect(await probePing(at(address, options), talkContext())).toMatchObject({
      ok: true,
      reason: expect.stringMatching(/^echo in \d+ ms$/),
    });
  });

  test("a thousand addresses at once, and leaves no socket open", async () => {
    const before = countDescriptors();
    const results = await Promise.all(
      Array.from(
        { length: 1_000 },
        (_, index) => probePing(at(`127.0.${index >> 7}.${index % 128 + 1}`), talkContext()),
      ),
    );
    expect(results.filter((result) => result?.ok !== true)).toEqual([]);
    expect(countDescriptors()).toBe(before);
  });
});

test("probePing says what this machine lacks", async () => {
  expect(await probePing(at("127.0.0.1", { device: "nonesuch" }), talkContext())).toMatchObject({
    ok: false,
    reason: "cannot ask: bind ICMP socket to nonesuch: ENODEV (no such interface)",
  });
  expect(await probePing(at("127.0.0.1", { source: "192.0.2.77" }), talkContext())).toMatchObject({
    ok: false,
    reason: "cannot ask from 192.0.2.77: not an address of this node",
  });
  expect(await probePing(at("127.0.0.1", { source: "::1" }), talkContext())).toMatchObject({
    ok: false,
    reason: "cannot ask 127.0.0.1 from ::1: one is IPv4, the other IPv6",
  });
  const refused = createPing(
    new Echoes(() => {
      throw new KernelRequestError({ operation: "open ICMP socket", code: "EPERM" });
    }),
  );
  expect(await refused(target, talkContext())).toMatchObject({
    ok: false,
    reason: "cannot ask: open ICMP socket: EPERM (needs CAP_NET_ADMIN and CAP_NET_RAW)",
  });
});

describe("a ping is not answered by", () => {
  const cases: [what: string, answer: Parameters<typeof fakeKernel>[0]][] = [
    ["silence", () => []],
    ["another identifier", (echo) => [{ message: reply({ ...echo, id: echo.id ^ 1 }) }]],
    [
      "another sequence number",
      (echo) => [{ message: reply({ ...echo, sequence: echo.sequence ^ 1 }) }],
    ],
    ["other data", (echo) => [{ message: reply({ ...echo, data: new Uint8Array(16) }) }]],
    ["less data", (echo) => [{ message: reply({ ...echo, data: echo.data.subarray(1) }) }]],
    ["another address", (echo) => [{ from: "127.0.0.2", message: reply(echo) }]],
    ["word of another address", (echo) => [{ message: unreachable(echo, "127.0.0.2") }]],
  ];
  test.each(cases)("%s", async (_what, answer) => {
    const { probe, state } = fakeKernel(answer);
    expect(await probe(target, talkContext())).toMatchObject({
      ok: false,
      reason: "timed out after 100 ms while waiting for the echo",
    });
    expect(state.open).toBe(0);
  });
});

test("a ping ends when a router says that there is no way", async () => {
  const { probe } = fakeKernel((echo) => [
    { from: "192.0.2.1", message: unreachable(echo, "127.0.0.1") },
  ]);
  expect(await probe(target, talkContext())).toMatchObject({
    ok: false,
    reason: "unreachable, says 192.0.2.1",
  });
});

test("pings that are under way share one socket, and only the right one is answered", async () => {
  let answered = 0;
  const { probe, state } = fakeKernel((echo) =>
    answered++ % 2 === 0 ? [{ message: reply(echo) }] : []
  );
  const results = await Promise.all(
    Array.from({ length: 6 }, () => probe(target, talkContext())),
  );
  expect(results.map((result) => result?.ok)).toEqual([true, false, true, false, true, false]);
  expect(state).toEqual({ open: 0, opened: 1 });
});

test("a ping that is aborted says nothing and closes its socket", async () => {
  const { probe, state } = fakeKernel(() => []);
  const controller = new AbortController();
  const result = probe(target, talkContext({ signal: controller.signal }));
  expect(state.open).toBe(1);
  controller.abort();
  expect(await result).toBeNull();
  expect(state.open).toBe(0);
});
